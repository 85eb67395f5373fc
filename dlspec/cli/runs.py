"""List the runs of a folder, or compare two.

dlspec runs                        every run below runs/, the latest first
dlspec runs experiments            every run below another folder
dlspec runs runs/lenet runs/wide   what two runs differ in: plan, curves, scores, what they were made with
dlspec runs a b c -o curves.png    their curves in one picture, as far as both the runs and the scores go
"""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path

    from dlspec.history import Comparison, PastRun


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "folders", metavar="FOLDER", nargs="*", default=["runs"], help="a folder of runs, or two runs (runs)"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print it (text)")
    parser.add_argument("-o", "--out", metavar="OUT.png", help="draw the curves of the runs in one picture")


def run(options: Namespace) -> int:
    from pathlib import Path

    from dlspec.cli.running import reporting
    from dlspec.history import compare_runs, find_runs, is_run

    folders = [Path(name) for name in options.folders]

    def job() -> str:
        if options.out:
            return _drawn([one for folder in folders for one in reversed(find_runs([folder]))], Path(options.out))
        if len(folders) == 2 and all(is_run(folder) for folder in folders):
            return _compared(compare_runs(*folders), options.format)
        return _listed(find_runs(folders), options.format)

    return reporting(job)


def _drawn(runs: list[PastRun], out: Path) -> str:
    """Their curves in one picture, in the order given and below a folder by time; a line that says where."""
    from pathlib import Path

    from dlspec.cli.running import training

    training("beside").draw_beside([Path(one.folder) for one in runs], out)
    return f"{len(runs)} runs drawn in {out}"


def _listed(runs: list[PastRun], form: str) -> str:
    from dlspec.cli import past_runs
    from dlspec.cli.printing import colour, width

    if form == "json":
        return past_runs.list_as_json(runs)
    return past_runs.list_as_text(runs, width=width(), colour=colour(sys.stdout))


def _compared(found: Comparison, form: str) -> str:
    from dlspec.cli import past_runs
    from dlspec.cli.printing import colour, width

    if form == "json":
        return past_runs.comparison_as_json(found)
    return past_runs.comparison_as_text(found, width=width(), colour=colour(sys.stdout))

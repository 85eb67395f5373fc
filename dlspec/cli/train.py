"""Run a training plan of a spec; everything it writes lies in the run folder.

The folder holds the resolved spec, the generated module, the figure, the record of every epoch,
checkpoints, pictures and the report.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import common

    common(parser, network=False)
    parser.add_argument("--plan", metavar="NAME", help="which plan of the file (the last, by default)")
    parser.add_argument("--out", metavar="RUN", help="the run folder (runs/NAME)")
    parser.add_argument("--resume", action="store_true", help="go on with the run that the folder holds")
    parser.add_argument("--allow-code", action="store_true", help="let the spec's own modules be imported and run")


def run(options: Namespace) -> int:
    from pathlib import Path

    from dlspec.checking import open_spec
    from dlspec.cli import split_settings
    from dlspec.cli.printing import print_diagnostics
    from dlspec.cli.runs import reporting
    from dlspec.running import run_plan

    spec = open_spec(options.file)
    settings, overrides = split_settings(options)
    out = Path(options.out) if options.out else None

    def job() -> object:
        return run_plan(
            spec, plan=options.plan, out=out, resume=options.resume, overrides=overrides, settings=settings,
            allow_code=options.allow_code, warn=print_diagnostics,
        )  # fmt: skip

    return reporting(job)

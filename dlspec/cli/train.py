"""Run a training plan of a spec; everything it writes lies in the run folder.

The folder holds the resolved spec, the generated module, the figure, the record of every epoch,
checkpoints, pictures and the report.
"""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path

    from dlspec.diagnostics.record import Diagnostic


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
    from dlspec.cli.running import reporting
    from dlspec.running import run_plan

    spec = open_spec(options.file)
    settings, overrides = split_settings(options)
    out = Path(options.out) if options.out else None

    def job() -> object:
        return run_plan(
            spec, plan=options.plan, out=out, resume=options.resume, overrides=overrides, settings=settings,
            allow_code=options.allow_code, begin=_begun,
        )  # fmt: skip

    return reporting(job)


def _begun(folder: Path, warnings: list[Diagnostic]) -> None:
    """Say what could be said at once: torch takes seconds to load."""
    from dlspec.cli.printing import print_diagnostics

    if warnings:
        print_diagnostics(warnings)
        print(file=sys.stderr)
    print(f"training into {folder}", file=sys.stderr, flush=True)

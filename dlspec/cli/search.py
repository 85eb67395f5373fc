"""Try the settings that a plan's `search` offers, choose by validation, and judge the best once on test.

The same command goes on with a search that was stopped, and joins one that runs: several processes share it.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import common

    common(parser, network=False)
    parser.add_argument("--plan", metavar="NAME", help="which plan of the file (the last, by default)")
    parser.add_argument("--out", metavar="FOLDER", help="the folder of the search (runs/NAME-search)")
    parser.add_argument("--allow-code", action="store_true", help="let the spec's own modules be imported and run")


def run(options: Namespace) -> int:
    from pathlib import Path

    from dlspec.checking import open_spec
    from dlspec.cli import split_settings
    from dlspec.cli.running import reporting
    from dlspec.searching import search_plan

    spec = open_spec(options.file)
    settings, overrides = split_settings(options)
    out = Path(options.out) if options.out else None
    return reporting(
        lambda: search_plan(
            spec, plan=options.plan, out=out, overrides=overrides, settings=settings, allow_code=options.allow_code
        )
    )

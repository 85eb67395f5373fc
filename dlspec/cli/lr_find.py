"""Look which learning rates train: a short training whose rate grows from step to step (Smith 2017).

A network of its own is trained; the folder gets `lr_find.json` and `lr_find.png`, and nothing else changes.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import common

    common(parser, network=False)
    parser.add_argument("--plan", metavar="NAME", help="which plan of the file (the last, by default)")
    parser.add_argument("--out", metavar="FOLDER", help="where it is written (runs/NAME-lr-find)")
    parser.add_argument("--low", type=float, default=1e-6, help="the first rate (1e-6)")
    parser.add_argument("--high", type=float, default=10.0, help="the last rate (10)")
    parser.add_argument("--steps", type=int, default=100, help="how many steps (100)")
    parser.add_argument("--allow-code", action="store_true", help="let the spec's own modules be imported and run")


def run(options: Namespace) -> int:
    from pathlib import Path

    from dlspec.checking import open_spec
    from dlspec.cli import split_settings
    from dlspec.cli.running import reporting
    from dlspec.running import find_rate

    spec = open_spec(options.file)
    settings, overrides = split_settings(options)
    out = Path(options.out) if options.out else None
    between = {"low": options.low, "high": options.high, "steps": options.steps}
    return reporting(
        lambda: find_rate(
            spec, between, plan=options.plan, out=out, overrides=overrides, settings=settings,
            allow_code=options.allow_code,
        )
    )  # fmt: skip

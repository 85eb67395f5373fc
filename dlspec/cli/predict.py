"""Apply what a run trained to pictures, .npz or .csv files: labels, numbers, objects or the class of every pixel."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("inputs", metavar="INPUT", nargs="+", help="pictures, .npz or .csv files, or folders of them")
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        required=True,
        help="out.csv, out.json or out.png; of objects and class maps a folder too",
    )
    parser.add_argument("--invert", action="store_true", help="swap dark and bright in pictures")


def run(options: Namespace) -> int:
    from pathlib import Path

    from dlspec.cli.running import reporting, training

    predict = training("run").predict
    inputs = [Path(name) for name in options.inputs]
    return reporting(lambda: predict(Path(options.folder), inputs, Path(options.out), invert=options.invert))

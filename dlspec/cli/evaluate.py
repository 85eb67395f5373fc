"""Score what a run trained, on its validation split.

--test reads the test split once more, and the report counts how often it was read.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="a run folder")
    parser.add_argument("--test", action="store_true", help="read the test split once more")


def run(options: Namespace) -> int:
    from pathlib import Path

    from dlspec.cli.running import reporting, training

    evaluate = training("run").evaluate
    return reporting(lambda: evaluate(Path(options.folder), test=options.test))

"""Write the PyTorch source of a network: a module file that stands on its own."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import common

    common(parser)
    parser.add_argument("-o", "--out", metavar="MODEL.py", default="-", help="where to write (standard output)")
    parser.add_argument(
        "--allow-code", action="store_true", help="let the module import the user modules that the spec names"
    )


def run(options: Namespace) -> int:
    from dlspec.cli import chosen_graph
    from dlspec.cli.printing import write_text
    from dlspec.compiling import lowered

    write_text(options.out, lowered(chosen_graph(options), allow_code=options.allow_code).source)
    return 0

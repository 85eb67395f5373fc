"""List the operators by family, or show the page of one: parameters, axes, examples."""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="an operator")


def run(options: Namespace) -> int:
    from dlspec.cli.printing import print_page
    from dlspec.ops import lookup, operator_names
    from dlspec.ops.page import index, page

    if options.name is None:
        print_page(index())
        return 0
    if lookup(options.name) is None:
        from dlspec.diagnostics.near_names import near

        close = near(options.name, operator_names())
        hint = f"; there is {' and '.join(f'`{n}`' for n in close)}" if close else "; `dlspec ops` lists them"
        print(f"there is no operator `{options.name}`{hint}", file=sys.stderr)
        return 2
    print_page(page(options.name) or "")
    return 0

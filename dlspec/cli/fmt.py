"""Format specs in place; comments stay. With --check nothing is written, and the exit code tells."""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="specs; - reads standard input and writes standard output"
    )
    parser.add_argument("--check", action="store_true", help="only say which files would change; exit code 1 if any")


def run(options: Namespace) -> int:
    from dlspec.checking import open_spec
    from dlspec.cli.printing import print_diagnostics, write_text
    from dlspec.diagnostics.record import SpecError
    from dlspec.syntax.convert import fmt

    code = 0
    for name in options.files:
        spec = open_spec(name)
        try:
            text = fmt(spec.source)
        except SpecError as error:
            print_diagnostics(error.diagnostics)
            code = 1
            continue
        if name == "-":
            sys.stdout.write(text)
        elif text != spec.source.text:
            print(f"{'would format' if options.check else 'formatted'} {name}")
            if options.check:
                code = 1
            else:
                write_text(name, text)
    return code

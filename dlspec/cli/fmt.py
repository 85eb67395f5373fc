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
    return max(_formatted(name, check=options.check) for name in options.files)


def _formatted(name: str, *, check: bool) -> int:
    """Format one spec; the exit code, which a mistake in one does not spare the others."""
    from dlspec.checking import open_spec
    from dlspec.cli import exit_code
    from dlspec.cli.printing import print_diagnostics, write_text
    from dlspec.diagnostics.record import SpecError
    from dlspec.syntax.convert import fmt

    try:
        spec = open_spec(name)
        text = fmt(spec.source)
        changed = text != spec.source.text
        if check:
            if changed:
                print(f"would format {name}")
            return int(changed)
        if spec.path is None:
            sys.stdout.write(text)
        elif changed:
            write_text(str(spec.path), text)
            print(f"formatted {name}")
    except SpecError as error:
        print_diagnostics(error.diagnostics)
        return exit_code(error.diagnostics)
    return 0

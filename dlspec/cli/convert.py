"""Write a spec in the other spelling: .dls to .dlspec.yaml, or back."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a spec")
    parser.add_argument("-o", "--out", metavar="OTHER", required=True, help="other.dlspec.yaml or other.dls")


def run(options: Namespace) -> int:
    from dlspec.checking import SUFFIXES, open_spec
    from dlspec.cli.printing import write_text
    from dlspec.diagnostics.record import SpecError, problem
    from dlspec.syntax.convert import convert

    spec = open_spec(options.file)
    if not options.out.endswith(SUFFIXES):
        raise SpecError([problem("E0502", f"the suffix of `{options.out}` is not that of a spec",
                                 notes=["there is `.dls`, and `.dlspec.yaml`"])])  # fmt: skip
    write_text(options.out, convert(spec.source, options.out))
    return 0

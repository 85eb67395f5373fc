"""Print the JSON Schema (draft-07) of specs, made from the catalogue."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--indent", type=int, default=2, metavar="N", help="spaces of indentation (2)")


def run(options: Namespace) -> int:
    import json

    from dlspec.editor.schema import spec_schema

    print(json.dumps(spec_schema(), indent=options.indent, ensure_ascii=False))
    return 0

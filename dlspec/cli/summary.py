"""Show the layers of a network: shapes, parameters, multiply-adds, receptive fields, totals."""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import common, input_argument

    common(parser)
    input_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: Namespace) -> int:
    from dlspec.analyses.summary import summarize
    from dlspec.cli import chosen_graph
    from dlspec.cli.printing import colour, width

    summary = summarize(chosen_graph(options))
    if options.json:
        import json

        print(json.dumps(summary.to_json(), ensure_ascii=False))
    else:
        print(summary.to_text(width=width(), colour=colour(sys.stdout)))
    return 0

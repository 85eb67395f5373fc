"""Show the layers of a network: shapes, parameters, multiply-adds, receptive fields, totals."""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import common

    common(parser)
    parser.add_argument(
        "--input",
        metavar="NAME=SIZES",
        action="append",
        default=[],
        help="close open sizes: image=1x3x224x224",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: Namespace) -> int:
    from dlspec.analyses.summary import summarize
    from dlspec.checking import open_spec, parsed_input
    from dlspec.cli import network_settings
    from dlspec.cli.printing import colour, width

    spec = open_spec(options.file)
    inputs = dict(parsed_input(text) for text in options.input)
    graph = spec.graph(options.network, settings=network_settings(options), inputs=inputs)
    known_inputs(inputs, graph.inputs)
    summary = summarize(graph)
    if options.json:
        import json

        print(json.dumps(summary.to_json(), ensure_ascii=False))
    else:
        print(summary.to_text(width=width(), colour=colour(sys.stdout)))
    return 0


def known_inputs(given: Mapping[str, object], inputs: Mapping[str, object]) -> None:
    """Every `--input` names an input of the network; raises SpecError otherwise."""
    from dlspec.diagnostics.record import SpecError, problem

    for name in given:
        if name not in inputs:
            raise SpecError(
                [problem("E0110", f"the network has no input `{name}`", notes=[f"it has {', '.join(inputs)}"])]
            )

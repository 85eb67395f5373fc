"""Derive a layer's numbers with the formulas of the course, or show the page of a code.

dlspec explain lenet               the network, part by part
dlspec explain lenet:features.0    one layer: size, parameters, receptive field
dlspec explain E0302               a code (or its name, `shapes-differ`)
"""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="FILE[:PATH] | CODE", help="a layer of a spec, or a code")
    parser.add_argument("--network", metavar="NAME", help="which network of the file (the last, by default)")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="network.classes=10")
    parser.add_argument(
        "--input",
        metavar="NAME=SIZES",
        action="append",
        default=[],
        help="close open sizes: image=1x3x224x224",
    )


def run(options: Namespace) -> int:
    from dlspec.cli.printing import colour
    from dlspec.diagnostics import explain

    found = explain.page(options.what)
    if found is not None:
        print(explain.terminal(found, colour=colour(sys.stdout)).rstrip())
        return 0
    if options.what[:1] in "EWew" and options.what[1:].isdigit():
        print(
            f"there is no code `{options.what}`; near: {', '.join(explain.near_codes(options.what))}",
            file=sys.stderr,
        )
        return 2
    return _layer(options)


def _layer(options: Namespace) -> int:
    from pathlib import Path

    from dlspec.analyses.explain import explain
    from dlspec.checking import open_spec, parsed_input
    from dlspec.cli import network_settings
    from dlspec.cli.printing import colour, width

    file, colon, path = options.what.rpartition(":")
    if not colon or Path(options.what).is_file():
        file, path = options.what, ""
    spec = open_spec(file)
    inputs = dict(parsed_input(text) for text in options.input)
    graph = spec.graph(options.network, settings=network_settings(options), inputs=inputs)
    print(explain(graph, path, width=width(), colour=colour(sys.stdout)))
    return 0

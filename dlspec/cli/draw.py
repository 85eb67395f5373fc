"""Draw a network; the suffix of the output chooses: svg, png, pdf, dot, mmd (Mermaid)."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import common

    common(parser)
    parser.add_argument(
        "-o", "--out", metavar="OUT", required=True, help="out.svg, out.png, out.pdf, out.dot or out.mmd"
    )
    parser.add_argument(
        "--input",
        metavar="NAME=SIZES",
        action="append",
        default=[],
        help="close open sizes: image=1x3x224x224",
    )
    parser.add_argument("--depth", type=int, metavar="N", help="open blocks only this deep")
    parser.add_argument("--full", action="store_true", help="draw every repeat and every node")


def run(options: Namespace) -> int:
    from dlspec.checking import open_spec, parsed_input
    from dlspec.cli import network_settings
    from dlspec.drawing import draw

    spec = open_spec(options.file)
    inputs = dict(parsed_input(text) for text in options.input)
    graph = spec.graph(options.network, settings=network_settings(options), inputs=inputs)
    draw(graph, options.out, depth=options.depth, full=options.full)
    return 0

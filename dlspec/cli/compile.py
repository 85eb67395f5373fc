"""Write the PyTorch source of a network: a module file that stands on its own."""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from dlspec.graph import Graph


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import common

    common(parser)
    parser.add_argument("-o", "--out", metavar="MODEL.py", default="-", help="where to write (standard output)")
    parser.add_argument(
        "--allow-code", action="store_true", help="let the module import the user modules that the spec names"
    )
    parser.add_argument(
        "--for", dest="purpose", choices=["training", "inference"], default="training",
        help="inference: batch norms folded, no dropout, no gradients, and `fold` for trained weights",
    )  # fmt: skip
    parser.add_argument(
        "--prove",
        action="store_true",
        help="with `--for inference`: run the folded network beside the one for training",
    )


def run(options: Namespace) -> int:
    from dlspec.cli import chosen_graph
    from dlspec.cli.printing import write_text
    from dlspec.compiling import lowered

    graph = chosen_graph(options)
    inference = options.purpose == "inference"
    source = lowered(graph, allow_code=options.allow_code, for_inference=inference).source
    if options.prove and not inference:
        print("error: `--prove` goes with `--for inference`", file=sys.stderr)
        return 2
    if options.prove:
        from dlspec.cli.running import reporting, training

        training("folded")
        if code := reporting(lambda: _prove(graph, source)):
            return code
    write_text(options.out, source)
    return 0


def _prove(graph: Graph, source: str) -> None:
    """Say how far the outputs are apart, beside the source, which may go to standard output."""
    from dlspec.exporting import folding_difference

    apart = folding_difference(graph, source)
    print(f"outputs differ from those of the network for training by at most {apart:.1e}", file=sys.stderr)

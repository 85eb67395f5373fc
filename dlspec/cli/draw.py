"""Draw a network; the suffix of the output chooses: svg, png, pdf, tex (TikZ), html (a page), dot, mmd (Mermaid).

dlspec draw lenet -o lenet.svg
dlspec draw lenet --field features.3 -o field.svg               what a unit of that layer sees of the image
dlspec draw lenet --field features.3 --on digit.png -o f.png    the same on a photo
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import common, input_argument

    common(parser)
    input_argument(parser)
    parser.add_argument(
        "-o", "--out", metavar="OUT", required=True,
        help="out.svg, out.png, out.pdf, out.tex, out.html (a page), out.dot or out.mmd",
    )  # fmt: skip
    parser.add_argument(
        "--layout", choices=["figure", "graph"],
        help="figure: the architecture as slabs (the default); graph: every step as a card, by graphviz",
    )  # fmt: skip
    parser.add_argument("--depth", type=_depth, metavar="N", help="a graph, its blocks opened only this deep")
    parser.add_argument("--full", action="store_true", help="a graph with every repeat and every node")
    parser.add_argument("--field", metavar="PATH", help="what a unit of the layer at PATH sees of the image")
    parser.add_argument("--on", metavar="IMAGE", help="with --field: a PNG or JPEG file to draw it on")
    parser.add_argument("--theme", choices=["auto", "light", "dark"], default="auto", help="auto: as the reader's page")


def _depth(text: str) -> int:
    """A whole number from 0; argparse words the ValueError."""
    depth = int(text)
    if depth < 0:
        raise ValueError(text)
    return depth


_depth.__name__ = "depth"


def run(options: Namespace) -> int:
    from dlspec.cli import chosen_graph
    from dlspec.diagnostics.record import SpecError
    from dlspec.drawing import draw, draw_field

    try:
        graph = chosen_graph(options)
    except SpecError as error:
        _draft(options)
        raise error
    if options.field is not None:
        draw_field(graph, options.field, options.out, photo=_photo(options.on), theme=options.theme)
        return 0
    draw(
        graph, options.out,
        layout=options.layout, depth=options.depth, full=options.full, theme=options.theme,
    )  # fmt: skip
    return 0


def _photo(path: str | None) -> bytes | None:
    """The bytes of an image file; raises SpecError where it cannot be read."""
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        from dlspec.diagnostics.record import SpecError, problem

        raise SpecError([problem("E0101", f"`{path}` cannot be read: {error.strerror or error}")]) from None


def _draft(options: Namespace) -> None:
    """The figure of a network with mistakes, what failed in red; nothing where not even a part of it could be made."""
    import sys

    from dlspec.checking import open_spec, parsed_input
    from dlspec.cli import network_settings
    from dlspec.diagnostics.record import SpecError
    from dlspec.drawing import draw_draft

    if options.layout == "graph" or options.depth is not None or options.full:
        return
    try:
        spec = open_spec(options.file)
        inputs = dict(parsed_input(text) for text in options.input)
        graph = spec.draft(options.network, settings=network_settings(options, spec), inputs=inputs)
    except SpecError:
        return
    if graph is not None and graph.failures and draw_draft(graph, options.out, options.theme):
        print(f"drawn as far as it goes: {options.out}", file=sys.stderr)

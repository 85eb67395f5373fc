"""Pictures of a network: the figure of its architecture, a graph of cards by graphviz, and Mermaid for Markdown."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlspec.analyses.difference import Difference
    from dlspec.drawing.canvas import Canvas
    from dlspec.graph import Graph

__all__ = ["dot_source", "draw", "draw_difference", "draw_field", "figure_svg", "mermaid", "page_html"]

FIGURES = ("svg", "png", "pdf", "tex")
GRAPHS = ("svg", "png", "pdf", "dot", "mmd")
SUFFIXES = (*FIGURES, "html", "dot", "mmd")
LAYOUTS = ("figure", "graph")


def draw(
    graph: Graph, out: str, *, layout: str | None = None, depth: int | None = None, full: bool = False,
    theme: str = "auto",
) -> None:  # fmt: skip
    """Draw a network into a file; its suffix chooses `.svg`, `.png`, `.pdf`, `.tex` (TikZ), `.dot`, `.mmd` (Mermaid)
    or `.html`, a page to look around in.

    `layout` is `figure`, the stages of the architecture as slabs, or `graph`, every step as a card, laid out by
    graphviz. In a graph repeats are folded and blocks are boxes; `depth` opens blocks only so deep, `full` draws every
    repeat and every node; both ask for a graph, as `.dot` and `.mmd` do. `theme` is light, dark, or auto: an SVG
    that is as the reader's page is. Raises SpecError for another suffix, for a place that cannot be written, and
    where the program or library that a format needs is missing.
    """
    form = _form(out)
    if form == "html" and layout is None:
        _write(out, page_html(graph).encode())
        return
    if layout is None:
        layout = "graph" if form not in FIGURES or depth is not None or full else "figure"
    _check_layout(form, layout)
    if layout == "figure":
        picture = _picture(_canvas(graph), form, theme)
    elif form == "mmd":
        picture = mermaid(graph, depth=depth, full=full).encode()
    elif form == "dot":
        picture = dot_source(graph, depth=depth, full=full).encode()
    else:
        from dlspec.drawing.graphviz import rendered

        picture = rendered(dot_source(graph, depth=depth, full=full), form)
    _write(out, picture)


def draw_draft(graph: Graph, out: str, theme: str = "auto") -> bool:
    """Draw a network with mistakes as far as it could be made; whether there is such a picture in that format."""
    form = _form(out)
    if form not in FIGURES:
        return False
    _write(out, _picture(_canvas(graph), form, theme))
    return True


def page_html(graph: Graph) -> str:
    """The interactive page of a network, one HTML file."""
    from dlspec.drawing.page import page_html as written

    return written(graph)


def figure_svg(graph: Graph, theme: str = "auto") -> str:
    """The figure of the architecture as SVG."""
    from dlspec.drawing.svg import svg_text

    return svg_text(_canvas(graph), theme)


def draw_field(graph: Graph, path: str, out: str, *, photo: bytes | None = None, theme: str = "auto") -> None:
    """Draw what the unit in the middle of the layer at `path` sees of the image, layer by layer, into a file: `.svg`,
    `.png`, `.pdf` or `.tex`; on a photo, the bytes of a PNG or JPEG file, not as `.tex`.
    """
    from dlspec.drawing.field import field_figure

    form = _form(out)
    _check_layout(form, "figure")
    _check_photo(photo, form)
    _write(out, _picture(field_figure(graph, path, photo), form, theme))


def _check_photo(photo: bytes | None, form: str) -> None:
    from dlspec.drawing.canvas import Photo
    from dlspec.drawing.refusals import NOT_DRAWN, refused

    if photo is not None and not Photo(0, 0, 0, 0, photo).kind:
        raise refused(NOT_DRAWN, "the image to draw on is neither PNG nor JPEG", [], "save it as PNG")
    if photo is not None and form == "tex":
        raise refused(NOT_DRAWN, "a field on an image is not written as `.tex`", ["`.svg`, `.png` and `.pdf` hold one"])


def draw_difference(
    differences: Sequence[Difference], out: str, *, old: str = "old", new: str = "new", theme: str = "auto"
) -> None:
    """Draw how networks differ into a file: `.svg`, `.png`, `.pdf` or `.tex`; `old` and `new` name the sides."""
    from dlspec.drawing.difference import difference_figure

    form = _form(out)
    _check_layout(form, "figure")
    _write(out, _picture(difference_figure(differences, old, new), form, theme))


def _picture(canvas: Canvas, form: str, theme: str) -> bytes:
    """A canvas in one of the forms of a figure."""
    if form == "png":
        from dlspec.drawing.raster import png_bytes

        return png_bytes(canvas, theme)
    if form == "pdf":
        from dlspec.drawing.document import pdf_bytes

        return pdf_bytes(canvas, theme)
    if form == "tex":
        from dlspec.drawing.tikz import tikz_text

        return tikz_text(canvas, theme).encode()
    from dlspec.drawing.svg import svg_text

    return svg_text(canvas, theme).encode()


def _canvas(graph: Graph) -> Canvas:
    from dlspec.drawing.figure import figure

    return figure(graph)


def _check_layout(form: str, layout: str) -> None:
    forms = FIGURES if layout == "figure" else GRAPHS
    if form not in forms:
        from dlspec.drawing.refusals import NOT_DRAWN, refused

        known = ", ".join(f"`.{s}`" for s in forms)
        raise refused(NOT_DRAWN, f"the layout `{layout}` is not written as `.{form}`", [f"it is written as {known}"])


def dot_source(graph: Graph, *, depth: int | None = None, full: bool = False) -> str:
    """The picture in the language of graphviz."""
    from dlspec.drawing.dot import dot_text
    from dlspec.drawing.scene import scene

    return dot_text(scene(graph, depth=depth, full=full))


def mermaid(graph: Graph, *, depth: int | None = None, full: bool = False) -> str:
    """The picture as a Mermaid flowchart."""
    from dlspec.drawing.flowchart import ROOM, mermaid_text
    from dlspec.drawing.scene import scene

    return mermaid_text(scene(graph, depth=depth, full=full, room=ROOM))


def _form(out: str) -> str:
    name = out.replace("\\", "/").rpartition("/")[2]
    form = name.rpartition(".")[2].lower() if "." in name else ""
    if form not in SUFFIXES:
        from dlspec.drawing.refusals import NOT_DRAWN, refused

        what = f"pictures are not written as `.{form}`" if form else f"`{out}` has no suffix to tell what to draw"
        raise refused(NOT_DRAWN, what, [f"there is {', '.join(f'`.{s}`' for s in SUFFIXES)}"])
    return form


def _write(out: str, picture: bytes) -> None:
    """Write the file whole or not at all."""
    import os

    unfinished = f"{out}.{os.getpid()}.part"
    try:
        with open(unfinished, "wb") as file:
            file.write(picture)
        os.replace(unfinished, out)
    except OSError as error:
        from contextlib import suppress

        from dlspec.drawing.refusals import NOT_WRITTEN, refused

        with suppress(OSError):
            os.unlink(unfinished)
        raise refused(NOT_WRITTEN, f"`{out}` cannot be written: {error.strerror or error}") from None

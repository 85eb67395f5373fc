"""Pictures of a network: a graph of cards by graphviz, and Mermaid for Markdown."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Graph

__all__ = ["dot_source", "draw", "mermaid", "svg_or_none"]

SUFFIXES = ("svg", "png", "pdf", "dot", "mmd")


def draw(graph: Graph, out: str, *, depth: int | None = None, full: bool = False) -> None:
    """Draw a network into a file; its suffix chooses `.svg`, `.png`, `.pdf`, `.dot` or `.mmd` (Mermaid).

    Repeats are folded and blocks are boxes; `depth` opens blocks only so deep, `full` draws every repeat and every
    node. Raises SpecError for another suffix, for a place that cannot be written, and where graphviz is missing.
    """
    form = _form(out)
    if form == "mmd":
        picture = mermaid(graph, depth=depth, full=full).encode()
    elif form == "dot":
        picture = dot_source(graph, depth=depth, full=full).encode()
    else:
        from dlspec.drawing.graphviz import rendered

        picture = rendered(dot_source(graph, depth=depth, full=full), form)
    _write(out, picture)


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


def svg_or_none(graph: Graph) -> str | None:
    """The picture as SVG for a notebook; None without graphviz."""
    from dlspec.diagnostics.record import SpecError
    from dlspec.drawing.graphviz import rendered

    try:
        return rendered(dot_source(graph), "svg").decode()
    except SpecError:
        return None


def _form(out: str) -> str:
    name = out.replace("\\", "/").rpartition("/")[2]
    form = name.rpartition(".")[2].lower() if "." in name else ""
    if form not in SUFFIXES:
        from dlspec.diagnostics.record import SpecError, problem

        what = f"pictures are not written as `.{form}`" if form else f"`{out}` has no suffix to tell what to draw"
        raise SpecError([problem("E0501", what, notes=[f"there is {', '.join(f'`.{s}`' for s in SUFFIXES)}"])])
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

        from dlspec.diagnostics.record import SpecError, problem

        with suppress(OSError):
            os.unlink(unfinished)
        raise SpecError([problem("E0502", f"`{out}` cannot be written: {error.strerror or error}")]) from None

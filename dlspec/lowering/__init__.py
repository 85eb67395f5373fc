"""From a graph to the PyTorch module that one would have written by hand."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Graph
    from dlspec.source import Span


class Lowered:
    """A module file: its text, its class, and where each line comes from."""

    __slots__ = ("class_name", "lines", "source")

    def __init__(self, source: str, lines: list[Span | None], class_name: str) -> None:
        self.source = source
        self.lines = lines
        """For each line of the text, the span of the spec that it was written for."""
        self.class_name = class_name


def lower(graph: Graph) -> Lowered:
    """The module file of a network."""
    from dlspec.lowering.write import File

    file = File(graph)
    written = file.write()
    return Lowered(written.source, written.spans, file.network.name)

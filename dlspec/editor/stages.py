"""The stages of a file as they are written, each with what the networks made of it: shapes, paths, nodes.

A stage is a step of a pipeline or a value of a statement. One in a block is made anew by every use of the block.
"""

from __future__ import annotations

from dlspec.analyses.words import multiples, shape_words
from dlspec.graph import Application, Node, Source, Tensor
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dlspec.editor.document import Document
    from dlspec.graph import Graph
    from dlspec.sizes import Dim

    Place = tuple[int, int]


class Made:
    """What one use of a stage came to."""

    __slots__ = ("graph", "part", "shape")

    def __init__(self, graph: Graph, part: Node | Application, shape: str) -> None:
        self.graph = graph
        self.part = part
        self.shape = shape


class Stage:
    """A stage as written: where it stands, where its hint goes, and its uses in order."""

    __slots__ = ("end", "made", "start", "where")

    def __init__(self, start: int, end: int, where: int) -> None:
        self.start = start
        self.end = end
        self.where = where
        self.made: list[Made] = []


def stages(document: Document) -> list[Stage]:
    """The stages of a file, in order, each with what the first network that has it made of it."""
    found = written(document.tree, document.source.is_yaml)
    for network in document.shown_networks():
        graph = document.graph(network)
        if graph is None:
            continue
        _fill(document, found, graph)
        if graph.training is not None:
            _fill(document, found, graph.training)
    return sorted({id(stage): stage for stage in found.values()}.values(), key=lambda stage: stage.where)


def _fill(document: Document, found: dict[Place, Stage], graph: Graph) -> None:
    words = ShapeWords(graph)
    known = {place for place, stage in found.items() if stage.made}
    for part in _parts(graph.root):
        span = part.span
        place = span.start, span.end
        if place in known or place not in found or span.source is not document.source:
            continue
        shape = words.of(list(part.outputs) if isinstance(part, Node) else part.result)
        if shape:
            found[place].made.append(Made(graph, part, shape))


def _parts(application: Application) -> Iterator[Node | Application]:
    """Every node and use of a block that was made for the first time, the inner before the outer."""
    for step in application.steps:
        if isinstance(step, Application):
            if not step.again:
                yield from _parts(step)
                yield step
        elif not isinstance(step.op, Source) and "#" not in step.path:
            yield step


class ShapeWords:
    """Shapes of one network in words, each worked out once."""

    def __init__(self, graph: Graph) -> None:
        self._parts = multiples(graph)
        self._known: dict[tuple[Dim, ...], str] = {}

    def of(self, value: Any) -> str:
        """The shape of what a stage gives; of several the first and the last; empty where it is not known."""
        if isinstance(value, Tensor):
            if value.shape not in self._known:
                self._known[value.shape] = shape_words(value.shape, self._parts) or "one number"
            return self._known[value.shape]
        if isinstance(value, dict):
            texts = [f"{name} {self.of(item)}" for name, item in value.items()]
            return _row(texts, "{}") if all(isinstance(item, Tensor) for item in value.values()) else ""
        if isinstance(value, list) and value and all(isinstance(item, Tensor) for item in value):
            texts = [self.of(item) for item in value]
            same = len(set(texts)) == 1
            return texts[0] if len(texts) == 1 else f"{len(texts)} × {texts[0]}" if same else _row(texts, "[]")
        return ""


def _row(texts: list[str], brackets: str) -> str:
    shown = f"{texts[0]} … {texts[-1]}" if len(texts) > 2 else ", ".join(texts)
    return f"{brackets[0]}{shown}{brackets[1]}"


# As written


def written(file: tree.File, is_yaml: bool) -> dict[Place, Stage]:
    """Every stage by the span of its value; a repeat also by the span of what is repeated."""
    found: dict[Place, Stage] = {}
    stack: list[Any] = [file]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack += part
        elif isinstance(part, tree.Node):
            for value in _stage_values(part):
                _add(found, value, is_yaml)
            stack += [getattr(part, field) for field in part._fields]
    return found


def _stage_values(part: tree.Node) -> tuple[tree.Expr, ...]:
    match part:
        case tree.Pipe(steps=steps):
            return tuple(steps[1:])
        case tree.Group(steps=steps):
            return tuple(steps)
        case tree.Labelled(value=value):
            return (value,)
        case tree.Assign() | tree.Output() | tree.Evaluate():
            return (part.value,) if part.value is not None else ()
    return ()


def _add(found: dict[Place, Stage], value: tree.Expr, is_yaml: bool) -> None:
    if isinstance(value, tree.Labelled):
        value = value.value
    if isinstance(value, tree.Pipe | tree.Literal):
        return  # its last step has the hint
    stage = Stage(value.span.start, value.span.end, _hint_place(value, is_yaml))
    found.setdefault((stage.start, stage.end), stage)
    if isinstance(value, tree.Binary) and value.operator == "*":
        found.setdefault((value.left.span.start, value.left.span.end), stage)
    if isinstance(value, tree.IfExpr):
        for side in (value.then, value.orelse):
            _add(found, side, is_yaml)


def _hint_place(value: tree.Expr, is_yaml: bool) -> int:
    """The end of a stage; of a YAML list, which ends with its last item, the end of the line of its label."""
    span = value.span
    text = span.source.text
    if not is_yaml or "\n" not in span.text:
        return span.end
    before = text[: span.start].rstrip()
    line_end = text.find("\n", len(before))
    first_line = text.find("\n", span.start)
    return len(before) if before.endswith(":") and line_end < span.start else first_line

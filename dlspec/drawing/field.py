"""The receptive field of one unit as a picture: what it sees of the image, layer by layer from the first to its own."""

from __future__ import annotations

from dlspec.analyses.derivations import widest
from dlspec.analyses.explain import part_at
from dlspec.analyses.reach import Reach
from dlspec.analyses.receptive_field import receptive_fields
from dlspec.analyses.typical import number, typical_sizes
from dlspec.analyses.words import operator_words
from dlspec.drawing.canvas import Canvas
from dlspec.drawing.metrics import width as text_width
from dlspec.drawing.refusals import NOT_DRAWN, refused
from dlspec.graph import Node
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from dlspec.analyses.receptive_field import ReceptiveFields
    from dlspec.graph import Graph

MARGIN = 28.0
SIDE = 340.0
"""Points that the longer side of the image takes, more or less."""
CELL = (1.0, 26.0)
"""Points of a pixel, at least and at most."""
GRIDDED = 5.0
"""Points of a pixel from which on its edges are drawn."""
MOST = 14
"""Layers that are drawn; of a longer way the last ones."""
ROW = 30.0


class Seen(Record):
    """What the unit of a layer that lies in the middle of the field sees: rows and columns, first and last."""

    node: Node
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def size(self) -> str:
        return f"{self.rows[1] - self.rows[0] + 1} × {self.columns[1] - self.columns[0] + 1}"


def field_figure(graph: Graph, path: str, photo: bytes | None = None) -> Canvas:
    """The field of the unit in the middle of the layer at `path`, on the pixels of the image or on a photo of it.

    Raises SpecError where the layer is a block, or sees no part of an image that is fixed before anything runs.
    """
    node = part_at(graph, path)
    if not isinstance(node, Node):
        raise refused(NOT_DRAWN, f"`{path}` is a block, and a field is that of a layer", [], "name a layer in it")
    fields = receptive_fields(graph)
    name = next((name for name in fields.inputs_of(node) if len(graph.inputs[name].shape) == 4), None)
    if name is None:
        raise refused(NOT_DRAWN, f"`{path}` sees no image: no input of it has height and width")
    sizes = typical_sizes(graph)
    height, width = (number(size, sizes) or 0 for size in graph.inputs[name].shape[2:])
    seen = _way(graph, node, name, fields, (height, width))
    return _drawn(graph, name, seen, (height, width), photo, sizes)


def _way(graph: Graph, node: Node, name: str, fields: ReceptiveFields, image: tuple[int, int]) -> list[Seen]:
    """The layers on the widest way from the image that widen the field, each seen from the middle of the last one's."""
    nodes: list[Node] = []
    here: Node | None = node
    while here is not None and here is not graph.inputs[name].node:
        before = widest(here, name, 3, fields)
        if here is node or before is None or fields.view(before, name) != fields.view(here, name):
            nodes.append(here)
        here = before
    middle, seen = None, []
    for one in nodes:
        seen.append(_seen(one, name, fields, image, middle))
        if middle is None:
            middle = (sum(seen[0].rows) / 2, sum(seen[0].columns) / 2)
    sizes = [one.size for one in seen]
    return [one for place, one in enumerate(seen) if place == 0 or sizes[place] != sizes[place - 1]][::-1]


def _seen(
    node: Node, name: str, fields: ReceptiveFields, image: tuple[int, int], middle: tuple[float, float] | None
) -> Seen:
    field = fields.of(node, name)
    assert field is not None
    if field.depends_on_data:
        raise refused(NOT_DRAWN, f"what `{node.path}` sees of `{name}` is decided by the numbers", [])
    ends = []
    for axis, (sight, length) in enumerate(zip(field.sights, image)):
        wanted = middle[axis] if middle is not None else (length - 1) / 2
        ends.append(_nearest(sight, wanted) if isinstance(sight, Reach) else (0, length - 1))
    return Seen(node, ends[0], ends[1])


def _nearest(reach: Reach, wanted: float) -> tuple[int, int]:
    """The ends of the unit whose middle lies nearest to a position."""
    stride, first = reach.numerator / reach.denominator, reach.twice_centre / (2 * reach.denominator)
    if reach.place is None or not stride:
        return reach.ends()
    unit = max(round((wanted - first) / stride - 1e-9), 0)
    return reach.ends(unit)


def _drawn(
    graph: Graph, name: str, seen: list[Seen], image: tuple[int, int], photo: bytes | None, sizes: dict[str, int]
) -> Canvas:  # fmt: skip
    shown, last = seen[-MOST:], seen[-1]
    height, width = image
    before = max(0, -min(one.rows[0] for one in shown)), max(0, -min(one.columns[0] for one in shown))
    after = (
        max(0, max(one.rows[1] for one in shown) - height + 1),
        max(0, max(one.columns[1] for one in shown) - width + 1),
    )
    whole = max(height + before[0] + after[0], width + before[1] + after[1])
    cell = min(max(SIDE / whole, CELL[0]), CELL[1])
    canvas = Canvas(f"{graph.name}: what a unit of {last.node.path} sees")
    canvas.text(MARGIN, 36, f"What a unit of {last.node.path} sees", 17, bold=True)
    words = f"the unit in the middle sees {last.size} of {name}, which has {height} × {width} pixels"
    canvas.text(MARGIN, 54, words, 11, "grey")
    canvas.about = words
    left, top = MARGIN + before[1] * cell, 74 + before[0] * cell
    _image(canvas, left, top, image, cell, photo)
    labels = left + (width + after[1]) * cell + 26
    for place, one in reversed([*enumerate(shown)]):  # small ones lie on top
        _frame(canvas, one, left, top, cell, place == len(shown) - 1)
    end = _labels(canvas, shown, labels, 74.0)
    canvas.width = max(
        labels + max(_label_width(one) for one in shown), MARGIN + text_width(words, 11), 2 * MARGIN
    ) + MARGIN  # fmt: skip
    canvas.height = max(top + (height + after[0]) * cell, end) + MARGIN
    return canvas


def _image(canvas: Canvas, left: float, top: float, image: tuple[int, int], cell: float, photo: bytes | None) -> None:
    height, width = image
    if photo is not None:
        canvas.photo(left, top, width * cell, height * cell, photo)
    else:
        canvas.box(left, top, width * cell, height * cell, "card", "web")
    if cell >= GRIDDED and photo is None:  # of a photo the pixels show
        for row in range(1, height):
            canvas.line([(left, top + row * cell), (left + width * cell, top + row * cell)], "rule", 0.6)
        for column in range(1, width):
            canvas.line([(left + column * cell, top), (left + column * cell, top + height * cell)], "rule", 0.6)
    _outline(canvas, left, top, width * cell, height * cell, "line", 1.0)


def _frame(canvas: Canvas, one: Seen, left: float, top: float, cell: float, is_last: bool) -> None:
    x, y = left + one.columns[0] * cell, top + one.rows[0] * cell
    wide, tall = ((ends[1] - ends[0] + 1) * cell for ends in (one.columns, one.rows))
    _outline(canvas, x, y, wide, tall, _colour(one, is_last), 3.0 if is_last else 1.8)


def _outline(canvas: Canvas, x: float, y: float, wide: float, tall: float, colour: str, thick: float) -> None:
    corners = [
        (x, y),
        (x + wide, y),
        (x + wide, y + tall),
        (x, y + tall),
        (x, y),
        (x + 1, y),
    ]  # past its first corner, which is then closed
    canvas.line(corners, colour, thick)


def _colour(one: Seen, is_last: bool) -> str:
    return "wrong" if is_last else f"{one.node.op.family}.edge"


def _labels(canvas: Canvas, seen: list[Seen], x: float, top: float) -> float:
    """A line for each frame, the widest last; where they end."""
    y = top
    for place, one in enumerate(seen):
        is_last = place == len(seen) - 1
        colour = _colour(one, is_last)
        _outline(canvas, x, y + 2, 12, 12, colour, 3.0 if is_last else 1.8)
        canvas.text(x + 22, y + 12, one.node.path, 12, "wrong" if is_last else "ink", bold=True)
        canvas.text(x + 22, y + 25, _said(one), 10, "grey")
        y += ROW + 6
    return y


def _said(one: Seen) -> str:
    return f"{operator_words(one.node.op)} · sees {one.size}"


def _label_width(one: Seen) -> float:
    return 22 + max(text_width(one.node.path, 12, True), text_width(_said(one), 10))

"""A network of fully connected layers: each layer a column of units, each unit joined to all of the layer before."""

from __future__ import annotations

from itertools import pairwise

from dlspec.drawing.metrics import width
from dlspec.drawing.words import count_text, tag
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.canvas import Canvas
    from dlspec.drawing.figure.items import Stages
    from dlspec.drawing.figure.words import Words
    from dlspec.graph import Node

MARGIN = 28
MOST = 9
"""Units of a layer that are drawn; of more the middle is left out."""
RADIUS = 8.0
STEP = 22.0
"""Points from unit to unit."""
NARROWEST = 360.0
"""Points of a figure, for its heading."""
LAYER = 128.0
"""Points from layer to layer, at least."""


class Layer:
    """A column of units."""

    __slots__ = ("count", "detail", "name", "parameters", "x")

    def __init__(self, name: str, detail: str, count: int, parameters: int) -> None:
        self.name = name
        self.detail = detail
        self.count = count
        self.parameters = parameters
        self.x = 0.0

    @property
    def shown(self) -> int:
        return min(self.count, MOST)

    def heights(self, middle: float) -> list[float]:
        """Where its units lie; around the middle of a cut layer there is a gap."""
        places = [middle + (place - (self.shown - 1) / 2) * STEP for place in range(self.shown)]
        if self.count > MOST:
            del places[MOST // 2]
        return places


def has_units(made: Stages) -> bool:
    """Whether a network is nothing but fully connected layers, one after the other."""
    families = {one.family for item in made.items for one in item.slices}
    return (
        made.is_chain
        and families == {"input", "linear"}
        and all(
            len(one.node.outputs[0].shape) == 2 for item in made.items for one in item.slices if one.family == "linear"
        )
    )


def units(canvas: Canvas, made: Stages, words: Words, top: float) -> float:
    """Draw the layers from left to right under `top`; returns where the drawing ends. Sets the canvas' width."""
    layers = _layers(made, words)
    tallest = max(layer.shown for layer in layers) * STEP
    middle = top + tallest / 2 + 4
    x = MARGIN + 40.0
    for before, layer in zip([None, *layers], layers):
        wide = max(width(layer.name, 12, True), width(layer.detail, 10))
        if before is not None:
            earlier = max(width(before.name, 12, True), width(before.detail, 10))
            x += max(LAYER, (wide + earlier) / 2 + 20)
        layer.x = x
    last = layers[-1]
    ends = last.x + max(width(last.name, 12, True), width(last.detail, 10)) / 2 + MARGIN
    canvas.width = max(ends, NARROWEST)
    for layer in layers:
        layer.x += (canvas.width - ends) / 2
    for one, other in pairwise(layers):
        for start in one.heights(middle):
            for end in other.heights(middle):
                canvas.line([(one.x + RADIUS, start), (other.x - RADIUS, end)], "web", 0.7)
    for layer in layers:
        _draw(canvas, layer, middle, top + tallest + 26)
    return top + tallest + 26 + 48


def _layers(made: Stages, words: Words) -> list[Layer]:
    found = []
    nodes = [one for item in made.items for one in item.slices]
    for one in nodes:
        shape = one.tensor.shape
        if one.family == "input":
            count = 1
            for size in shape[1:]:
                count *= words.number(size) or 1
            said = words.shape(one.tensor)
            found.append(Layer(one.node.name, said if len(shape) > 2 else "input", count, 0))
        else:
            parameters = words.cost.nodes[one.node].parameters
            found.append(Layer(_label(one.node), _followers(one.node, made), words.number(shape[1]) or 1, parameters))
    return found


def _label(node: Node) -> str:
    return node.path


def _followers(node: Node, made: Stages) -> str:
    """The activation that follows: `linear · ReLU`."""
    nodes = next(item.nodes for item in made.items if node in item.nodes)
    after = []
    for other in nodes[nodes.index(node) + 1 :]:
        if other.op.family not in ("activation", "normalization", "regularization"):
            break
        after.append(tag(other))
    return " · ".join(["linear", *after])


def _draw(canvas: Canvas, layer: Layer, middle: float, y: float) -> None:
    family = "linear" if layer.parameters else "input"
    for height in layer.heights(middle):
        canvas.circle(layer.x, height, RADIUS, f"{family}.top", f"{family}.edge")
    if layer.count > MOST:
        for dot in (-1, 0, 1):
            canvas.circle(layer.x, middle + 5.5 * dot, 1.3, "grey")
    canvas.text(layer.x, y, layer.name, 12, "ink", "middle", bold=True)
    canvas.text(layer.x, y + 15, layer.detail, 10, "grey", "middle")
    counted = f"{layer.count:,} unit{'s' if layer.count > 1 else ''}"
    canvas.text(layer.x, y + 30, counted, 10.5, "ink", "middle")
    if layer.parameters:
        canvas.text(layer.x, y + 45, f"{count_text(layer.parameters)} parameters", 9, "grey", "middle")

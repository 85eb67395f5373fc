"""What is written on a card, on the head of a box and over the picture, as runs of text; how it is set is left open."""

from __future__ import annotations

from dlspec.drawing import palette
from dlspec.drawing.metrics import shortened, width
from dlspec.drawing.parts import Box, Card, Part
from dlspec.drawing.scene import is_own_name
from dlspec.drawing.words import (
    Shapes,
    count_text,
    mapping_text,
    names_text,
    operator_name,
    plural,
    spreads_out,
    symbol,
    tag,
    title,
)
from dlspec.graph import Source
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.scene import Scene
    from dlspec.graph import Node, Tensor

_SLIM = ("shape", "activation", "regularization", "function")
"""Families without much to say: one line."""
_WIDEST = 250
"""Points that a line of a card may take before its label is shortened."""
GAP = 12
"""Points between what stands left and right on a line, at least."""


class Run:
    """A piece of text in one face."""

    __slots__ = ("bold", "colour", "is_count", "size", "text")

    def __init__(self, text: str, size: float = 9, colour: str = palette.GREY, bold: bool = False) -> None:
        self.text = text
        self.size = size
        self.colour = colour
        self.bold = bold
        self.is_count = False
        """Whether it counts parameters, as its place on a card tells."""

    @property
    def width(self) -> float:
        """Its length in points, with the space before the next run."""
        return width(self.text, self.size, self.bold) + width(" ", self.size)


class Face:
    """The lines of a card, each with its left and right side, and the colours of its family."""

    __slots__ = ("accent", "lines", "tint")

    def __init__(self, family: str, lines: list[tuple[list[Run], list[Run]]]) -> None:
        self.accent, self.tint = palette.colours(family)
        self.lines = [_fitted(left, right) for left, right in lines]

    @property
    def width(self) -> float:
        """The length of its longest line in points."""
        return max(_length(left) + _length(right) + (GAP if right else 0) for left, right in self.lines)


def _length(runs: list[Run]) -> float:
    return sum(run.width for run in runs)


def _fitted(left: list[Run], right: list[Run]) -> tuple[list[Run], list[Run]]:
    """Both sides of a line, their texts shortened where it would be too long."""
    right = narrowed(right, _WIDEST - min(_length(left) + GAP, _WIDEST / 2))
    return narrowed(left, _WIDEST - _length(right) - (GAP if right else 0)), right


def narrowed(runs: list[Run], room: float) -> list[Run]:
    """The runs in at most that many points, the last of them shortened first."""
    kept = list(runs)
    for place in reversed(range(len(kept))):
        surplus = _length(kept) - room
        if surplus > 0:
            run = kept[place]
            text = shortened(run.text, run.size, run.width - surplus, run.bold)
            kept[place] = Run(text, run.size, run.colour, run.bold)
    return kept


def _count(text: str) -> Run:
    run = Run(text)
    run.is_count = True
    return run


class Faces:
    """Writes the faces of one scene."""

    def __init__(self, made: Scene) -> None:
        from dlspec.analyses.cost import cost

        self.made = made
        self.shapes = Shapes(made.graph)
        self.cost = cost(made.graph)

    # Cards

    def card(self, card: Card) -> Face:
        """What a card shows: the operator, its label, the shape it gives, its parameters, and what is fused to it."""
        if card.output is not None:
            return self._output(card.output)
        if card.elided:
            return Face("other", [([Run(f"… {plural(card.elided, 'part')} more", 10, palette.INK)], [])])
        if card.closed is not None:
            return self._closed(card)
        host = card.host
        if isinstance(host.op, Source):
            return self._source(card)
        family = "resize" if spreads_out(host) else host.op.family
        name = Run(title(host), 11, palette.colours(family)[0], True)
        left = [name, *self._repeat(card), *self._label(card)]
        shape = Run(self._shapes(card.nodes[-1]), 10, palette.INK)
        weights = self._weights(card)
        tags = " · ".join(tag(node) for node in card.nodes[1:])
        is_slim = host.op.family in _SLIM or host.op.family == "join"
        if is_slim and not tags and not weights:
            return Face(family, [(left, [shape])])
        return Face(family, [(left, weights), ([shape], [Run(tags)] if tags else [])])

    def join(self, card: Card) -> list[Run]:
        """What the small node of a join shows: `+ ReLU`, `concat 128×56×56`."""
        accent = palette.colours("join")[0]
        words = [symbol(card.host), *(tag(node) for node in card.nodes[1:])]
        runs = [Run(" ".join(words), 10, accent, True), *self._repeat(card)]
        if any(tensor.shape != card.result.shape for tensor in card.host.inputs):
            runs.append(Run(self.shape(card.result), 9, palette.INK))
        return runs + self._weights(card)

    def _source(self, card: Card) -> Face:
        tensor = card.result
        dtype = "" if tensor.dtype == "float32" else f"{tensor.dtype} "
        left = [Run(card.label, 11, palette.INK, True), Run(card.host.op.name)]
        return Face("input", [(left, [Run(dtype + self.shape(tensor), 10, palette.INK)])])

    def _output(self, name: str) -> Face:
        tensor = self.made.graph.outputs[name]
        left = [Run(name, 11, palette.INK, True), Run("output")]
        return Face("input", [(left, [Run(self.shape(tensor), 10, palette.INK)])])

    def _closed(self, card: Card) -> Face:
        box = card.closed
        assert box is not None
        name = Run(box.definition_name or box.application.kind, 11, palette.colours("other")[0], True)
        left = [name, *self._repeat(card), *self._label(card)]
        count = sum(not isinstance(node.op, Source) for node in card.nodes)
        shape = Run(self._results(card), 10, palette.INK)
        return Face("other", [(left, self._weights(card)), ([shape], [Run(plural(count, "layer"))])])

    def _results(self, card: Card) -> str:
        """The shapes of what leaves a block."""
        shapes = [self.shape(tensor) for tensor in self.made.folder.results(card)]
        return ", ".join(shapes) if len(shapes) <= 3 else f"{shapes[0]}, {shapes[1]}, … ({len(shapes)})"

    def _shapes(self, node: Node) -> str:
        """The shape of every tensor that a node gives: `3 of 64×56×56` where it gives several alike."""
        shapes = [self.shape(tensor) for tensor in node.outputs]
        if len(shapes) > 1 and len(set(shapes)) == 1:
            return f"{len(shapes)} of {shapes[0]}"
        return ", ".join(shapes)

    def shape(self, tensor: Tensor) -> str:
        """The shape of a tensor, in the picture's words."""
        return self.shapes.text(tensor)

    def _label(self, card: Card) -> list[Run]:
        label = names_text([part.label for part in (card, *card.copies)])
        return [] if not label or (is_own_name(card) and not card.closed) else [Run(label)]

    def _repeat(self, part: Part) -> list[Run]:
        return [Run(f"×{part.count}", 11, palette.REPEAT, True)] if part.copies else []

    def _weights(self, card: Card) -> list[Run]:
        words = [self.parameters(card)]
        modules = [node.module for node in card.nodes if node.module is not None and node.module.weights]
        if any(self.made.folder.is_shared(node) for node in card.nodes if node.module in modules):
            words.append("shared")
        if modules and all(module.frozen for module in modules):
            words.append("frozen")
        text = " · ".join(filter(None, words))
        return [_count(text)] if text else []

    def parameters(self, part: Part) -> str:
        """How many parameters it holds: `590K`, `590K each` where it repeats; nothing for none."""
        counts = [sum(self.cost.nodes[node].parameters for node in one.nodes) for one in (part, *part.copies)]
        if not any(counts):
            return ""
        if len(counts) > 1 and len(set(counts)) == 1:
            return f"{count_text(counts[0])} each"
        return count_text(sum(counts))

    # Boxes

    def head(self, box: Box) -> list[Run]:
        """What stands over a box: `1–5 ×5 bottleneck · 1.12M each`."""
        label = self.box_label(box)
        runs = [Run(label, 10, palette.INK, True), *self._repeat(box)]
        definition = box.definition_name
        if definition and not label.startswith(definition):
            runs.append(Run(shortened(definition, 9, _WIDEST / 2)))
        weights = self.parameters(box)
        return [*runs, _count(weights if len(runs) == 1 else f"· {weights}")] if weights else runs

    def box_label(self, box: Box) -> str:
        """Its label with those of its copies, in the room over a box."""
        return shortened(names_text([part.label for part in (box, *box.copies)]), 10, _WIDEST / 2 - 20, True)

    # The picture

    def heading(self) -> list[Run]:
        """Name and totals: `resnet50  25.56M parameters · 4.09G MACs · input 3×224×224`."""
        words = [f"{count_text(self.cost.parameters, 4)} parameters"]
        macs = self._macs()
        if macs:
            batch = self.shapes.batch
            several = f" for {batch}" if isinstance(batch, int) and batch > 1 else ""
            words.append(f"{count_text(macs, 4)} MACs{several}")
        inputs = {name: self.shape(tensor) for name, tensor in self.made.graph.inputs.items()}
        if inputs:
            words.append(f"input {mapping_text(inputs)}")
        words += [f"needs {text}" for text in self.made.graph.requires[:3]]
        name = Run(shortened(self.made.graph.name, 15, 300, True), 15, palette.INK, True)
        return [name, Run(shortened(" · ".join(words), 10, 420), 10)]

    def _macs(self) -> int:
        """Multiply-adds for one element of a batch; 0 where other sizes are open."""
        macs = self.cost.macs
        if not isinstance(macs, int) and not isinstance(self.shapes.batch, int):
            macs = macs.substitute({str(self.shapes.batch): 1})
        return macs if isinstance(macs, int) else 0

    def told(self, card: Card) -> str:
        """The path of every node of a card and its exact shape, to be read on pointing at it."""
        if card.output is not None:
            return card.output
        return ", ".join(f"{node.path}: {operator_name(node)}" for node in card.nodes[:8])

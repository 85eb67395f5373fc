"""What edits bring about in parts that nobody touched: sizes, parameters, arithmetic, fields; a line for each."""

from __future__ import annotations

from dlspec.analyses.cost import parameters
from dlspec.analyses.likeness import plain
from dlspec.analyses.words import count_words, listed, multiples, size_words, value_words
from dlspec.graph import Node
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from dlspec.analyses.alignment import Alignment
    from dlspec.analyses.edits import Edit
    from dlspec.analyses.summary import Summary
    from dlspec.graph import Tensor
    from dlspec.ops.fact import Shape
    from dlspec.sizes import Dim

    Met = tuple[Node, str, str]
    """A new layer with what was and what is."""


class Consequence(Record):
    """One thing that became otherwise in a number of layers."""

    facet: str
    """`argument`, `output size`, `parameters`, `MACs`, `receptive field` or `path`."""
    what: str
    """Which argument or which axes; empty where the facet says it all."""
    layers: list[tuple[str, str, str]]
    """The path in the new network, the value before, the value after."""
    total: tuple[Dim, Dim] | None = None
    """Of what can be summed, before and after in all of them."""

    @property
    def first(self) -> tuple[str, str, str]:
        return self.layers[0]

    @property
    def last(self) -> tuple[str, str, str]:
        return self.layers[-1]


def consequences(alignment: Alignment, old: Summary, new: Summary, edits: Sequence[Edit]) -> list[Consequence]:
    """What differs in layers that are in both networks and were not edited themselves, by facet."""
    edited = _edited(edits)
    pairs = [
        (one, other) for one, other in alignment.pairs()
        if isinstance(one, Node) and isinstance(other, Node) and one.op.name == other.op.name
    ]  # fmt: skip
    untouched = [(one, other) for one, other in pairs if other not in edited and other.inputs]
    wide = [(one, other) for one, other in pairs if other.inputs and "frozen" not in edited.get(other, ())]
    found = _collected("argument", _arguments(pairs, _said(edits)))
    found += _collected("output size", _sizes(old, new, wide))
    found += _summed("parameters", _parameters(untouched))
    found += _summed("MACs", _macs(old, new, untouched))
    found += _collected("receptive field", _fields(old, new, wide))
    return found + _collected("path", _paths(pairs, edited))


def _edited(edits: Iterable[Edit]) -> dict[Any, tuple[str, ...]]:
    found = {}
    for edit in edits:
        if edit.is_written:
            for _, part in ((edit.old, edit.new), *edit.again):
                if part is not None:
                    found[part] = edit.kinds
    return found


def _said(edits: Iterable[Edit]) -> set[tuple[Any, str]]:
    """The arguments that edits tell of already, each with its part."""
    return {
        (part, change.name)
        for edit in edits if edit.is_written
        for _, part in ((edit.old, edit.new), *edit.again)
        for change in edit.changes
    }  # fmt: skip


def _collected(facet: str, met: Iterator[tuple[str, Met]]) -> list[Consequence]:
    """Layers with the same said of them, together."""
    groups: dict[str, list[Met]] = {}
    for what, layer in met:
        groups.setdefault(what, []).append(layer)
    return [
        Consequence(facet, what, [(node.path, old, new) for node, old, new in layers])
        for what, layers in groups.items()
    ]


def _summed(facet: str, met: Iterable[tuple[Node, Dim, Dim]]) -> list[Consequence]:
    """Layers of which something that can be summed became more or less."""
    rows = [row for row in met if row[1] != row[2]]
    if not rows:
        return []
    total: tuple[Dim, Dim] = (0, 0)
    for _, old, new in rows:
        total = (total[0] + old, total[1] + new)
    layers = [(node.path, count_words(old), count_words(new)) for node, old, new in rows]
    return [Consequence(facet, "", layers, total)]


Pairs = list[tuple[Node, Node]]


def _arguments(pairs: Pairs, said: set[tuple[Any, str]]) -> Iterator[tuple[str, Met]]:
    for old, new in pairs:
        for name in new.op.fields:
            one, other = getattr(old.op, name), getattr(new.op, name)
            if (new, name) not in said and plain(one) != plain(other):
                yield f"{new.op.name} {name}", (new, value_words(one), value_words(other))


def _sizes(old: Summary, new: Summary, pairs: Pairs) -> Iterator[tuple[str, Met]]:
    before, after = multiples(old.graph), multiples(new.graph)
    for one, other in pairs:
        for left, right in zip(one.outputs[:1], other.outputs[:1]):
            if left.shape == right.shape:
                continue
            if len(left.shape) != len(right.shape):
                yield "axes", (other, str(len(left.shape)), str(len(right.shape)))
                continue
            what, index = _axes(left, right)
            yield what, (other, size_words(left.shape[index], before), size_words(right.shape[index], after))


def _axes(old: Tensor, new: Tensor) -> tuple[str, int]:
    """The names of the axes that differ, and the first of them, whose sizes are shown."""
    differ = [axis for axis, (one, other) in enumerate(zip(old.shape, new.shape)) if one != other]
    first = differ[0]
    return listed([axis_word(axis, new.shape) for axis in differ]), first


def axis_word(axis: int, shape: Shape) -> str:
    """What an axis is called: `batch`, `channels`, `height`."""
    names = {
        2: ("batch", "features"),
        3: ("batch", "axis 1", "axis 2"),
        4: ("batch", "channels", "height", "width"),
        5: ("batch", "channels", "depth", "height", "width"),
    }.get(len(shape), ())
    return names[axis] if axis < len(names) else f"axis {axis}"


def _parameters(pairs: Pairs) -> Iterator[tuple[Node, Dim, Dim]]:
    counted = set()
    for old, new in pairs:
        if old.module is not None and new.module is not None and new.module not in counted:
            counted.add(new.module)
            yield new, parameters(old.module), parameters(new.module)


def _macs(old: Summary, new: Summary, pairs: Pairs) -> Iterator[tuple[Node, Dim, Dim]]:
    for one, other in pairs:
        yield other, old.cost.nodes[one].macs, new.cost.nodes[other].macs


def _fields(old: Summary, new: Summary, pairs: Pairs) -> Iterator[tuple[str, Met]]:
    for one, other in pairs:
        before, after = str(old.fields.of(one) or "none"), str(new.fields.of(other) or "none")
        if before != after:
            yield "", (other, before, after)


def _paths(pairs: Pairs, edited: dict[Any, tuple[str, ...]]) -> Iterator[tuple[str, Met]]:
    """Layers with weights that are found under another name, though nobody renamed them."""
    for old, new in pairs:
        if old.module is None or new.module is None or not (old.module.weights or old.module.buffers):
            continue
        if old.module.path != new.module.path and not {"renamed", "moved"} & set(edited.get(new, ())):
            yield "", (new, old.module.path, new.module.path)

"""How alike two parts of networks are: the same layer, the same one with another argument, or nothing in common."""

from __future__ import annotations

from collections import Counter

from dlspec.graph import Application, Node
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    Step = Node | Application

IN_COMMON = 0.5
"""Share of equal layers from which two blocks of other names are taken for one."""
STILL_ONE = 0.75
"""Share below which a part of another block is another part, though it stands at the same place."""


class Likeness:
    """Keys and weights of parts, each found once."""

    def __init__(self) -> None:
        self._contents: dict[Step, int] = {}
        self._ids: dict[Any, int] = {}
        self._layers: dict[Application, Counter[int]] = {}

    def content(self, step: Step) -> int:
        """A number that parts of equal content share, whatever they are called themselves."""
        known = self._contents.get(step)
        if known is None:
            key: Any
            if isinstance(step, Node):
                key = (step.op.name, *(plain(getattr(step.op, name)) for name in step.op.fields))
                if not step.inputs:
                    key = (*key, step.outputs[0].dtype, step.outputs[0].shape, step.name)
            else:
                key = (title(step), *((label(inner), self.content(inner)) for inner in step.steps))
            known = self._contents[step] = self._ids.setdefault(key, len(self._ids))
        return known

    def key(self, step: Step) -> tuple[str, int] | None:
        """What equal parts of the same label share."""
        return label(step), self.content(step)

    def title(self, step: Step) -> tuple[str, str] | None:
        """What parts share that have a label and are of the same operator or block, whatever their arguments."""
        return (label(step), title(step)) if label(step) else None

    def same(self, one: Step, other: Step) -> bool:
        return self.key(one) == self.key(other)

    def is_distinct(self, step: Step) -> bool:
        """Whether it can be told from others: it has weights, a label, or more than one layer."""
        if isinstance(step, Application):
            return sum(self.layers(step).values()) > 1
        return bool(label(step)) or (step.module is not None and bool(step.module.weights))

    def layers(self, part: Application) -> Counter[int]:
        """How often each layer stands in a part."""
        known = self._layers.get(part)
        if known is None:
            known = self._layers[part] = Counter(self.content(node) for node in part.nodes())
        return known

    def share(self, one: Application, other: Application) -> float:
        """The share of layers that two parts have in common, of operators where the layers themselves differ."""
        left, right = self.layers(one), self.layers(other)
        total = sum(left.values()) + sum(right.values())
        return 2 * sum((left & right).values()) / total if total else 1.0

    def weight(self, one: Step, other: Step, known: Collection[str] = ()) -> int:
        """How much speaks for the two being one; 0 where nothing does.

        `known` are labels that both sides have: who bears one is taken for its namesake, or for what equals it.
        """
        if isinstance(one, Node) != isinstance(other, Node):
            return 0
        named = bool(label(one)) and label(one) == label(other)
        if self.content(one) == self.content(other):
            return 100 + (20 if label(one) == label(other) else 0)
        if not named and any(label(step) and label(step) in known for step in (one, other)):
            return 0
        if isinstance(one, Node) and isinstance(other, Node):
            return _node_weight(one, other, named)
        if isinstance(one, Application) and isinstance(other, Application):
            share, here = self.share(one, other), 30 * (one.name == other.name)
            if named or title(one) == title(other) or share >= IN_COMMON:
                return 20 + here + 20 * (title(one) == title(other)) + int(30 * share)
            return here
        return 0

    def may_share(self, one: Application, other: Application) -> bool:
        """Whether two paired parts are looked into; a part that was replaced as a whole is not."""
        return title(one) == title(other) or self.share(one, other) >= STILL_ONE or not one.path

    def may_replace(self, one: Step, other: Step) -> bool:
        """Whether one thing at the place of another reads better as replaced than as gone and come."""
        if isinstance(one, Node) and isinstance(other, Node):
            return bool(one.inputs) and bool(other.inputs)
        return isinstance(one, Application) and isinstance(other, Application)


def _node_weight(one: Node, other: Node, named: bool) -> int:
    if one.op.name != other.op.name:
        return 15 if named else 0
    fields = list(one.op.fields)
    equal = sum(plain(getattr(one.op, name)) == plain(getattr(other.op, name)) for name in fields)
    return 30 + 40 * named + (20 * equal // len(fields) if fields else 20)


def title(step: Step) -> str:
    """What it is: the operator, the block or network, or just a group."""
    if isinstance(step, Node):
        return step.op.name
    return str(step.definition.name) if step.kind in ("block", "network", "foreign") else step.kind


def label(step: Step) -> str:
    """The name that a part was given; empty where it was numbered or named after its operator."""
    name = step.name.partition("#")[0]
    stem = name.rstrip("0123456789").rstrip("_")
    if not stem or stem == "group":
        return ""
    if isinstance(step, Node) and not step.inputs:
        return name
    own = title(step)
    is_numbered = name.startswith(own) and name[len(own) :].lstrip("_").isdigit()
    return "" if name == own or is_numbered else name


def plain(value: Any) -> Any:
    """A value that can be compared and hashed."""
    return tuple(map(plain, value)) if isinstance(value, (list, tuple)) else value

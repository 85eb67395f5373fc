"""Finding repeats: parts that follow each other and are alike in structure, wiring and shapes.

Two parts are alike when they have the same signature: equal operators with equal parameters on equal shapes, wired
alike inside. Alike parts are folded where they form a chain (each reads only what the one before it gives, or what all
of them read) or stand side by side (all read and feed the same).
"""

from __future__ import annotations

from dlspec.drawing.parts import Box, Card, Part
from dlspec.graph import Source
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.graph import Graph, Module, Node, Tensor


class Folder:
    """Gives parts their signatures and folds those that repeat."""

    def __init__(self, graph: Graph) -> None:
        self._numbers: dict[Any, int] = {}
        self._readers: dict[Node, list[Node]] = {node: [] for node in graph.nodes}
        self._uses: dict[Module, int] = {}
        for node in graph.nodes:
            for tensor in node.inputs:
                self._readers[tensor.node].append(node)
            if node.module is not None:
                self._uses[node.module] = self._uses.get(node.module, 0) + 1
        self._outputs = {tensor.node for tensor in graph.outputs.values()}

    def is_shared(self, node: Node) -> bool:
        """Whether the module of a node runs at another node too."""
        return node.module is not None and self._uses[node.module] > 1

    def results(self, part: Part) -> list[Tensor]:
        """What a part gives that is read outside of it, or is an output of the network."""
        inside = set(part.nodes)
        return [
            tensor
            for node in part.nodes
            if node in self._outputs or any(reader not in inside for reader in self._readers[node])
            for tensor in node.outputs
        ]

    # Signatures

    def sign_card(self, card: Card) -> None:
        """Its nodes with their fields and shapes, and which of its inlets each reads."""
        places = {node: place for place, node in enumerate(card.nodes)}
        inlets: dict[Tensor, int] = {}
        facts = []
        for node in card.nodes:
            wires = tuple(self._wire(tensor, places, inlets) for tensor in node.inputs)
            facts.append((self._facts(node), wires))
        card.inlets = list(inlets)
        card.signature = self._number(tuple(facts))

    def sign_box(self, box: Box) -> None:
        """Its parts with their labels and signatures, and what feeds each."""
        places = {node: place for place, node in enumerate(box.nodes)}
        inlets: dict[Tensor, int] = {}
        facts: list[Any] = [
            box.application.kind,
            id(box.application.definition) if box.definition_name else 0,
        ]
        for part in box.parts:
            wires = tuple(self._wire(tensor, places, inlets) for tensor in part.inlets)
            facts.append((part.label, part.signature, wires))
        box.inlets = list(inlets)
        box.signature = self._number(tuple(facts))

    def _wire(self, tensor: Tensor, places: dict[Node, int], inlets: dict[Tensor, int]) -> tuple[int, int]:
        """Where a tensor comes from: a place inside and its port, or -1 and the number of an inlet."""
        place = places.get(tensor.node)
        if place is not None:
            return place, tensor.port
        return -1, inlets.setdefault(tensor, len(inlets))

    def _facts(self, node: Node) -> tuple[Any, ...]:
        op = node.op
        fields = tuple(str(getattr(op, name, "")) for name in op.fields)
        shapes = tuple(tensor.shape for tensor in (*node.inputs, *node.outputs))
        path = node.module.path if node.module is not None and self.is_shared(node) else ""
        return op.name, fields, shapes, path, node.module is not None and node.module.frozen

    def _number(self, facts: Any) -> int:
        return self._numbers.setdefault(facts, len(self._numbers))

    # Folding

    def fold(self, parts: list[Part]) -> list[Part]:
        """The parts, each run of alike ones as its first, which holds the others as copies."""
        folded: list[Part] = []
        place = 0
        while place < len(parts):
            run = self._run(parts, place)
            first = parts[place]
            first.copies = parts[place + 1 : place + run]
            folded.append(first)
            place += run
        return folded

    def _run(self, parts: list[Part], start: int) -> int:
        """How many parts from `start` on fold into one."""
        end = start + 1
        link = None
        while end < len(parts):
            found = self._link(parts[end - 1], parts[end])
            if found is None or (link is not None and found != link):
                break
            link = found
            end += 1
        return end - start

    def _link(self, one: Part, other: Part) -> Any:
        """How an alike part goes on from the one before it; None where both must be drawn."""
        if one.signature != other.signature or _is_source(one):
            return None
        mine = {node: place for place, node in enumerate(one.nodes)}
        wires = []
        for before, after in zip(one.inlets, other.inlets):
            place = mine.get(after.node)
            if place is None and after is not before:
                return None
            wires.append(None if place is None else (place, after.port))
        theirs = set(other.nodes)
        leaving = {reader for node in one.nodes for reader in self._readers[node] if reader not in mine}
        if any(wires):
            stays = leaving <= theirs and not any(node in self._outputs for node in one.nodes)
            return tuple(wires) if stays else None
        return self._parallel(leaving, mine, other)

    def _parallel(self, leaving: set[Node], mine: dict[Node, int], other: Part) -> Any:
        theirs = set(other.nodes)
        readers = {reader for node in other.nodes for reader in self._readers[node] if reader not in theirs}
        is_output = any(node in self._outputs for node in (*mine, *theirs))
        return frozenset(leaving) if leaving and leaving == readers and not is_output else None


def _is_source(part: Part) -> bool:
    return isinstance(part, Card) and isinstance(part.host.op, Source)

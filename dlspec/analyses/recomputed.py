"""What training keeps where parts of a network are computed once more in the backward pass.

Such a part keeps what it is given. In the backward pass each has all of its own back for a while, one after the
other: the most is what is kept anyway and the largest of them.
"""

from __future__ import annotations

from dlspec.analyses.memory import Largest, _is_weight, _needs_gradient, _Pile, _Storages
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlspec.graph import Graph, Node, Tensor


def kept_recomputing(graph: Graph, part_of: Callable[[str], str]) -> Largest:
    """Bytes kept for the backward pass; `part_of` gives the part that a node's path lies in, "" for what is kept."""
    graph = graph.training or graph
    storages = _Storages(is_training=True)
    differentiable: set[Node] = set()
    piles: dict[str, _Pile] = {"": _Pile()}
    kept: dict[str, dict[Tensor, None]] = {"": {}}
    for node in graph.nodes:
        storages.add(node)
        part = part_of(node.path)
        pile, own = piles.setdefault(part, _Pile()), kept.setdefault(part, {})
        if part:
            given = (tensor for tensor in node.inputs if part_of(tensor.node.path) != part)
            kept[""].update(dict.fromkeys(map(storages.owner, given)))
        if not _needs_gradient(node, differentiable):
            continue
        differentiable.add(node)
        keeps = node.op.keeps
        found = (*(node.inputs if "x" in keeps else ()), *(node.outputs if "y" in keeps else ()))
        own.update(dict.fromkeys(map(storages.owner, found)))
        for fact in node.op.saved(node.at, node.outputs):
            pile.add(fact)
    for part, tensors in kept.items():
        for tensor in tensors:
            if not _is_weight(tensor.node) and (not part or tensor not in kept[""]):
                piles[part].add(tensor)
    base = piles.pop("").bytes
    return Largest(tuple(base + pile.bytes for pile in piles.values()) or (base,))

"""Which nodes share a card: an operator with the normalization, activation and dropout that only it feeds."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Graph, Node

_FOLLOWERS = ("normalization", "activation", "regularization")
_NO_HOSTS = ("input", "parameter", "shape")
MOST = 4
"""Nodes on one card."""


def fused(graph: Graph) -> dict[Node, list[Node]]:
    """For every node the nodes of its card, the first one its host."""
    readers = _readers(graph)
    groups: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        group = _group_to_join(node, groups, readers) or []
        group.append(node)
        groups[node] = group
    return groups


def _readers(graph: Graph) -> dict[Node, int]:
    """How often each node is read, by nodes and as an output."""
    counts = dict.fromkeys(graph.nodes, 0)
    for node in graph.nodes:
        for tensor in node.inputs:
            counts[tensor.node] += 1
    for tensor in graph.outputs.values():
        counts[tensor.node] += 1
    return counts


def _group_to_join(node: Node, groups: dict[Node, list[Node]], readers: dict[Node, int]) -> list[Node] | None:
    if node.op.family not in _FOLLOWERS or len(node.inputs) != 1 or len(node.outputs) != 1:
        return None
    before = node.inputs[0].node
    if readers[before] != 1 or len(before.outputs) != 1 or before.outputs[0].shape != node.outputs[0].shape:
        return None
    group = groups[before]
    host = group[0]
    if host.op.family in _NO_HOSTS or len(group) >= MOST or host.application is not node.application:
        return None
    # One of each: a second activation is a step of its own.
    return group if node.op.family not in {other.op.family for other in group} else None

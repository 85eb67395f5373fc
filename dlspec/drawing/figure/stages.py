"""From the graph to the stages that a figure shows, a stack of slabs each, and how they are joined.

A block is opened where the size of its map changes more than once inside. What is left is taken together where it
follows each other at one size: the convolutions of VGG at 56 × 56 are one stage of three slices. Activations,
normalizations and changes of shape belong to what they follow, a join to what reads it.
"""

from __future__ import annotations

from dlspec.analyses.typical import number
from dlspec.drawing.figure.items import Item, Stages
from dlspec.drawing.figure.linking import absorbed, draw_as_links, links
from dlspec.drawing.figure.opening import collect
from dlspec.drawing.figure.shared import folded
from dlspec.drawing.figure.together import (
    may_follow,
    may_follow_closely,
    may_follow_unchanged,
    merge,
    name_outputs,
    shorten_labels,
)
from dlspec.drawing.fusing import fused
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Graph, Node

MOST = 13
"""Stages that fit beside each other; past it more is taken together."""


def stages(graph: Graph, sizes: dict[str, int]) -> Stages:
    """The stages of a network; `sizes` are the numbers that stand for its open sizes."""
    groups = fused(graph)
    items: list[Item] = []
    collect(graph.root, "", groups, items, sizes)
    for item in items:
        item.is_light = item.is_light or (item.application is None and _changes_nothing(item.nodes[0], sizes))
    items = folded(graph, absorbed(graph, items))
    made = Stages(graph, items, links(graph, items))
    name_outputs(made)
    merge(made, may_follow)
    if not made.is_chain:
        draw_as_links(made)
        if len(made.items) > MOST:
            merge(made, may_follow_unchanged)
    elif len(made.items) > MOST:
        merge(made, may_follow_closely)
    shorten_labels(made)
    return made


def _changes_nothing(node: Node, sizes: dict[str, int]) -> bool:
    """Whether it is a pooling that leaves a map as it is, as adaptive ones do at the size they were made for."""
    if node.op.family != "pooling":
        return False
    given, got = node.inputs[0].shape, node.outputs[0].shape
    return [number(size, sizes) for size in given] == [number(size, sizes) for size in got]

"""A head that looks at every level of a pyramid is one stage: its weights are the same everywhere."""

from __future__ import annotations

from dlspec.drawing.figure.items import Item
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Graph


def folded(graph: Graph, items: list[Item]) -> list[Item]:
    """Uses of one shared block at several sizes as one item, in networks where regions are found in them.

    Towers that look at inputs of one size, as of a siamese network, stay side by side.
    """
    if not any(node.op.field == "data" for node in graph.nodes):
        return items
    homes: dict[tuple[str, int], list[Item]] = {}
    for item in items:
        if item.application is not None and item.application.kind == "block":
            homes.setdefault((item.label, id(item.application.definition)), []).append(item)
    gone: set[Item] = set()
    for uses in homes.values():
        shares = all(item.application is not None and item.application.again for item in uses[1:])
        if shares and len({item.extent for item in uses}) == len(uses) > 1:
            first = uses[0]
            first.nodes = [node for item in uses for node in item.nodes]
            first.slices = [one for item in uses for one in item.slices]
            first.levels = len(uses)
            gone.update(uses[1:])
    return [item for item in items if item not in gone]

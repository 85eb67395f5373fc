"""How stages are joined: light steps go with what they follow, joins with what reads them."""

from __future__ import annotations

from dlspec.drawing.figure.items import Item, Link, Stages, read
from dlspec.drawing.figure.slices import slices_of_result
from dlspec.drawing.words import sign
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlspec.graph import Graph, Node, Tensor
    from dlspec.sizes import Dim


def absorbed(graph: Graph, items: list[Item]) -> list[Item]:
    """Light items become part of the one that they follow, lone tensors and joins of the one that reads them."""
    home = {node: item for item in items for node in item.nodes}
    outputs = {tensor.node for tensor in graph.outputs.values()}
    kept: list[Item] = []
    for item in items:
        before = _before(item, home)
        heavy = [one for one in before if not _is_source_of_weights(one)]
        if item.is_light and heavy and _concludes(item, outputs, heavy):
            item.slices = slices_of_result(item.nodes, item.application)
            item.is_light = item.is_join = False
            kept.append(item)
        elif item.is_light and len(heavy) == 1:
            _join_into(item, heavy[0], home, at_end=True)
        elif item.is_light and heavy:
            item.is_join = True
            kept.append(item)
        else:
            kept.append(item)
    for item in list(kept):
        forward = item.is_join or (item.is_light and not _before(item, home))
        after = _after(item, kept, home) if forward else []
        is_output = any(node in outputs for node in item.nodes)
        if forward and len(after) == 1 and not is_output and _may_join(item, after[0]):
            _join_into(item, after[0], home, at_end=False)
            kept.remove(item)
        elif forward and not after and item.is_light and item.nodes[0].inputs:
            # What is only counted belongs to what it counts.
            _join_into(item, home[item.nodes[0].inputs[0].node], home, at_end=True)
            kept.remove(item)
    return kept


def _may_join(item: Item, other: Item) -> bool:
    """Whether a join goes with what reads it: not with another join, but where both add."""
    if not (item.is_join and other.is_join):
        return True
    return all(sign(node) == "+" for node in (*item.nodes, other.nodes[0]))


def _concludes(item: Item, outputs: set[Node], before: list[Item]) -> bool:
    """Whether light steps give an output that is nothing like what they read: a sum, a distance, a part of it."""
    last = item.nodes[-1]
    if last not in outputs or last.op.family == "shape":
        return False
    return all(_count(item.result) != _count(one.result) for one in before)


def _count(tensor: Tensor) -> Dim:
    """How many numbers a tensor has, without the batch."""
    count: Dim = 1
    for size in tensor.shape[1:]:
        count = count * size
    return count


def _is_source_of_weights(item: Item) -> bool:
    return item.is_light and all(not node.inputs for node in item.nodes[:1]) and item.nodes[0].op.family == "parameter"


def _before(item: Item, home: dict[Node, Item]) -> list[Item]:
    found = {home[tensor.node]: None for node in item.nodes for tensor in read(node)}
    return [other for other in found if other is not item]


def _after(item: Item, items: Iterable[Item], home: dict[Node, Item]) -> list[Item]:
    return [other for other in items if other is not item and item in _before(other, home)]


def _join_into(item: Item, other: Item, home: dict[Node, Item], at_end: bool) -> None:
    if at_end:
        other.nodes = [*other.nodes, *item.nodes]
    else:
        other.nodes = [*item.nodes, *other.nodes]
        if item.is_join:
            other.joins = [*item.joins, item.nodes[0], *other.joins]
    for node in item.nodes:
        home[node] = other


def links(graph: Graph, items: list[Item]) -> list[Link]:
    home = {node: item for item in items for node in item.nodes}
    far = _distances(items, home)
    found: dict[tuple[Item, Item], Link] = {}
    for item in items:
        for node in item.nodes:
            for tensor in read(node):
                source = home[tensor.node]
                if source is not item and (source, item) not in found:
                    made = found[source, item] = Link(source, item, "main" if item.is_join else _role(node))
                    made.join = node if made.role != "main" else None
    for item in items:
        incoming = [link for link in found.values() if link.target is item]
        if incoming:
            # What came the longest way is the way; what is joined to it took a shortcut. Branches alike stay alike.
            longest = max(far[link.source] for link in incoming)
            ways = [link for link in incoming if far[link.source] == longest]
            if len(ways) == 1 or len({link.role for link in ways}) > 1:
                ways[0].role = "main"
    return [*found.values()]


def _role(node: Node) -> str:
    if node.op.family != "join":
        return "main"
    return "concat" if node.op.name in ("concat", "stack") else "add"


def _distances(items: list[Item], home: dict[Node, Item]) -> dict[Item, int]:
    found: dict[Item, int] = {}
    for item in sorted(items, key=lambda item: item.nodes[-1].index):
        found[item] = 1 + max((found.get(other, 0) for other in _before(item, home)), default=0)
    return found


def draw_as_links(made: Stages) -> None:
    """A lone pooling or upsampling between two stages is drawn as the edge between them."""
    for item in list(made.items):
        leaving = [link for link in made.links if link.source is item]
        arriving = [link for link in made.links if link.target is item]
        lone = len(leaving) == 1 and len(arriving) == 1 and len(item.slices) == 1 and not item.is_join
        if lone and item.slices[0].family in ("pooling", "resize"):
            link = leaving[0]
            link.source, link.through = arriving[0].source, item.slices[0].node
            link.target.nodes = [*item.nodes, *link.target.nodes]
            made.items.remove(item)
            made.links.remove(arriving[0])

"""From the graph to the stages that a figure shows, a stack of slabs each, and how they are joined.

A block is opened where the size of its map changes more than once inside. What is left is taken together where it
follows each other at one size: the convolutions of VGG at 56 × 56 are one stage of three slices. Activations,
normalizations and changes of shape belong to what they follow, a join to what reads it.
"""

from __future__ import annotations

from itertools import pairwise

from dlspec.analyses.typical import number
from dlspec.drawing.figure.slices import Slice, input_slice, slices_of, slices_of_nodes
from dlspec.drawing.fusing import fused
from dlspec.graph import Application, Node, Tensor
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlspec.graph import Graph

MOST = 13
"""Stages that fit beside each other; past it more is taken together."""
_LIGHT = ("shape", "activation", "normalization", "regularization", "parameter", "function", "reduction", "other")
"""Families that make no stage of their own."""


class Item:
    """A stage in the making: steps of the graph that are drawn as one."""

    __slots__ = ("application", "is_join", "is_light", "joins", "label", "nodes", "result", "slices")

    def __init__(self, label: str, nodes: list[Node], application: Application | None, slices: list[Slice]) -> None:
        self.label = label
        self.nodes = nodes
        self.application = application
        """The use of a block that it shows, where it shows a single one."""
        self.slices = slices
        self.joins: list[Node] = []
        """The joins that were drawn into it."""
        family = nodes[0].op.family
        self.is_join = application is None and family == "join" and len(nodes[0].inputs) > 1
        self.is_light = not self.is_join and not slices
        self.result: Tensor = nodes[-1].outputs[0]
        """What it is sized by."""

    @property
    def failed(self) -> Node | None:
        """The operator in it that could not be made."""
        return next((one.node for one in self.slices if one.family == "wrong"), None)

    @property
    def extent(self) -> tuple[object, ...]:
        """How large its map is, without channels; equal for all vectors."""
        return extent(self.result)


class Link:
    """An edge between two stages. `role` is main, add or concat; what only gives a size is no edge of a figure."""

    __slots__ = ("role", "source", "target", "through")

    def __init__(self, source: Item, target: Item, role: str = "main") -> None:
        self.source = source
        self.target = target
        self.role = role
        self.through: Node | None = None
        """The pooling or upsampling that was drawn as this edge."""


class Stages:
    """Every stage in the order in which they are computed, and their links."""

    def __init__(self, graph: Graph, items: list[Item], links: list[Link]) -> None:
        self.graph = graph
        self.items = items
        self.links = links

    @property
    def is_chain(self) -> bool:
        """Whether each stage follows the one before it, and nothing else."""
        pairs = {(link.source, link.target) for link in self.links}
        return pairs == set(zip(self.items, self.items[1:]))


def extent(tensor: Tensor) -> tuple[object, ...]:
    """The size of a map without batch and channels; nothing for a vector; the length of a sequence."""
    shape = tensor.shape
    if len(shape) >= 4:
        return shape[2:]
    return ("sequence", shape[1]) if len(shape) == 3 else ()


def stages(graph: Graph, sizes: dict[str, int]) -> Stages:
    """The stages of a network; `sizes` are the numbers that stand for its open sizes."""
    groups = fused(graph)
    items: list[Item] = []
    _collect(graph.root, "", groups, items)
    for item in items:
        item.is_light = item.is_light or (item.application is None and _changes_nothing(item.nodes[0], sizes))
    items = _absorbed(graph, items)
    made = Stages(graph, items, _links(graph, items))
    _merge(made, _may_follow)
    if not made.is_chain:
        _draw_as_links(made)
    elif len(made.items) > MOST:
        _merge(made, _may_follow_closely)
    _shorten_labels(made)
    return made


def _changes_nothing(node: Node, sizes: dict[str, int]) -> bool:
    """Whether it is a pooling that leaves a map as it is, as adaptive ones do at the size they were made for."""
    if node.op.family != "pooling":
        return False
    given, got = node.inputs[0].shape, node.outputs[0].shape
    return [number(size, sizes) for size in given] == [number(size, sizes) for size in got]


# Opening


def _collect(application: Application, prefix: str, groups: dict[Node, list[Node]], items: list[Item]) -> None:
    for step in application.steps:
        label = f"{prefix}{step.name.partition('#')[0]}"
        if isinstance(step, Node):
            group = groups[step]
            if group[0] is step:
                slices = [] if _is_light(step) else slices_of_nodes(group)
                if step.op.family == "input":
                    slices = [input_slice(step)]
                items.append(Item(label, group, None, slices))
        elif next(step.nodes(), None) is not None:
            if _is_opened(step):
                _collect(step, f"{label}.", groups, items)
            else:
                items.append(Item(label, list(step.nodes()), step, slices_of(step)))


def _is_light(node: Node) -> bool:
    return node.op.family in _LIGHT or (node.op.family == "join" and len(node.inputs) < 2)


def _is_opened(application: Application) -> bool:
    """Whether its parts are told apart: where sizes change more than once, and where it is a short list of layers."""
    if application.kind == "foreign":
        return False
    if _is_pyramid(application):
        return True
    seen = [extent(node.outputs[0]) for node in application.nodes() if not _is_light(node)]
    changes = sum(one != other for one, other in pairwise(seen))
    first = next(application.nodes())
    if first.inputs and seen and extent(first.inputs[0]) != seen[0]:
        changes += 1
    if application.kind == "block":
        return changes > 1 and not _alternates(seen)
    return changes > 1 or all(isinstance(step, Node) for step in application.steps)


def _is_pyramid(application: Application) -> bool:
    """Whether it takes maps of several sizes and gives several."""
    inside = list(application.nodes())
    made = set(inside)
    given = {extent(tensor) for node in inside for tensor in node.inputs if tensor.node not in made}
    got = {extent(tensor) for tensor in _tensors(application.result)}
    return len(given) > 1 and len(got) > 1


def _tensors(value: object) -> list[Tensor]:
    """The tensors of what an application gives: a tensor, a list, a record."""
    if isinstance(value, (list, tuple)):
        return [tensor for one in value for tensor in _tensors(one)]
    if isinstance(value, dict):
        return _tensors([*value.values()])
    return [value] if isinstance(value, Tensor) else []


def _alternates(seen: list[tuple[object, ...]]) -> bool:
    """Whether the sizes that were left come back, as in the gate of a squeeze-excitation block."""
    return len(seen) > 2 and len(set(seen)) < sum(one != other for one, other in pairwise(seen)) + 1


# Absorbing


def _absorbed(graph: Graph, items: list[Item]) -> list[Item]:
    """Light items become part of the one that they follow, lone tensors and joins of the one that reads them."""
    home = {node: item for item in items for node in item.nodes}
    outputs = {tensor.node for tensor in graph.outputs.values()}
    kept: list[Item] = []
    for item in items:
        before = _before(item, home)
        heavy = [one for one in before if not _is_source_of_weights(one)]
        if item.is_light and len(heavy) == 1:
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
        if forward and len(after) == 1 and not is_output and not (item.is_join and after[0].is_join):
            _join_into(item, after[0], home, at_end=False)
            kept.remove(item)
    return kept


def _is_source_of_weights(item: Item) -> bool:
    return item.is_light and all(not node.inputs for node in item.nodes[:1]) and item.nodes[0].op.family == "parameter"


def _before(item: Item, home: dict[Node, Item]) -> list[Item]:
    found = {home[tensor.node]: None for node in item.nodes for tensor in node.inputs}
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


# Links


def _links(graph: Graph, items: list[Item]) -> list[Link]:
    home = {node: item for item in items for node in item.nodes}
    far = _distances(items, home)
    found: dict[tuple[Item, Item], Link] = {}
    for item in items:
        for node in item.nodes:
            for place, tensor in enumerate(node.inputs):
                source = home[tensor.node]
                if source is item:
                    continue
                link = Link(source, item, _role(node, place) if not item.is_join else "main")
                known = found.get((source, item))
                if known is None or known.role == "size":
                    found[source, item] = link
    for item in items:
        incoming = [link for link in found.values() if link.target is item and link.role != "size"]
        if incoming:
            # What came the longest way is the way; what is joined to it took a shortcut.
            max(incoming, key=lambda link: far[link.source]).role = "main"
    return [link for link in found.values() if link.role != "size"]


def _role(node: Node, place: int) -> str:
    names = node.op.inputs
    if place < len(names) and names[place].startswith("like"):
        return "size"
    if node.op.family != "join":
        return "main"
    return "concat" if node.op.name in ("concat", "stack") else "add"


def _distances(items: list[Item], home: dict[Node, Item]) -> dict[Item, int]:
    found: dict[Item, int] = {}
    for item in sorted(items, key=lambda item: item.nodes[-1].index):
        found[item] = 1 + max((found.get(other, 0) for other in _before(item, home)), default=0)
    return found


def _draw_as_links(made: Stages) -> None:
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


def _shorten_labels(made: Stages) -> None:
    """Leave out the end of a path that begins as no other stage's does; else the groups before a name of its own."""
    labels = [item.label for item in made.items]
    for item in made.items:
        others = [label for label in labels if label != item.label]
        path = item.label.split(".")
        starts = (".".join(path[:length]) for length in range(1, len(path)))
        own = next((start for start in starts if not any(f"{other}.".startswith(f"{start}.") for other in others)), "")
        parts = {part for other in others for part in other.split(".")}
        while not own and len(path) > 1 and not path[1][:1].isdigit() and path[1] not in parts:
            path = path[1:]
        item.label = own or ".".join(path)


# Taking together


def _merge(made: Stages, may: object) -> None:
    """Take a stage together with the one that it alone follows and that alone it follows, where both may be one."""
    place = 0
    while place + 1 < len(made.items):
        item = made.items[place]
        leaving = [link for link in made.links if link.source is item]
        if len(leaving) == 1 and leaving[0].role == "main":
            other = leaving[0].target
            arriving = [link for link in made.links if link.target is other]
            if len(arriving) == 1 and may(item, other):  # type: ignore[operator]
                _take(made, item, other, leaving[0])
                continue
        place += 1


def _take(made: Stages, item: Item, other: Item, link: Link) -> None:
    begins = item.application is None and all(one.family == "pooling" for one in item.slices) and _is_unnamed(item)
    item.label = other.label if begins and not _is_unnamed(other) else merged_label(item.label, other.label)
    item.nodes = [*item.nodes, *other.nodes]
    item.slices = [*item.slices, *other.slices]
    item.result = other.result
    same = item.application is not None and _alike(item, other)
    item.application = item.application if same else None
    made.items.remove(other)
    made.links.remove(link)
    for later in made.links:
        if later.source is other:
            later.source = item


def merged_label(one: str, other: str) -> str:
    """One label for a run of stages: `features.0–2`, `inception4a–e`, `conv2, conv3`."""
    first = one.partition("–")[0]
    if first == other:
        return one
    shared = 0
    while shared < min(len(first), len(other)) and first[shared] == other[shared]:
        shared += 1
    while shared and (
        first[shared - 1].isdigit()
        or (shared < len(first) and first[shared - 1] not in "._0123456789" and not other[shared:].isalnum())
    ):
        shared -= 1
    return f"{first}–{other[shared:]}" if shared else f"{first}–{other}"


def _alike(one: Item, other: Item) -> bool:
    return (
        one.application is not None
        and other.application is not None
        and one.application.kind == "block"
        and one.application.definition is other.application.definition
    )


def _may_follow(one: Item, other: Item) -> bool:
    """Layers at one size that nobody gave a name, or uses of one block at one size."""
    if one.nodes[0].op.family == "input" or one.is_join or other.is_join or one.extent != other.extent:
        return False
    if other.failed is not None:
        return False
    if _alike(one, other):
        return True
    unnamed = all(item.application is None and _is_unnamed(item) for item in (one, other))
    return unnamed and one.label.rpartition(".")[0] == other.label.rpartition(".")[0]


def _may_follow_closely(one: Item, other: Item) -> bool:
    """The same for a pooling and what follows it, and for layers whoever named them."""
    if one.nodes[0].op.family == "input" or one.is_join or other.is_join or one.extent != other.extent:
        return False
    if other.failed is not None:
        return False
    both_cards = one.application is None and other.application is None
    is_pooling = one.application is None and one.nodes[0].op.family == "pooling"
    return is_pooling or (both_cards and bool(one.extent))


def _is_unnamed(item: Item) -> bool:
    last = item.label.rpartition(".")[2].partition("–")[0]
    name = item.nodes[0].op.name
    return last.isdigit() or last.rstrip("0123456789").rstrip("_") in (name, name.rstrip("0123456789"))

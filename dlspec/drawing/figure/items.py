"""What a figure is made of: stages, the links between them, and all of a network's."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.figure.slices import Slice
    from dlspec.graph import Application, Graph, Node, Tensor
    from dlspec.sizes import Dim


class Item:
    """A stage in the making: steps of the graph that are drawn as one."""

    __slots__ = (
        "application", "is_join", "is_light", "joins", "label", "levels", "nodes", "outputs", "result", "slices",
    )  # fmt: skip

    def __init__(self, label: str, nodes: list[Node], application: Application | None, slices: list[Slice]) -> None:
        self.label = label
        self.nodes = nodes
        self.application = application
        """The use of a block that it shows, where it shows a single one."""
        self.slices = slices
        self.levels = 1
        """At how many sizes it is used, with the same weights."""
        self.outputs: list[str] = []
        """What the network calls what it gives, where it is an output."""
        self.joins: list[Node] = []
        """The joins that were drawn into it."""
        self.is_join = application is None and is_join(nodes[0])
        self.is_light = not self.is_join and not slices
        self.result: Tensor = nodes[-1].outputs[0]
        """What it is sized by."""

    @property
    def failed(self) -> Node | None:
        """The operator in it that could not be made."""
        return next((one.node for one in self.slices if one.family == "wrong"), None)

    @property
    def extent(self) -> tuple[Dim | str, ...]:
        """How large its map is, without channels; equal for all vectors."""
        return extent(self.result)


class Link:
    """An edge between two stages. `role` is main, add or concat; what only gives a size is no edge of a figure."""

    __slots__ = ("join", "role", "source", "target", "through")

    def __init__(self, source: Item, target: Item, role: str = "main") -> None:
        self.source = source
        self.target = target
        self.role = role
        self.join: Node | None = None
        """What joins it to the rest, where its role is not main."""
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


def is_join(node: Node) -> bool:
    """Whether it brings several tensors together."""
    return node.op.family == "join" and len(read(node)) > 1


def is_unnamed(item: Item) -> bool:
    """Whether its author gave it no label: it is called by its place, or as its operator is."""
    last = item.label.rpartition(".")[2].partition("–")[0]
    name = item.nodes[0].op.name
    return last.isdigit() or last.rstrip("0123456789").rstrip("_") in (name, name.rstrip("0123456789"))


def sorts(node: Node) -> bool:
    """Whether it hands on, image by image, what was found before."""
    return getattr(node.op, "given_lists", ()) == (node.op.name,)


def read(node: Node) -> list[Tensor]:
    """The inputs whose numbers it reads, without those that only lend their size."""
    lending = node.op.lending(node.at)
    return [tensor for place, tensor in enumerate(node.inputs) if place not in lending]


def extent(tensor: Tensor) -> tuple[Dim | str, ...]:
    """The size of a map without batch and channels; nothing for a vector; the length of a sequence."""
    shape = tensor.shape
    if len(shape) >= 4:
        return shape[2:]
    return ("sequence", shape[1]) if len(shape) == 3 else ()

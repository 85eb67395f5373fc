"""What a picture is made of, before it has a layout: cards, boxes around cards, and the edges between cards."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.graph import Application, Node, Tensor


class Part:
    """A card or a box, with what folding needs to know of it."""

    __slots__ = ("copies", "inlets", "label", "nodes", "signature")

    def __init__(self, nodes: list[Node], label: str) -> None:
        self.nodes = nodes
        """Every node that it stands for, in order; the nodes of its copies are not among them."""
        self.label = label
        """The last part of its path."""
        self.inlets: list[Tensor] = []
        """The tensors that come from outside, in order of first use."""
        self.signature = -1
        """Equal for parts of equal structure: operators, parameters, shapes, and how they are wired."""
        self.copies: list[Part] = []
        """Parts of the same signature that follow it and are drawn with it."""

    @property
    def count(self) -> int:
        """How often it stands in the network, one after the other or side by side."""
        return len(self.copies) + 1


class Card(Part):
    """An operator with what is fused to it; or, `closed`, a block of which nothing inside is drawn."""

    __slots__ = ("closed", "elided", "identifier", "output")

    def __init__(self, nodes: list[Node], label: str, *, closed: Box | None = None, output: str | None = None) -> None:
        super().__init__(nodes, label)
        self.closed = closed
        self.output = output
        """The name of the output that it shows; such a card stands for no node."""
        self.elided = 0
        """How many cards it stands for that there was no room for."""
        self.identifier = ""

    @property
    def host(self) -> Node:
        """The node that gives the card its title."""
        return self.nodes[0]

    @property
    def result(self) -> Tensor:
        """What leaves the card."""
        return self.nodes[-1].outputs[0]

    @property
    def is_join(self) -> bool:
        """Whether it only joins several tensors."""
        if self.closed is not None or self.elided or not self.nodes:
            return False
        return self.host.op.family == "join" and len(self.host.inputs) > 1


class Box(Part):
    """One use of a block, a group, a list or a network."""

    __slots__ = ("application", "parts")

    def __init__(self, application: Application, nodes: list[Node], label: str, parts: list[Part]) -> None:
        super().__init__(nodes, label)
        self.application = application
        self.parts = parts

    @property
    def definition_name(self) -> str:
        """The name of the block or network that it is a use of; empty for groups and lists, which have none."""
        named = self.application.kind in ("block", "network", "foreign")
        return str(getattr(self.application.definition, "name", "")) if named else ""

    def boxes(self) -> Iterator[Box]:
        """This box and every box drawn in it."""
        yield self
        for part in self.parts:
            if isinstance(part, Box):
                yield from part.boxes()


class Edge:
    """From card to card; its `role` says how it is drawn.

    `main` and `side` are the links of straight chains of cards, `skip` is a shortcut past or around a part of such a
    chain, `size` carries a tensor of which only the size is read, `plain` is anything else.
    """

    __slots__ = ("role", "same_chain", "source", "target")

    def __init__(self, source: Card, target: Card, role: str = "plain") -> None:
        self.source = source
        self.target = target
        self.role = role
        self.same_chain = False
        """Whether both ends stand in one column."""

"""From the graph of a network to what its picture shows: which cards, in which boxes, joined by which edges.

The way is: fuse nodes into cards, follow the applications into boxes, fold repeats, close boxes that are too deep or
that there is no room for, then carry the edges of the graph over to the cards that are left.
"""

from __future__ import annotations

from dlspec.drawing.chains import assign_roles
from dlspec.drawing.folding import Folder
from dlspec.drawing.fusing import fused
from dlspec.drawing.parts import Box, Card, Edge, Part
from dlspec.graph import Application, Node
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Graph

ROOM = 500
"""Cards that fit into a picture that can still be read and is laid out within a second."""
FULL_ROOM = 5000
"""The same where everything was asked for."""


class Scene:
    """Everything a picture shows, without places: the parts at the top, all cards, all edges."""

    __slots__ = ("cards", "chains", "edges", "folder", "graph", "home", "notes", "parts")

    def __init__(self, graph: Graph, folder: Folder, parts: list[Part]) -> None:
        self.graph = graph
        self.folder = folder
        self.parts = parts
        self.cards: list[Card] = []
        """In the order in which they are computed."""
        self.home: dict[Node, Card] = {}
        """The card that stands for each node; nodes of folded copies share those of the part that is drawn."""
        self.edges: list[Edge] = []
        self.chains: list[list[Card]] = []
        """Straight runs of cards that stand in a column each, the main one first."""
        self.notes: list[str] = []
        """What the reader must know that the picture does not show."""


def scene(graph: Graph, *, depth: int | None = None, full: bool = False, room: int | None = None) -> Scene:
    """What a picture of the network shows.

    `depth` opens blocks only so deep (0 closes all of them); `full` draws every repeat and every node. Where more
    cards than `room` would be drawn, deeper blocks are closed, and a note says so.
    """
    folder = Folder(graph)
    parts = _Builder(graph, folder, full).parts(graph.root)
    made = Scene(graph, folder, parts)
    _close(made, depth, room or (FULL_ROOM if full else ROOM))
    _connect(made)
    assign_roles(made)
    return made


# Parts


class _Builder:
    """Follows the applications into boxes and cards, folding as it goes."""

    def __init__(self, graph: Graph, folder: Folder, full: bool) -> None:
        self.groups = {node: [node] for node in graph.nodes} if full else fused(graph)
        self.folder = folder
        self.full = full

    def parts(self, application: Application) -> list[Part]:
        """The parts of an application, repeats folded."""
        found = [part for step in application.steps if (part := self._part(step)) is not None]
        return found if self.full else self.folder.fold(found)

    def _part(self, step: Node | Application) -> Part | None:
        if isinstance(step, Node):
            group = self.groups[step]
            return self._card(group, _label(step.name)) if group[0] is step else None
        return self._box(step)

    def _card(self, nodes: list[Node], label: str) -> Card:
        card = Card(nodes, label)
        self.folder.sign_card(card)
        return card

    def _box(self, application: Application) -> Part | None:
        parts = [part for step in application.steps if (part := self._part(step)) is not None]
        if not parts:
            return None
        nodes = [node for part in parts for node in part.nodes]
        box = Box(application, nodes, _label(application.name), parts)
        self.folder.sign_box(box)
        if not self.full:
            box.parts = self.folder.fold(parts)
        return _unwrapped(box)


def _label(name: str) -> str:
    """A label without the count of a module that runs again."""
    return name.partition("#")[0]


def _unwrapped(box: Box) -> Part:
    """A box around a single unfolded part says nothing that a longer label does not."""
    only = box.parts[0]
    if len(box.parts) > 1 or only.copies:
        return box
    if isinstance(only, Card):
        named = _is_told(only)
        only.label = f"{box.label}.{only.label}" if named else box.label
        return only
    only.label = f"{box.label}.{only.label}"
    if isinstance(only, Box) and not only.definition_name:
        only.application = box.application
    return only


def _is_told(card: Card) -> bool:
    """Whether the label of a card in a box says more than its place there."""
    return not card.label.isdigit() and not is_own_name(card)


def is_own_name(card: Card) -> bool:
    """Whether a label is only the name of the operator, perhaps with a counter: `relu_1`."""
    return bool(card.nodes) and card.label.rstrip("0123456789").rstrip("_") in (
        card.host.op.name.rstrip("0123456789"), card.host.op.name,
    )  # fmt: skip


# Closing what is too deep


def _close(made: Scene, depth: int | None, room: int) -> None:
    deepest = max((_depth(part) for part in made.parts), default=0)
    wanted = deepest if depth is None else max(0, min(depth, deepest))
    fits = wanted
    while fits > 0 and sum(_count(part, fits) for part in made.parts) > room:
        fits -= 1
    if fits < wanted:
        made.notes.append(f"drawn {fits} of {deepest} blocks deep: all of it would be more than {room} cards")
    made.parts = [_closed(part, fits) for part in made.parts]
    if len(made.parts) > room:
        made.parts = _without_middle(made, room)


def _depth(part: Part) -> int:
    """How many boxes stand in each other."""
    return 1 + max(map(_depth, part.parts)) if isinstance(part, Box) else 0


def _count(part: Part, depth: int) -> int:
    """How many cards a part is drawn with when boxes are opened so deep."""
    return sum(_count(inner, depth - 1) for inner in part.parts) if isinstance(part, Box) and depth > 0 else 1


def _closed(part: Part, depth: int) -> Part:
    if not isinstance(part, Box):
        return part
    if depth > 0:
        part.parts = [_closed(inner, depth - 1) for inner in part.parts]
        return part
    card = Card(part.nodes, part.label, closed=part)
    card.inlets, card.signature, card.copies = part.inlets, part.signature, part.copies
    return card


def _without_middle(made: Scene, room: int) -> list[Part]:
    """The first and the last parts, with one card for what there is no room for."""
    first, last = room // 2, len(made.parts) - (room // 2 - 1)
    middle = made.parts[first:last]
    gap = Card([node for part in middle for one in (part, *part.copies) for node in one.nodes], "")
    gap.elided = len(middle)
    made.notes.append(f"{gap.elided:,} of {len(made.parts):,} parts are left out to show the rest")
    return [*made.parts[:first], gap, *made.parts[last:]]


# Edges


def _connect(made: Scene) -> None:
    """Number the cards and carry the edges of the graph over to them."""
    home = made.home
    repeated: set[Node] = set()
    for part in made.parts:
        _settle(part, home, repeated)
    outputs = [Card([], name, output=name) for name in made.graph.outputs]
    made.cards = sorted(set(home.values()), key=lambda card: card.host.index) + outputs
    for number, card in enumerate(made.cards):
        card.identifier = f"n{number}"
    made.parts = [*made.parts, *outputs]
    edges: dict[tuple[Card, Card], str] = {}
    for node in made.graph.nodes:
        if node not in repeated:
            for place, tensor in enumerate(node.inputs):
                pair = (home[tensor.node], home[node])
                if not _is_read_for_size(node, place) or pair not in edges:
                    edges[pair] = "size" if _is_read_for_size(node, place) else "plain"
    for tensor, card in zip(made.graph.outputs.values(), outputs):
        edges[home[tensor.node], card] = "plain"
    made.edges = [Edge(*pair, role) for pair, role in edges.items() if pair[0] is not pair[1]]


def _is_read_for_size(node: Node, place: int) -> bool:
    """Whether an input only tells what size the result has."""
    return place in node.op.lending(node.at)


def _settle(part: Part, home: dict[Node, Card], repeated: set[Node]) -> None:
    """Give every node its card; the nodes of a copy share the cards of the part that is drawn."""
    if isinstance(part, Box):
        for inner in part.parts:
            _settle(inner, home, repeated)
    elif isinstance(part, Card):
        home.update(dict.fromkeys(part.nodes, part))
    for copy in part.copies:
        for node, drawn in zip(copy.nodes, part.nodes):
            home[node] = home[drawn]
            repeated.add(node)

"""A block that the stages of a figure repeat, drawn once, with the values that its uses give it."""

from __future__ import annotations

import re

from dlspec.drawing.figure.items import is_join
from dlspec.drawing.fusing import fused
from dlspec.graph import Application, Node
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.figure.items import Item, Stages
    from dlspec.graph import Graph, Tensor

_COUNT = re.compile(r"#\d+")
_NUMBER = re.compile(r"(?<=\.)\d+")
FEWEST = 4
"""Cards of a block that is used once, for it to be drawn."""
MOST = 18
"""Cards of a template; larger blocks are not drawn."""


class Card:
    """A step of the block: an operator with what is fused to it, or a join."""

    __slots__ = ("again", "application", "before", "column", "is_extra", "lane", "nodes", "sources")

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.before: list[Card] = []
        """The cards that it reads."""
        self.sources = False
        """Whether it reads what the block is given."""
        self.is_extra = False
        """Whether only some uses of the block have it."""
        self.column = 0
        self.lane = 0

    @property
    def host(self) -> Node:
        return self.nodes[0]

    @property
    def is_join(self) -> bool:
        return is_join(self.host)


class Template:
    """A block with its cards and its uses."""

    __slots__ = ("application", "cards", "extras", "name", "uses")

    def __init__(self, name: str, application: Application, cards: list[Card]) -> None:
        self.name = name
        self.application = application
        """The use that is drawn: one that has every card."""
        self.cards = cards
        self.uses: list[tuple[str, int, dict[str, str]]] = []
        """By stage: its label, how many uses, and the values of parameters that are not the same everywhere."""
        self.extras: list[tuple[list[Card], list[str], list[str]]] = []
        """Cards that only some uses have, with the paths of those that have them and of those that do not."""

    @property
    def count(self) -> int:
        return sum(times for _, times, _ in self.uses)


def templates(made: Stages, graph: Graph) -> list[Template]:
    """The blocks whose uses are slabs of the figure, each once, in order of first use."""
    uses: dict[int, list[tuple[Item, Application]]] = {}
    for item in made.items:
        for one in item.slices:
            if one.application is not None and one.application.kind == "block":
                uses.setdefault(id(one.application.definition), []).append((item, one.application))
    groups = fused(graph)
    found = [_template(pairs, groups) for pairs in uses.values()]
    return [one for one in found if one is not None]


def _template(pairs: list[tuple[Item, Application]], groups: dict[Node, list[Node]]) -> Template | None:
    applications = [application for _, application in pairs]
    forms = {application: _form(application, groups) for application in applications}
    richest = max(applications, key=lambda application: len(forms[application]))
    if len(forms[richest]) < (FEWEST if len(pairs) == 1 else 2) or len(forms[richest]) > MOST:
        return None
    cards = _cards(richest, groups)
    template = Template(str(richest.definition.name), richest, cards)
    template.extras = _extras(cards, richest, forms)
    for extra, _, _ in template.extras:
        for card in extra:
            card.is_extra = True
    template.uses = _uses(pairs)
    _place(cards)
    return template


Step = tuple[str, ...]
"""What a card is to other uses of the block: its path without numbers, its operator, whether that sees a point."""


def _form(application: Application, groups: dict[Node, list[Node]]) -> tuple[Step, ...]:
    return tuple(_step(node, application) for node in application.nodes() if groups[node][0] is node)


def _step(node: Node, application: Application) -> Step:
    """Modules that run again have a count in their path; numbers in it depend on what stands before."""
    path = _COUNT.sub("", node.path)[len(_COUNT.sub("", application.path)) :]
    kernel = getattr(node.op, "kernel_size", ())
    return (_NUMBER.sub("#", path), node.op.name, "pointwise" if set(kernel) == {1} else "")


def _extras(
    cards: list[Card], richest: Application, forms: dict[Application, tuple[Step, ...]]
) -> list[tuple[list[Card], list[str], list[str]]]:
    """The cards that some uses lack, together where the same uses lack them."""
    places = {card: index for index, card in enumerate(cards)}
    steps = [_step(card.host, richest) for card in cards]
    lacking: dict[Card, list[str]] = {card: [] for card in cards}
    found: dict[tuple[Step, ...], set[int]] = {}
    for application, form in forms.items():
        kept = found.setdefault(form, _common(steps, form) if form not in found else set())
        for card in cards:
            if places[card] not in kept:
                lacking[card].append(application.path)
    together: dict[tuple[str, ...], list[Card]] = {}
    for card, paths in lacking.items():
        if paths:
            together.setdefault(tuple(paths), []).append(card)
    return [(extra, [a.path for a in forms if a.path not in paths], [*paths]) for paths, extra in together.items()]


def _common(one: list[Step], other: tuple[Step, ...]) -> set[int]:
    """The places in `one` of the longest sequence of steps that both have."""
    longest = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in reversed(range(len(one))):
        for j in reversed(range(len(other))):
            same = one[i] == other[j]
            longest[i][j] = longest[i + 1][j + 1] + 1 if same else max(longest[i + 1][j], longest[i][j + 1])
    kept, i, j = set(), 0, 0
    while i < len(one) and j < len(other):
        if one[i] == other[j] and longest[i][j] == longest[i + 1][j + 1] + 1:
            kept.add(i)
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return kept


def _cards(application: Application, groups: dict[Node, list[Node]]) -> list[Card]:
    made: dict[Node, Card] = {}
    cards = []
    for node in application.nodes():
        group = groups[node]
        if node.op.name == "identity" and node.inputs[0].node in made:
            made[node] = made[node.inputs[0].node]
        elif group[0] is node:
            card = Card([one for one in group if one is node or _is_in(one, application)])
            cards.append(card)
            for one in card.nodes:
                made[one] = card
    for card in cards:
        for node in card.nodes:
            for tensor in node.inputs:
                other = made.get(tensor.node)
                if other is None:
                    card.sources = True
                elif other is not card and other not in card.before:
                    card.before.append(other)
    return cards


def _is_in(node: Node, application: Application) -> bool:
    inner: Application | None = node.application
    while inner is not None and inner is not application:
        inner = inner.parent
    return inner is application


def _place(cards: list[Card]) -> None:
    """Columns by the longest way; the longest chain in lane 0, the others packed below it."""
    for card in cards:
        card.column = 1 + max((other.column for other in card.before), default=0)
    after: dict[Card, list[Card]] = {card: [] for card in cards}
    for card in cards:
        for other in card.before:
            after[other].append(card)
    length: dict[Card, int] = {}
    for card in reversed(cards):
        length[card] = 1 + max((length[other] for other in after[card]), default=0)
    left = set(cards)
    used: list[list[tuple[int, int]]] = []
    while left:
        # What is learned stands below the way of what is computed from it.
        head = max(left, key=lambda card: (card.sources or bool(card.before), length[card], -cards.index(card)))
        chain = [head]
        while True:
            on = [card for card in after[chain[-1]] if card in left]
            if not on:
                break
            chain.append(max(on, key=lambda card: length[card]))
        left -= set(chain)
        ends = [card.column for other in chain for card in after[other] if card not in chain]
        span = (
            min([chain[0].column, *(c.column + 1 for c in chain[0].before)]),
            max([chain[-1].column, *(end - 1 for end in ends)]),
        )
        lane = next((n for n, taken in enumerate(used) if all(span[1] < a or span[0] > b for a, b in taken)), len(used))
        if lane == len(used):
            used.append([])
        used[lane].append(span)
        for card in chain:
            card.lane = lane


def _uses(pairs: list[tuple[Item, Application]]) -> list[tuple[str, int, dict[str, str]]]:
    """By stage the values that differ among the uses; several in one stage in the order in which they come."""
    values = [{name: text for name, value in application.arguments.items() if (text := _text(value))}
              for _, application in pairs]  # fmt: skip
    changing = [name for name in values[0] if len({one.get(name) for one in values}) > 1]
    stages: dict[str, list[dict[str, str]]] = {}
    for (item, _), one in zip(pairs, values):
        stages.setdefault(item.label, []).append(one)
    return [
        (label, len(uses), {name: ", ".join(dict.fromkeys(use.get(name, "") for use in uses)) for name in changing})
        for label, uses in stages.items()
    ]


def _text(value: object) -> str:
    """A value that fits a table; nothing for tensors and stages."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float, str)):
        return str(value)
    return ""


def given(template: Template) -> list[str]:
    """The parameters of the block whose values the uses tell."""
    return list(template.uses[0][2]) if template.uses else []


def result_of(template: Template) -> Tensor:
    return template.cards[-1].nodes[-1].outputs[0]

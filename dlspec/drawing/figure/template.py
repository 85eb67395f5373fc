"""A block that the stages of a figure repeat, drawn once, with the values that its uses give it."""

from __future__ import annotations

import re

from dlspec.drawing.figure.items import is_join
from dlspec.drawing.fusing import fused
from dlspec.graph import Application, Node, Tensor
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlspec.drawing.figure.items import Item, Stages
    from dlspec.graph import Graph

_COUNT = re.compile(r"#\d+")
_NUMBER = re.compile(r"(?<=\.)\d+")
FEWEST = 4
"""Cards of a block that is used once, for it to be drawn."""
MOST = 18
"""Cards of a template; larger blocks are not drawn."""

Part = list[Node] | Application
"""A step of a block: a node with what is fused to it, or the use of another block."""
Step = tuple[str, ...]
"""What a step is to other uses of the block: its path without numbers, its operator, whether that sees a point."""


class Card:
    """A step of the block: an operator with what is fused to it, a join, the use of another block, or what is given."""

    __slots__ = ("before", "column", "given", "is_extra", "lane", "nodes", "sources", "use", "varying")

    def __init__(self, nodes: list[Node], use: Application | None = None, given: str = "") -> None:
        self.nodes = nodes
        self.use = use
        """The use of a block that it stands for as a whole."""
        self.given = given
        """The parameter that brings a tensor besides the first."""
        self.before: list[Card] = []
        """The cards that it reads."""
        self.sources = False
        """Whether it reads what the block is given first."""
        self.is_extra = False
        """Whether only some uses of the block have it."""
        self.varying: set[str] = set()
        """The parameters of its operator that are not the same in all uses."""
        self.column = 0
        self.lane = 0

    @property
    def host(self) -> Node:
        return self.nodes[0]

    @property
    def is_join(self) -> bool:
        return self.use is None and not self.given and is_join(self.host)

    @property
    def is_source(self) -> bool:
        """Whether it only brings something: a learned tensor, or one that is given."""
        return bool(self.given) or (self.use is None and self.host.op.family == "parameter")


class Template:
    """A block with its cards and its uses."""

    __slots__ = ("application", "cards", "extras", "first", "name", "uses")

    def __init__(self, name: str, application: Application, cards: list[Card]) -> None:
        self.name = name
        self.application = application
        """The use that is drawn: one that has every card."""
        self.cards = cards
        self.first = next(iter(_given_tensors(application).values()), "x")
        """The parameter that brings what the block works on."""
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
    """The block of some uses with every step told apart; with inner blocks as a whole where that is too much."""
    fewest = FEWEST if len(pairs) == 1 else 2
    for is_closed in (False, True):
        parts = {application: _parts(application, groups, is_closed) for _, application in pairs}
        richest = max(parts, key=lambda application: len(parts[application]))
        if fewest <= len(parts[richest]) <= MOST:
            return _made(pairs, parts, richest)
    return None


def _made(
    pairs: list[tuple[Item, Application]], parts: dict[Application, list[Part]], richest: Application
) -> Template:
    cards = _cards(richest, parts[richest])
    template = Template(str(richest.definition.name), richest, cards)
    own = [card for card in cards if not card.given]
    forms = {one: tuple(_step(part, one) for part in found) for one, found in parts.items()}
    steps = tuple(_step(card.use or card.nodes, richest) for card in own)
    template.extras = _extras(own, steps, forms)
    for extra, _, _ in template.extras:
        for card in extra:
            card.is_extra = True
    template.uses = _uses(pairs)
    _note_varying(own, steps, parts)
    _place(cards)
    return template


def _note_varying(cards: list[Card], steps: tuple[Step, ...], parts: dict[Application, list[Part]]) -> None:
    """Tell each card which parameters of its operator other uses of the block set otherwise."""
    home = dict(zip(steps, cards))
    for application, found in parts.items():
        for part in found:
            card = home.get(_step(part, application))
            if card is None or card.use is not None or not isinstance(part, list):
                continue
            own, other = card.host.op, part[0].op
            card.varying |= {name for name in own.fields if getattr(own, name) != getattr(other, name, None)}


def _parts(application: Application, groups: dict[Node, list[Node]], is_closed: bool) -> list[Part]:
    """The steps of a block in order: nodes with what is fused to them, and with `is_closed` uses of blocks."""
    found: list[Part] = []
    for step in application.steps:
        if isinstance(step, Node):
            if groups[step][0] is step:
                found.append([node for node in groups[step] if _is_in(node, application)])
        elif is_closed and step.kind in ("block", "network", "foreign"):
            found.append(step)
        else:
            found += _parts(step, groups, is_closed)
    return found


def _step(part: Part, application: Application) -> Step:
    """Modules that run again have a count in their path; numbers in it depend on what stands before."""
    host = part[0] if isinstance(part, list) else part
    path = _COUNT.sub("", host.path)[len(_COUNT.sub("", application.path)) :]
    if isinstance(host, Application):
        return (_NUMBER.sub("#", path), str(host.definition.name), "")
    kernel = getattr(host.op, "kernel_size", ())
    return (_NUMBER.sub("#", path), host.op.name, "pointwise" if set(kernel) == {1} else "")


def _extras(
    cards: list[Card], steps: tuple[Step, ...], forms: dict[Application, tuple[Step, ...]]
) -> list[tuple[list[Card], list[str], list[str]]]:
    """The cards that some uses lack, together where the same uses lack them."""
    places = {card: index for index, card in enumerate(cards)}
    names = _told_apart(forms)
    lacking: dict[Card, list[str]] = {card: [] for card in cards}
    found: dict[tuple[Step, ...], set[int]] = {}
    for application, form in forms.items():
        kept = found.setdefault(form, _common(steps, form) if form not in found else set())
        for card in cards:
            if places[card] not in kept:
                lacking[card].append(names[application])
    together: dict[tuple[str, ...], list[Card]] = {}
    for card, paths in lacking.items():
        if paths:
            together.setdefault(tuple(paths), []).append(card)
    return [
        (extra, [name for name in names.values() if name not in paths], [*paths]) for paths, extra in together.items()
    ]


def _told_apart(applications: Iterable[Application]) -> dict[Application, str]:
    """The paths of uses without what all of them begin with."""
    paths = {application: application.path.split(".") for application in applications}
    shared = 0
    while (
        all(len(path) > shared + 1 for path in paths.values()) and len({path[shared] for path in paths.values()}) == 1
    ):
        shared += 1
    if shared and any(path[shared].isdigit() for path in paths.values()):
        shared -= 1  # a number alone says nothing
    return {application: ".".join(path[shared:]) for application, path in paths.items()}


def _common(one: tuple[Step, ...], other: tuple[Step, ...]) -> set[int]:
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


def _cards(application: Application, parts: list[Part]) -> list[Card]:
    """A card for every step, and one for every tensor that the block is given besides the first."""
    made: dict[Node, Card] = {}
    cards = []
    for part in parts:
        nodes = part if isinstance(part, list) else [*part.nodes()]
        if not nodes:
            continue
        if isinstance(part, list) and part[0].op.name == "identity" and part[0].inputs[0].node in made:
            made[part[0]] = made[part[0].inputs[0].node]
            continue
        card = Card(nodes, None if isinstance(part, list) else part)
        cards.append(card)
        made.update(dict.fromkeys(nodes, card))
    given = _given_tensors(application)
    first = next(iter(given.values()), "")
    others: dict[str, Card] = {}
    for card in cards:
        for tensor in [tensor for node in card.nodes for tensor in node.inputs]:
            other = made.get(tensor.node)
            name = given.get(tensor, first)
            if other is None and name != first:
                other = others.setdefault(name, Card([tensor.node], given=name))
            if other is None:
                card.sources = True
            elif other is not card and other not in card.before:
                card.before.append(other)
    return [*others.values(), *cards]


def _given_tensors(application: Application) -> dict[Tensor, str]:
    """The tensors among the arguments of a block, each with the parameter that brings it, in order."""
    found: dict[Tensor, str] = {}
    for name, value in application.arguments.items():
        if isinstance(value, Tensor):
            found.setdefault(value, name)
    return found


def _is_in(node: Node, application: Application) -> bool:
    inner: Application | None = node.application
    while inner is not None and inner is not application:
        inner = inner.parent
    return inner is application


def _place(cards: list[Card]) -> None:
    """Columns by the longest way; the longest chain in lane 0, the others packed below it."""
    for card in cards:
        card.column = 1 + max((other.column for other in card.before if not other.given), default=0)
    early = [card for card in cards if any(other.given for other in card.before) and card.column == 1]
    for card in cards:
        card.column += 1 if early and not card.given else 0
    for card in cards:
        if card.given:
            card.column = min(other.column for other in cards if card in other.before) - 1
    after: dict[Card, list[Card]] = {card: [] for card in cards}
    for card in cards:
        for other in card.before:
            after[other].append(card)
    length: dict[Card, int] = {}
    for card in reversed(cards):
        length[card] = 1 + max((length[other] for other in after[card]), default=0)
    last = max(card.column for card in cards)
    left = set(cards)
    used: list[list[tuple[int, int]]] = []
    while left:
        # What is learned or given stands below the way of what is computed from it.
        head = max(left, key=lambda card: (not card.is_source, length[card], -cards.index(card)))
        chain = [head]
        while True:
            on = [card for card in after[chain[-1]] if card in left]
            if not on:
                break
            chain.append(max(on, key=lambda card: length[card]))
        left -= set(chain)
        ends = [card.column for other in chain for card in after[other] if card not in chain]
        span = (
            min([chain[0].column, *(c.column + 1 for c in chain[0].before), *(1 for c in chain[:1] if c.sources)]),
            # What nothing reads is led to the end, past all that comes later.
            max([chain[-1].column, *(end - 1 for end in ends), *(0 if after[chain[-1]] else last for _ in chain[:1])]),
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

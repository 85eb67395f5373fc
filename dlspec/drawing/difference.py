"""The picture of a difference: the stages of the new network as cards, with what was edited and what followed.

Struck red is gone, green is new, amber marks a stage that somebody edited; numbers that became others in stages that
nobody touched are told too.
"""

from __future__ import annotations

from dlspec.analyses.typical import apart, number, typical_sizes
from dlspec.drawing.canvas import Canvas
from dlspec.drawing.figure.route import DOWN, RIGHT, UP, Port, Router
from dlspec.drawing.figure.slices import HEAVY
from dlspec.drawing.figure.stages import stages
from dlspec.drawing.figure.words import Words
from dlspec.drawing.metrics import shortened, width
from dlspec.drawing.words import count_text, title
from dlspec.graph import Node
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlspec.analyses.difference import Difference
    from dlspec.analyses.edits import Change, Edit
    from dlspec.drawing.figure.items import Item, Stages
    from dlspec.graph import Application, Tensor

    Step = Node | Application

MARGIN = 28
WIDE = 150.0
GAP = (34.0, 38.0)
"""Points between cards, for arrows."""
LINE = 17.0
ROW = 7
"""Cards beside each other; more go on in a second row."""
MOST = 5
"""Layers of a stage that are listed where they did not change; edits are all listed."""


class Said(Record):
    """A line of a card: `same`, `gone`, `new`, `fact` or `moved` (a number that became another)."""

    kind: str
    text: str
    extra: str = ""
    """What it became, behind the text."""


class Card:
    """A stage with its lines and its place."""

    __slots__ = ("column", "edited", "item", "lane", "lines", "name", "x", "y")

    def __init__(self, item: Item, name: str, lines: list[Said], edited: bool) -> None:
        self.item = item
        self.name = name
        self.lines = lines
        self.edited = edited
        self.column = self.lane = 0
        self.x = self.y = 0.0

    @property
    def height(self) -> float:
        return 28 + LINE * len(self.lines)


def difference_figure(differences: Sequence[Difference], old: str = "old", new: str = "new") -> Canvas:
    """One picture of all networks that differ, one under the other; `old` and `new` are what the sides are called."""
    canvas = Canvas(f"{old} → {new}")
    top = 0.0
    for difference in differences:
        top = _drawn(canvas, difference, f"{old} → {new}", top)
    canvas.about = f"how {new} differs from {old}"
    canvas.height = top + 8
    return canvas


def _drawn(canvas: Canvas, difference: Difference, sides: str, top: float) -> float:
    graph = difference.new.graph
    sizes = typical_sizes(graph)
    words = Words(graph, sizes, difference.new.cost, difference.new.fields)
    made = stages(graph, sizes)
    before = {**typical_sizes(difference.old.graph), **sizes}
    changes = _Changes(difference, words, before, made)
    cards = {item: Card(item, words.name(item), changes.lines(item), item in changes.edits) for item in made.items}
    end = _set_out(canvas, made, cards, top + 84)
    _arrows(canvas, made, cards)
    for card in cards.values():
        _card(canvas, card)
    _heading(canvas, difference, words, before, sides, top)
    return end + 22


class _Changes:
    """What is told of each stage."""

    def __init__(self, difference: Difference, words: Words, before: dict[str, int], made: Stages) -> None:
        self.difference = difference
        self.words = words
        self.before = before
        self.older = difference.alignment.older
        self.newer = difference.alignment.newer
        self.made = made
        self.home = {node: item for item in made.items for node in item.nodes}
        self.edits: dict[Item, list[Said]] = {}
        self.gone: dict[Item, int] = {}
        """Parameters of what is no more."""
        for edit in difference.edits:
            for old, new in ((edit.old, edit.new), *edit.again):
                self._tell(edit, old, new)

    def _tell(self, edit: Edit, old: Step | None, new: Step | None) -> None:
        part = new if new is not None else old
        if part is None or not part.path or (isinstance(part, Node) and part.op.family == "input"):
            return  # arguments of the whole network stand in the heading, the size of an input on its card
        item = self._item(part, new is not None)
        if item is None:
            return
        lines = self.edits.setdefault(item, [])
        if old is not None and new is not None:
            lines += _place_lines(edit, old, new, item)
        if old is None or new is None:
            lines.append(Said("new", f"+ {_called(part)}") if old is None else Said("gone", _called(part)))
        elif isinstance(old, Node) != isinstance(new, Node) or _called(old) != _called(new):
            lines += [Said("gone", _called(old)), Said("new", _called(new))]
        else:
            lines += [_change_line(change) for change in edit.changes]
        if old is not None and (new is None or "replaced" in edit.kinds):
            cost = self.difference.old.cost
            nodes = [old] if isinstance(old, Node) else list(old.nodes())
            self.gone[item] = self.gone.get(item, 0) + sum(cost.nodes[node].parameters for node in nodes)

    def _item(self, part: Step, is_new: bool) -> Item | None:
        """The stage that a part is in; for what is no more the one of that name, or of what stood before it."""
        inside = [part] if isinstance(part, Node) else list(part.nodes())
        if is_new:
            return self.home.get(inside[0]) if inside else None
        named = (item for item in self.made.items if f"{part.path}.".startswith(f"{item.label}."))
        found = next(named, None)
        if found is not None or not inside:
            return found
        nodes = self.difference.old.graph.nodes
        for node in reversed(nodes[: inside[0].index]):
            new = self.newer.get(node)
            if isinstance(new, Node) and new in self.home:
                return self.home[new]
        return self.made.items[0]

    def lines(self, item: Item) -> list[Said]:
        return [*self._plain(item), *_folded(self.edits.get(item, [])), *self._facts(item)]

    def _plain(self, item: Item) -> list[Said]:
        """What the stage is, as far as no edit says it."""
        if item.nodes[0].op.family == "input" or item.is_join:
            return []
        added = {
            line.text.removeprefix("+ ").partition(" ×")[0] for line in self.edits.get(item, []) if line.kind == "new"
        }
        heavy = [node for node in item.nodes if node.op.family in HEAVY and node.op.family != "pooling"]
        if heavy and len(heavy) <= MOST:
            return _folded([Said("same", _called(node)) for node in heavy if _called(node) not in added])
        count = self.words.count(item)
        text = self.words.detail(item)
        return [Said("same", text + (f" ×{count}" if count > 1 else ""))] if text and text not in added else []

    def _facts(self, item: Item) -> list[Said]:
        """Shape, parameters, MACs and field, each with what it was where that is another."""
        words = self.words
        was = self.older.get(item.result.node)
        found = []
        shape = _shape(item.result, words.sizes)
        old = _shape(was.outputs[0], self.before) if isinstance(was, Node) else shape
        found.append(Said("fact", words.result(item)) if old == shape else Said("moved", old, shape))
        olds = [self.older[node] for node in item.nodes if isinstance(self.older.get(node), Node)]
        cost = self.difference.old.cost
        before = self.gone.get(item, 0) + sum(cost.nodes[node].parameters for node in olds)  # type: ignore[index,misc]
        now = words.costs(item)
        if now.parameters or before:
            found.append(_changed("parameters", before, now.parameters))
        if item.nodes[0].op.family != "input" and now.field and not words.depends_on_data(item):
            field = self.difference.old.fields.of(was) if isinstance(was, Node) else None
            earlier = str(field) if field is not None else ""
            told = str(words.fields.of(item.result.node))
            found.append(
                Said("fact", f"sees {told}") if earlier in ("", told) else Said("moved", f"sees {earlier}", told)
            )
        return found


def _shape(tensor: Tensor, sizes: dict[str, int]) -> str:
    """The shape of a tensor without the batch, at the sizes of a picture."""
    shape = tensor.shape if tensor.is_list else tensor.shape[1:]
    return "×".join(str(number(size, sizes) or size) for size in shape) or "1"


def _place_lines(edit: Edit, old: Step, new: Step, item: Item) -> list[Said]:
    """Another name or place of a part; of the layers in a block that moved the block alone tells it."""
    if "renamed" in edit.kinds:
        return [Said("moved", old.path, new.path)]
    if "moved" in edit.kinds and not (isinstance(new, Node) and new.application.parent is not None):
        return [Said("fact", "moved here" if new.path == item.label else f"{new.path} moved here")]
    return []


def _change_line(change: Change) -> Said:
    """An argument that became another; of inputs those that are others."""
    if change.name != "takes":
        return Said("moved", f"{change.name} {change.old}", change.new)
    old, new = change.old.split(", "), change.new.split(", ")
    gone, came = [name for name in old if name not in new], [name for name in new if name not in old]
    return Said("moved", f"takes {', '.join(gone or old)}", ", ".join(came or new))


def _called(part: Step | None) -> str:
    """A layer with its width, or a block by its name."""
    if not isinstance(part, Node):
        return str(getattr(getattr(part, "definition", None), "name", "") or getattr(part, "name", ""))
    widths = (getattr(part.op, name) for name in ("out_channels", "out_features") if name in part.op.fields)
    text = part.op.name if part.op.family == "join" else title(part)
    return text + "".join(f", {many}" for many in widths)


def _changed(name: str, before: int, now: int) -> Said:
    if before == now:
        return Said("fact", f"{count_text(now)} {name}")
    sign = "+" if now > before else "−"
    return Said("moved", f"{count_text(now)} {name}", f"{sign}{count_text(abs(now - before))}")


def _folded(lines: list[Said]) -> list[Said]:
    """Equal runs of edits once, with how often: `conv 3×3, 64` ×3."""
    blocks: list[list[Said]] = []
    for line in lines:
        if line.kind == "new" and blocks and blocks[-1][-1].kind == "gone" and len(blocks[-1]) == 1:
            blocks[-1].append(line)
        else:
            blocks.append([line])
    found: list[tuple[list[Said], int]] = []
    for block in blocks:
        if found and found[-1][0] == block:
            found[-1] = (block, found[-1][1] + 1)
        else:
            found.append((block, 1))
    return [
        Said(line.kind, line.text + (f" ×{times}" if times > 1 and line.kind != "moved" else ""), line.extra)
        for block, times in found
        for line in block
    ]


# Layout


def _set_out(canvas: Canvas, made: Stages, cards: dict[Item, Card], top: float) -> float:
    for item in sorted(made.items, key=lambda item: item.nodes[-1].index):
        before = [cards[link.source].column for link in made.links if link.target is item]
        cards[item].column = 1 + max(before, default=-1)
    taken: dict[int, int] = {}
    for card in cards.values():
        card.lane = taken.get(card.column, 0)
        taken[card.column] = card.lane + 1
    y = top
    for row in range(max(card.column for card in cards.values()) // ROW + 1):
        inside = [card for card in cards.values() if card.column // ROW == row]
        for lane in sorted({card.lane for card in inside}):
            beside = [card for card in inside if card.lane == lane]
            tall = max(card.height for card in beside)
            for card in beside:
                card.x = MARGIN + (card.column % ROW) * (WIDE + GAP[0])
                card.y = y + (tall - card.height) / 2
            y += tall + GAP[1]
    canvas.width = max(canvas.width, max(card.x for card in cards.values()) + WIDE + MARGIN)
    return y - GAP[1]


def _arrows(canvas: Canvas, made: Stages, cards: dict[Item, Card]) -> None:
    everything = list(cards.values())
    obstacles = [(card.x - 3, card.y - 3, card.x + WIDE + 3, card.y + card.height + 3) for card in everything]
    xs = [x for card in everything for x in (card.x - 5, card.x + WIDE / 2, card.x + WIDE + 5)]
    xs += [card.x - GAP[0] * part for card in everything for part in (0.35, 0.6)]
    ys = [y for card in everything for y in (card.y - 5, card.y + card.height / 2, card.y + card.height + 5)]
    ys += [card.y - GAP[1] * part for card in everything for part in (0.35, 0.6)]
    router = Router(obstacles, [*xs, max(xs) + 14], [*ys, max(ys) + 12])
    for link in sorted(made.links, key=lambda link: cards[link.target].column - cards[link.source].column):
        source, target = cards[link.source], cards[link.target]
        starts = [Port((source.x + WIDE + 5, source.y + source.height / 2), RIGHT)]
        centre = target.x + WIDE / 2
        ends = [
            Port((target.x - 5, target.y + target.height / 2), RIGHT),
            Port((centre, target.y - 5), DOWN, 20),
            Port((centre, target.y + target.height + 5), UP, 30),
        ]
        points = router.way(starts, ends, link.source)
        if points is not None:
            canvas.arrow(points, "skip" if link.role != "main" else "line", link.role == "concat")


# Drawing


def _card(canvas: Canvas, card: Card) -> None:
    accent = "skip" if card.edited else "grey"
    canvas.box(card.x, card.y, WIDE, card.height, "edited" if card.edited else "card")
    canvas.box(card.x, card.y, WIDE, 4, accent)
    middle = card.x + WIDE / 2
    canvas.text(
        middle,
        card.y + 19,
        shortened(card.name, 11.5, WIDE - 12, True),
        11.5,
        accent if card.edited else "ink",
        "middle",
        True,
    )
    y = card.y + 24
    for line in card.lines:
        _line(canvas, line, card.x, y)
        y += LINE


def _line(canvas: Canvas, line: Said, x: float, y: float) -> None:
    middle, base = x + WIDE / 2, y + 12.5
    if line.kind in ("gone", "new"):
        canvas.box(x, y, WIDE, LINE, line.kind)
        text = canvas.text(
            middle, base, shortened(line.text, 10, WIDE - 10), 10, f"{line.kind}.ink", "middle", line.kind == "new"
        )
        if line.kind == "gone":
            half = text.width / 2
            canvas.line([(middle - half - 1, base - 3.4), (middle + half + 1, base - 3.4)], "gone.ink", 0.9)
        return
    if line.kind != "moved":
        canvas.text(
            middle, base, shortened(line.text, 10, WIDE - 10), 10, "grey" if line.kind == "same" else "ink", "middle"
        )
        return
    between = "" if line.extra[:1] in "+−" else " → "
    first, second = _fitting(line.text, line.extra, WIDE - 10 - width(between, 10))
    first += between
    total = width(first, 10) + width(second, 10, True) + (1 if between else 5)
    start = middle - total / 2
    canvas.text(start, base, first.rstrip() if not between else first, 10, "grey")
    canvas.text(middle + total / 2, base, second, 10, "repeat", "end", True)


def _fitting(first: str, second: str, room: float) -> tuple[str, str]:
    """Both sides of a line in the room there is; the longer side gives way first."""
    one, other = width(first, 10), width(second, 10, True)
    if one + other <= room:
        return first, second
    half = room / 2
    if one <= half:
        return first, shortened(second, 10, room - one, True)
    if other <= half:
        return shortened(first, 10, room - other), second
    return shortened(first, 10, half), shortened(second, 10, half, True)


def _heading(
    canvas: Canvas, difference: Difference, words: Words, before: dict[str, int], sides: str, top: float
) -> None:
    canvas.text(MARGIN, top + 36, difference.new.graph.name, 19, bold=True)
    x = MARGIN + width(difference.new.graph.name, 19, True) + 14
    canvas.text(x, top + 36, sides, 11.5, "grey")
    old, new = difference.old.cost, difference.new.cost
    pairs = [
        ("parameters", old.parameters, new.parameters),
        ("MACs", apart(old.macs, before)[0], words.macs),
    ]
    told = [
        f"{change.name} {change.old} → {change.new}"
        for edit in difference.edits if edit.new is difference.new.graph.root for change in edit.changes
    ]  # fmt: skip
    for name, one, other in pairs:
        if one == other:
            told.append(f"{name} {count_text(other)}, as before")
        else:
            share = f" ({'+' if other > one else '−'}{abs(100 * (other - one) / one):.3g} %)" if one else ""
            told.append(f"{name} {count_text(one)} → {count_text(other)}{share}")
    last = canvas.text(MARGIN, top + 58, "  ·  ".join(told), 11.5, "grey")
    canvas.width = max(canvas.width, MARGIN * 2 + last.width, x + width(sides, 11.5) + MARGIN)

"""The template of a block as boxes and arrows, beside the list of its uses."""

from __future__ import annotations

from dlspec.drawing.figure.route import DOWN, RIGHT, UP, Port, Router
from dlspec.drawing.figure.template import Card, given
from dlspec.drawing.figure.written import written
from dlspec.drawing.metrics import width
from dlspec.drawing.words import operator_name, sign, symbol, tag, title
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.canvas import Canvas, Point
    from dlspec.drawing.figure.template import Template

MARGIN = 28
GAP = 34
"""Points between cards, for arrows."""
TURN = 0.72
"""Where in a gap, counted from its end, edges turn into the cards behind it."""
HIGH = 36
LANE = 56
AROUND = (15, 23, 31)
"""Points below the last lane at which shortcuts run."""
JOIN = 10
SMALL = 9.5
"""How large the second line of a card is."""
WIDEST = 820
"""Points that a figure may be wide because of a table."""
NAMES = 130
LONGEST_NAME = 190
"""Points left of the template, for its name; a longer one stands above."""
MOST_USES = 8


class _Spot:
    """A card with its place; `x` is its centre."""

    __slots__ = ("card", "half", "lines", "rise", "x", "y")

    def __init__(self, card: Card, lines: tuple[str, str]) -> None:
        self.card = card
        self.lines = lines
        self.half = max(width(lines[0], 10.5, True), width(lines[1], SMALL)) / 2 + 10
        if card.is_join:
            self.half = JOIN if len(lines[0]) < 3 else width(lines[0], 9.5, True) / 2 + 7
        self.rise = JOIN if card.is_join else HIGH / 2
        self.x = 0.0
        self.y = 0.0


def inset(canvas: Canvas, template: Template, top: float) -> float:
    """Draw a template under `top`; returns where it ends. The canvas becomes as wide as it asks."""
    canvas.text(MARGIN, top + 20, _signature(template), 12.5, bold=True)
    named = f"one block, {template.count} uses" if template.count > 1 else "one block"
    canvas.text(MARGIN, top + 36, named, 10, "grey")
    name = width(_signature(template), 12.5, True) + 20
    left = MARGIN + (max(NAMES, name) if name <= LONGEST_NAME else 0) + width(template.first, 12, True) - 7
    begin = top if name <= LONGEST_NAME else top + 40
    spots = [_Spot(card, _lines(card, template)) for card in template.cards]
    lanes = max(card.lane for card in template.cards) + 1
    middle = begin + 26 + HIGH / 2
    right = _set_out(spots, left + 48, middle)
    floor = middle + (lanes - 1) * LANE + HIGH / 2
    lowest = _arrows(canvas, spots, left + 12, right, middle, floor)
    canvas.text(left + 8, middle + 4, template.first, 12, "ink", "end", bold=True)
    canvas.text(right + GAP + 6, middle + 4, "y", 12, bold=True)
    for spot in spots:
        _draw(canvas, spot)
    end = lowest + 6
    for extra, inside, outside in template.extras:
        which = [spot.lines[0] for spot in spots if spot.card in extra] if len(template.extras) > 1 else []
        end = _remark(canvas, which, (inside, outside), left, end + 13)
    canvas.width = max(canvas.width, right + GAP + 14 + MARGIN)
    return _uses(canvas, template, right + GAP + 56, left, begin + 20, end) + 8


def _signature(template: Template) -> str:
    names = given(template)
    return f"{template.name}({', '.join(names)})" if names else template.name


def _lines(card: Card, template: Template) -> tuple[str, str]:
    """What stands on a card: `Conv 3×3, width /stride` and `BN · ReLU`."""
    if card.given:
        return card.given, ""
    if card.use is not None:
        return str(card.use.definition.name), card.use.path.rpartition(".")[2]
    if card.is_join:
        return symbol(card.host), ""
    if card.host.op.family == "parameter":
        return card.host.name, "learned"
    if card.host.op.family == "wrong":
        return operator_name(card.host), "does not fit"
    plain = card.host.op.family in ("normalization", "attention", "activation")
    words = operator_name(card.host) if plain else title(card.host)
    kernel = written(card.host, "kernel_size", template.application)
    if kernel.isidentifier():
        sides = getattr(card.host.op, "kernel_size", ())
        words = words.replace("×".join(map(str, sides)), "×".join([kernel] * len(sides)), 1)
    step = written(card.host, "stride", template.application)
    if step:
        words = " ".join(part for part in words.split(" ") if not part.startswith("/"))
    for name in ("out_channels", "out_features"):
        if name in card.host.op.fields:
            said = written(card.host, name, template.application)
            number = "" if name in card.varying else str(getattr(card.host.op, name))
            words += f", {said or number}" if said or number else ""
    words += f" /{step}" if step else ""
    return words, " · ".join(tag(node) for node in card.nodes[1:] if getattr(node.op, "p", 1) != 0)


def _set_out(spots: list[_Spot], left: float, middle: float) -> float:
    x = left
    for column in range(1, max(spot.card.column for spot in spots) + 1):
        inside = [spot for spot in spots if spot.card.column == column]
        half = max(spot.half for spot in inside)
        for spot in inside:
            spot.x, spot.y = x + half, middle + spot.card.lane * LANE
        x += 2 * half + GAP
    return x - GAP


def _arrows(canvas: Canvas, spots: list[_Spot], start: float, right: float, middle: float, floor: float) -> float:
    """Draw the edges; returns how far down they and the cards reach."""
    home = {spot.card: spot for spot in spots}
    router = _router(spots, (start, middle), right, floor)
    wanted: list[tuple[_Spot | None, _Spot]] = [
        (other, spot) for spot in spots for other in [home[card] for card in spot.card.before]
    ]
    wanted += [(None, spot) for spot in spots if spot.card.sources]
    wanted.sort(key=lambda pair: pair[1].x - (pair[0].x if pair[0] else start))
    drawn: list[tuple[list[Point], str]] = []
    for source, target in wanted:
        leaves = [Port((start, middle), RIGHT)] if source is None else _out(source)
        wrong = target.card.host.op.family == "wrong"
        colour = "wrong" if wrong else "skip" if _is_skip(source, target) else "line"
        points = router.way(leaves, _into(target), (source, colour), target if target.card.is_join else None)
        if points is not None:
            drawn.append((points, colour))
    for points, colour in reversed(drawn):
        canvas.arrow(points, colour, False, 7)
    read = {other for spot in spots for other in spot.card.before}
    for spot in spots:
        if spot.card not in read and not spot.card.is_source:
            canvas.arrow(_to_the_end(spot, right, middle))
    return max([floor, *(y for points, _ in drawn for _, y in points)])


def _to_the_end(spot: _Spot, right: float, middle: float) -> list[Point]:
    """From a card that nothing reads to what the block gives."""
    start, end = (spot.x + spot.half + 4, spot.y), (right + GAP, middle)
    return [start, end] if spot.y == middle else [start, (right + 8, spot.y), (right + 8, middle), end]


def _router(spots: list[_Spot], begin: Point, right: float, floor: float) -> Router:
    """Lines turn in the gaps between cards, half way down to the next lane, and above or below a join."""
    start, middle = begin
    obstacles = [(spot.x - spot.half - 3, spot.y - spot.rise - 3, spot.x + spot.half + 3, spot.y + spot.rise + 3)
                 for spot in spots]  # fmt: skip
    # Where an arrow ends, and just where it begins, none turns away.
    walls = [(x - 3, spot.y - spot.rise, x + 3, spot.y + spot.rise) for spot in spots
             for x in (spot.x - spot.half - 5, spot.x + spot.half + 5)]  # fmt: skip
    walls += [(start - 3, middle - 2, start + 6, middle + 2)]
    walls += [(spot.x - spot.half - GAP * 0.55, spot.y - 3, spot.x - spot.half, spot.y + 3) for spot in spots]
    xs = [x for spot in spots for x in (spot.x, spot.x - spot.half - 5, spot.x + spot.half + 5)]
    edges = {spot.card.column: min(s.x - s.half for s in spots if s.card.column == spot.card.column) for spot in spots}
    xs += [edge - GAP * TURN for edge in edges.values()]
    ys = [y for spot in spots for y in (spot.y, spot.y + LANE / 2)]
    ys += [spot.y + side * (spot.rise + 5) for spot in spots if spot.card.is_join for side in (1, -1)]
    return Router(obstacles, [*xs, start, right + 6], [*ys, *(floor + below for below in AROUND)], walls)


def _is_skip(source: _Spot | None, target: _Spot) -> bool:
    """Whether an edge goes past what it is joined with."""
    if not target.card.is_join or (source is not None and source.card.column >= target.card.column - 1):
        return False
    if source is not None and source.card.is_source:
        return False
    return source is None or bool(sign(target.card.host))


def _out(spot: _Spot) -> list[Port]:
    return [Port((spot.x + spot.half + 5, spot.y), RIGHT)]


def _into(spot: _Spot) -> list[Port]:
    ports = [Port((spot.x - spot.half - 5, spot.y), RIGHT)]
    if spot.card.is_join:
        ports.append(Port((spot.x, spot.y + spot.rise + 5), UP))
        ports.append(Port((spot.x, spot.y - spot.rise - 5), DOWN, 30))
    return ports


def _draw(canvas: Canvas, spot: _Spot) -> None:
    card = spot.card
    family = card.host.op.family if card.use is None else "other"
    if card.is_join:
        sign = spot.lines[0]
        canvas.box(spot.x - spot.half, spot.y - JOIN, 2 * spot.half, 2 * JOIN, "join.tint", "join.edge", radius=JOIN)
        if card.is_extra:
            half, rise = spot.half - 2.5, JOIN - 2.5
            canvas.box(spot.x - half, spot.y - rise, 2 * half, 2 * rise, "join.tint", "join.edge", radius=rise)
        canvas.text(
            spot.x, spot.y + (4.2 if len(sign) < 3 else 3.3), sign, 12 if len(sign) < 3 else 9.5, "ink", "middle", True
        )
        return
    if card.given:
        canvas.text(spot.x + spot.half, spot.y + 4, card.given, 12, "ink", "end", bold=True)
        return
    left, top = spot.x - spot.half, spot.y - HIGH / 2
    canvas.box(left, top, 2 * spot.half, HIGH, f"{family}.tint", f"{family}.edge", radius=5)
    if spot.card.is_extra:
        canvas.box(left + 2.5, top + 2.5, 2 * spot.half - 5, HIGH - 5, f"{family}.tint", f"{family}.edge", radius=3.5)
    first, second = spot.lines
    canvas.text(spot.x, spot.y + (-2 if second else 4), first, 10.5, "ink", "middle", bold=True)
    if second:
        canvas.text(spot.x, spot.y + 11, second, SMALL, "grey", "middle")


def _remark(canvas: Canvas, named: list[str], uses: tuple[list[str], list[str]], x: float, y: float) -> float:
    """Which uses have the cards with a second frame, or which lack them, whichever are fewer."""
    inside, outside = uses
    word, places = ("only", inside) if len(inside) <= len(outside) else ("not", outside)
    shown = ", ".join(places[:4]) + (f" and {len(places) - 4} more" if len(places) > 4 else "")
    canvas.box(x, y - 8, 14, 9, "card", "grey", radius=2)
    canvas.box(x + 2, y - 6, 10, 5, "card", "grey", radius=1)
    canvas.text(x + 20, y, (f"{', '.join(named)}: " if named else "") + f"{word} in {shown}", 9.5, "grey")
    return y + 4


def _uses(canvas: Canvas, template: Template, beside: float, below: float, top: float, end: float) -> float:
    """A table of the stages with the values that differ: right of the template, or under it where that is too far."""
    names = given(template)
    if len(template.uses) < 2 or not names:
        return end
    rows = template.uses[:MOST_USES]
    wide = [max(width(name, 10), *(width(values[name], 10) for _, _, values in rows)) + 16 for name in names]
    first = max(width(f"{label} ×{times}", 10.5, True) for label, times, _ in rows) + 22
    under = beside + first + sum(wide) > max(canvas.width, WIDEST)
    x, y = (below, end + 14) if under else (beside, top)
    place = x + first
    for name, much in zip(names, wide):
        canvas.text(place, y, name, 10, "grey")
        place += much
    for label, times, values in rows:
        y += 16
        canvas.text(x, y, label, 10.5, bold=True)
        if times > 1:
            canvas.text(x + width(f"{label} ", 10.5, True), y, f"×{times}", 10.5, "repeat", bold=True)
        place = x + first
        for name, much in zip(names, wide):
            canvas.text(place, y, values[name], 10)
            place += much
    if len(template.uses) > MOST_USES:
        y += 15
        canvas.text(x, y, f"and {len(template.uses) - MOST_USES} more", 10, "grey")
    canvas.width = max(canvas.width, x + first + sum(wide) - 16 + MARGIN)
    return max(end, y)

"""A network that branches in scale: x is the order of computing, y the stride, and edges run between."""

from __future__ import annotations

from math import log2

from dlspec.analyses.typical import number
from dlspec.drawing.figure.items import is_join
from dlspec.drawing.figure.rail import rail
from dlspec.drawing.figure.route import DOWN, LEFT, RIGHT, UP, Port, Router
from dlspec.drawing.figure.slab import Scale
from dlspec.drawing.metrics import width
from dlspec.drawing.words import symbol, title
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.canvas import Canvas, Point
    from dlspec.drawing.figure.items import Item, Link, Stages
    from dlspec.drawing.figure.rail import Rail
    from dlspec.drawing.figure.slab import Stack
    from dlspec.drawing.figure.words import Words

MARGIN = 28
LEVELS = 40
"""Points left of the picture, for the strides."""
TALLEST = 110.0
LABEL = 60
"""Points that the label of a stage is high."""
BETWEEN = (40, 30)
"""Points between columns and between rows, for edges."""
BAR = 52
"""Points of a bar that is full."""
LEAD = 8
"""Points that an arrow runs straight before its end."""
REGIONS = 99
"""The row of what is computed for regions, below all strides."""
JOIN = 9
"""The radius of a join that stands alone."""


class Place:
    """A stage with its column, its band, and where that comes to lie."""

    __slots__ = ("band", "column", "item", "middle", "stack", "wide", "x")

    def __init__(self, item: Item, stack: Stack, wide: float) -> None:
        self.item = item
        self.stack = stack
        self.wide = wide
        self.column = 0
        self.band = (0, 0)
        self.x = 0.0
        """Its centre."""
        self.middle = 0.0

    @property
    def half(self) -> float:
        return JOIN if self.item.is_join else self.stack.width / 2

    @property
    def rise(self) -> float:
        return JOIN if self.item.is_join else self.stack.height / 2

    @property
    def below(self) -> float:
        """Where its label ends."""
        return self.middle + self.rise + (2 if self.item.is_join else LABEL)


def levels(canvas: Canvas, made: Stages, words: Words, top: float) -> float:
    """Draw the stages by order and stride under `top`; returns where the drawing ends. Sets the canvas' width."""
    scale = Scale(made.items, words.sizes, TALLEST)
    places = {item: Place(item, scale.stack(item), _wide(item, scale, words)) for item in made.items}
    _assign_columns(made, places)
    strides = _assign_bands(made, places, words)
    shared = rail(made.links, lambda item: places[item].band[0] != REGIONS)
    bottom = _set_out(places, top, shared)
    right = max(place.x + place.wide / 2 for place in places.values())
    canvas.width = right + MARGIN
    for band, stride in strides.items():
        middle = next(place.middle for place in places.values() if place.band == band)
        canvas.text(MARGIN, middle + 4, f"1/{stride}" if stride > 1 else "1", 11, "grey")
    _draw_links(canvas, made, places, bottom, shared)
    for place in places.values():
        _draw(canvas, place, words)
    if any(place.band[0] == REGIONS for place in places.values()):
        middle = next(place.middle for place in places.values() if place.band == (REGIONS, 0))
        canvas.text(MARGIN, middle + 4, "regions", 11, "grey")
    return _legend(canvas, [link for link in made.links if shared is None or link not in shared.links], bottom + 26)


def _wide(item: Item, scale: Scale, words: Words) -> float:
    if item.is_join:
        return 2 * JOIN
    texts = (width(words.name(item), 11, True), width(words.result(item), 10), width(words.detail(item), 9.5))
    return max(*texts, scale.stack(item).width, BAR)


# Places


def _assign_columns(made: Stages, places: dict[Item, Place]) -> None:
    """The longest way from an input; a source stands right before what reads it."""
    before: dict[Item, list[Item]] = {item: [] for item in made.items}
    for link in made.links:
        before[link.target].append(link.source)
    for item in _in_order(made.items, before):
        places[item].column = 1 + max((places[other].column for other in before[item]), default=-1)
    for item in made.items:
        after = [places[link.target].column for link in made.links if link.source is item]
        if not before[item] and after:
            places[item].column = min(after) - 1


def _in_order(items: list[Item], before: dict[Item, list[Item]]) -> list[Item]:
    """Each after those before it."""
    found: dict[Item, None] = {}
    for item in items:
        waiting = [item]
        while waiting:
            missing = [other for other in before[waiting[-1]] if other not in found and other not in waiting]
            if missing:
                waiting.append(missing[0])
            else:
                found.setdefault(waiting.pop())
    return [*found]


def _assign_bands(made: Stages, places: dict[Item, Place], words: Words) -> dict[tuple[int, int], int]:
    """Rows by stride; what shares a column and a row gets a band of its own. Returns the strides of the first bands.

    What is computed for regions of the image that the numbers choose has rows below all others.
    """
    strides = _strides(made, words)
    level: dict[Item, int] = {}
    for item in sorted(made.items, key=lambda item: item.nodes[-1].index):
        if _is_of_regions(item, words):
            level[item] = REGIONS
            continue
        stride = strides[item]
        before = [level[link.source] for link in made.links if link.target is item and link.source in level]
        level[item] = round(log2(stride)) if stride else max(before, default=0)
    for item in made.items:
        after = [level[link.target] for link in made.links if link.source is item]
        if item.nodes[0].op.family == "input" and not strides[item] and after and min(after) == REGIONS:
            level[item] = REGIONS
    seen: dict[tuple[int, int], int] = {}
    for item, place in places.items():
        lane = seen.get((level[item], place.column), 0)
        seen[level[item], place.column] = lane + 1
        place.band = (level[item], lane)
    return {
        (row, 0): 2**row
        for row in sorted(set(level.values()))
        if row != REGIONS and any(strides[item] for item in made.items if level[item] == row)
    }


def _is_of_regions(item: Item, words: Words) -> bool:
    """Whether it stands below the maps: what is computed for regions, and a head that looks at all levels for them."""
    return item.levels > 1 or words.depends_on_data(item)


def _strides(made: Stages, words: Words) -> dict[Item, float | None]:
    """Positions of the finest map between neighbours in each map; none for what is no map.

    As the windows step, where they tell it; else by how much smaller the map is.
    """
    sides = {item: None if _is_of_regions(item, words) else _side(item, words) for item in made.items}
    largest = max((side for side in sides.values() if side), default=1)
    stepped = {item: words.stride(item) for item in made.items if sides[item]}
    if not all(stepped.values()):
        return {item: largest / side if side else None for item, side in sides.items()}
    finest = min((step for step in stepped.values() if step), default=1)
    return {item: (stepped[item] or 1) / finest if item in stepped else None for item in made.items}


def _side(item: Item, words: Words) -> int | None:
    shape = item.result.shape
    return number(shape[-1], words.sizes) if len(shape) >= 4 else None


def _set_out(places: dict[Item, Place], top: float, shared: Rail | None) -> float:
    """Give every place its centre; returns where the lowest label ends."""
    maps = [place for place in places.values() if place.band[0] != REGIONS]
    regions = [place for place in places.values() if place.band[0] == REGIONS]
    left = float(MARGIN + LEVELS)
    widths = [_side_by_side(part, left) for part in (maps, regions)]
    # What follows for regions ends where the maps end, below them.
    for part, width_of_part in zip((maps, regions), widths):
        for place in part:
            place.x += max(widths) - width_of_part if part is regions else 0
    y = top
    for band in sorted({place.band for place in places.values()}):
        inside = [place for place in places.values() if place.band == band]
        rise = max(place.rise for place in inside)
        if shared is not None and band == (REGIONS, 0):
            shared.y = y
            y += BETWEEN[1]
        for place in inside:
            place.middle = y + rise
        y = max(place.below for place in inside) + BETWEEN[1]
    return y - BETWEEN[1]


def _side_by_side(places: list[Place], x: float) -> float:
    """Set columns beside each other; returns how wide they are together."""
    start = x
    for column in sorted({place.column for place in places}):
        inside = [place for place in places if place.column == column]
        wide = max(place.wide for place in inside)
        for place in inside:
            place.x = x + wide / 2
        x += wide + BETWEEN[0]
    return x - start


# Links


def _draw_links(canvas: Canvas, made: Stages, places: dict[Item, Place], bottom: float, shared: Rail | None) -> None:
    router = _router(list(places.values()), bottom, [] if shared is None else [shared.y])
    if shared is not None:
        router.close(shared.y, shared)
        met = {link.target for link in made.links if places[link.source].middle > places[link.target].middle + 1}
        shared.draw(canvas, places, router, lambda place: [
            Port((place.x, place.below + 4), DOWN, 90 if place.item in met else 4),
            Port((place.x + place.half + 5, place.middle), RIGHT),
        ])  # fmt: skip
    left = [link for link in made.links if shared is None or link not in shared.links]
    order = sorted(left, key=lambda link: _distance(places[link.source], places[link.target]))
    for link in order:
        source, target = places[link.source], places[link.target]
        toward = link.target if link.target.is_join or target.band[0] == REGIONS else None
        points = router.way(_leaving(source, target), _arriving(target, source, link.role), link.source, toward)
        if points is not None:
            colour, dashed = _look(link)
            canvas.arrow([*points[:-1], _tip(points[-1], target)], colour, dashed)


def _tip(end: Point, target: Place) -> Point:
    """Where the arrow ends that was led to just before a stage."""
    x, y = end
    if abs(y - target.middle) < 1:
        return x + (LEAD if x < target.x else -LEAD), y
    return x, y + (LEAD if y < target.middle else -LEAD)


def _distance(source: Place, target: Place) -> float:
    return abs(target.x - source.x) + abs(target.middle - source.middle)


def _router(places: list[Place], bottom: float, rows: list[float]) -> Router:
    obstacles = [
        (place.x - max(place.half, 0 if place.item.is_join else place.wide / 2) - 5, place.middle - place.rise - 3,
         place.x + max(place.half, 0 if place.item.is_join else place.wide / 2) + 5, place.below + 2)
        for place in places
    ]  # fmt: skip
    xs = [x for place in places for x in (place.x, place.x - place.half - 5, place.x + place.half + 5)]
    xs += [place.x + side * (place.half + 5 + LEAD) for place in places for side in (1, -1)]
    ys = [y for place in places for y in (place.middle, place.middle - place.rise - 5, place.below + 4)]
    ys += [y for place in places for y in (place.middle - place.rise - 5 - LEAD, place.below + 4 + LEAD)]
    for column, is_region in {(place.column, place.band[0] == REGIONS) for place in places}:
        inside = [place for place in places if (place.column, place.band[0] == REGIONS) == (column, is_region)]
        edge = min(place.x - place.wide / 2 for place in inside)
        xs += [edge - BETWEEN[0] * part for part in (0.3, 0.5, 0.7)]
    for band in {place.band for place in places}:
        edge = min(place.middle - place.rise for place in places if place.band == band)
        ys += [edge - BETWEEN[1] * part for part in (0.3, 0.5, 0.7)]
    # Where an arrow ends no other line runs past it.
    walls = [
        (place.x - place.half - 6 - LEAD, place.middle - 8, place.x - place.half, place.middle + 8) for place in places
    ]
    return Router(_slim(obstacles, places), [*xs, max(xs) + 20], [*ys, *rows, bottom + 12], walls)


def _slim(
    obstacles: list[tuple[float, float, float, float]], places: list[Place]
) -> list[tuple[float, float, float, float]]:
    """Beside a stack that is narrower than its label there is room: stack and label are obstacles of their own."""
    found = []
    for (left, top, right, bottom), place in zip(obstacles, places):
        found.append((place.x - place.half - 3, top, place.x + place.half + 3, place.middle + place.rise + 3))
        if not place.item.is_join:
            found.append((left, place.middle + place.rise + 3, right, bottom))
    return found


def _leaving(source: Place, target: Place) -> list[Port]:
    ports = [Port((source.x + source.half + 5, source.middle), RIGHT)]
    if target.middle > source.middle + 1:
        ports.append(Port((source.x, source.below + 4), DOWN, 4))
    if target.middle < source.middle - 1:
        ports.append(Port((source.x, source.middle - source.rise - 5), UP, 10))
    return ports


def _arriving(target: Place, source: Place, role: str) -> list[Port]:
    ports = [Port((target.x - target.half - 5 - LEAD, target.middle), RIGHT)]
    if source.middle > target.middle + 1:
        ports.append(Port((target.x, target.below + 4 + LEAD), UP, 4))
    if source.middle < target.middle - 1 or role != "main":
        ports.append(Port((target.x, target.middle - target.rise - 5 - LEAD), DOWN, 10))
    if target.column <= source.column:
        ports.append(Port((target.x + target.half + 5 + LEAD, target.middle), LEFT, 10))
    return ports


def _look(link: Link) -> tuple[str, bool]:
    if link.target.failed is not None:
        return "wrong", False
    if link.role in ("add", "concat"):
        return "skip", link.role == "concat"
    if link.through is not None:
        return f"{'pooling' if link.through.op.family == 'pooling' else 'resize'}.line", False
    return "line", False


# Stages


def _draw(canvas: Canvas, place: Place, words: Words) -> None:
    item = place.item
    if item.is_join:
        canvas.circle(place.x, place.middle, JOIN, "join.top", "join.edge")
        join = next(node for node in item.nodes if is_join(node))
        sign = symbol(join)
        size = 12 if len(sign) < 3 else 6.5
        canvas.text(place.x, place.middle + size / 3, sign[:6], size, "ink", "middle", bold=True)
        return
    place.stack.draw(canvas, place.x - place.stack.width / 2, place.middle)
    y = place.middle + place.rise + 15
    count = words.count(item)
    name = words.name(item)
    canvas.text(place.x, y, name, 11, "wrong" if item.failed else "ink", "middle", bold=True)
    detail = words.detail(item) + (f" ×{count}" if count > 1 else "")
    if detail:
        y += 13
        canvas.text(place.x, y, detail, 9.5, "grey", "middle")
    canvas.text(place.x, y + 13, words.result(item), 10, "ink", "middle")
    _bars(canvas, place, words, y + 20)


def _bars(canvas: Canvas, place: Place, words: Words, y: float) -> None:
    """What a stage has of all parameters and of all multiply-adds, as two thin bars."""
    costs = words.costs(place.item)
    if not costs.parameters and not costs.macs:
        return
    totals = (words.cost.parameters, words.number(words.cost.macs) or 0)
    for row, (count, total, facet) in enumerate(zip((costs.parameters, costs.macs), totals, ("parameters", "macs"))):
        canvas.box(place.x - BAR / 2, y + 6 * row, BAR, 4, "track", radius=2)
        if count and total:
            canvas.box(place.x - BAR / 2, y + 6 * row, max(BAR * count / total, 2), 4, facet, radius=1)


def _legend(canvas: Canvas, links: list[Link], y: float) -> float:
    """What the lines mean, each kind once."""
    entries: dict[str, tuple[str, bool]] = {}
    for link in links:
        entries.setdefault(_said(link), _look(link))
    entries.pop("", None)
    x = float(MARGIN)
    for facet in ("parameters", "MACs"):
        canvas.box(x, y - 6, 22, 4, facet.lower(), radius=1)
        canvas.text(x + 28, y, f"share of {facet}", 10, "grey")
        x += 28 + width(f"share of {facet}", 10) + 22
    for text, (colour, dashed) in entries.items():
        wide = 34 + width(text, 10) + 26
        if x > MARGIN and x + wide > canvas.width:
            x, y = MARGIN, y + 18
        canvas.arrow([(x, y - 3.5), (x + 27, y - 3.5)], colour, dashed, 0)
        canvas.text(x + 34, y, text, 10, "grey")
        x += wide
    canvas.width = max(canvas.width, x)
    return y


def _said(link: Link) -> str:
    if link.target.failed is not None:
        return "does not fit"
    if link.through is not None:
        return title(link.through).replace("Pool", " pool").replace("ConvTranspose", "transposed conv").lower()
    return {"add": "add", "concat": "concatenate"}.get(link.role, "")

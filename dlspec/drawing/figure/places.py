"""Where the stages of a branching network come to lie: rows by stride or by branch, from left to right by order."""

from __future__ import annotations

from math import log2

from dlspec.analyses.typical import number
from dlspec.drawing.figure.items import is_join
from dlspec.drawing.metrics import width
from dlspec.drawing.words import symbol
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.figure.items import Item, Link, Stages
    from dlspec.drawing.figure.slab import Stack
    from dlspec.drawing.figure.words import Words

    Band = tuple[int, int]
    """A row, and the lane in it."""

NEAR = 40.0
"""Points between stages of one band, for edges."""
ELBOW = 26.0
"""Points from where an edge turns to the stage that it goes to in another band."""
BAR = 52.0
"""Points of a bar that is full."""
LONG = 80.0
"""Points of a name that is not broken."""
REGIONS = 99
"""The row of what is computed for regions, below all others."""
JOIN = 9.0
"""The radius of a join that stands alone; one with a name is as wide as that."""
NAME, DETAIL, RESULT, FIELD, SIGN = 11.0, 9.5, 10.0, 9.5, 9.5
"""How large the lines of a label are, and the name of a join."""


class Label:
    """What stands under a stage: lines of text, and bars."""

    __slots__ = ("detail", "field", "has_bars", "is_exceeded", "names", "result")

    def __init__(self, item: Item, words: Words) -> None:
        costs = words.costs(item)
        count = words.count(item)
        self.names = _broken(words.name(item))
        """Its name, in two lines where it is long."""
        self.detail = words.detail(item) + (f" ×{count}" if count > 1 else "")
        self.result = words.result(item)
        self.has_bars = bool(costs.parameters or costs.macs)
        is_telling = costs.field[:1].isdigit() and not {*costs.field.split("×")} <= {"1"}
        self.field = f"sees {costs.field}" if is_telling or costs.field[:1] == "≤" else ""
        self.is_exceeded = costs.exceeds

    @property
    def width(self) -> float:
        lines = (width(self.detail, DETAIL), width(self.result, RESULT), width(self.field, FIELD))
        return max(BAR, *lines, *(width(name, NAME, True) for name in self.names))

    @property
    def height(self) -> float:
        lines = len(self.names) + bool(self.detail) + bool(self.field)
        return 19.0 + 13 * lines + 17 * self.has_bars


def _broken(name: str) -> list[str]:
    """A name of several words in two lines of about one length, where one would be long."""
    words = name.split(" ")
    if len(words) == 1 or width(name, NAME, True) <= LONG:
        return [name]
    halves = [(" ".join(words[:place]), " ".join(words[place:])) for place in range(1, len(words))]
    return [*min(halves, key=lambda pair: max(width(half, NAME, True) for half in pair))]


class Place:
    """A stage with its column, its band, and where that comes to lie."""

    __slots__ = ("band", "column", "half", "item", "label", "middle", "sign", "stack", "wide", "x")

    def __init__(self, item: Item, stack: Stack, words: Words) -> None:
        self.item = item
        self.stack = stack
        self.label = Label(item, words)
        self.sign = symbol(next(node for node in item.nodes if is_join(node))) if item.is_join else ""
        """What stands in a join."""
        long = width(self.sign, SIGN, True) / 2 + 7 if len(self.sign) > 2 else JOIN
        self.half = long if item.is_join else stack.width / 2
        self.wide = 2 * self.half if item.is_join else max(self.label.width, stack.width)
        self.column = 0
        self.band: Band = (0, 0)
        self.x = 0.0
        """Its centre."""
        self.middle = 0.0

    @property
    def rise(self) -> float:
        return JOIN if self.item.is_join else self.stack.height / 2

    @property
    def below(self) -> float:
        """Where its label ends."""
        return self.middle + self.rise + (2 if self.item.is_join else self.label.height)


# Columns


def assign_columns(made: Stages, places: dict[Item, Place]) -> None:
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


# Bands


def assign_bands(made: Stages, places: dict[Item, Place], words: Words) -> dict[Band, int]:
    """Rows by stride where the network branches in scale, else one row; in a row a lane for each branch.

    Returns the strides of the first lanes. What is computed for regions of the image that the numbers choose has
    a row below all others.
    """
    strides = _strides(made, words)
    is_scaled = _branches_in_scale(made, strides)
    rows: dict[Item, int] = {}
    for item in sorted(made.items, key=lambda item: item.nodes[-1].index):
        if _is_of_regions(item, words):
            rows[item] = REGIONS
            continue
        stride = strides[item]
        before = [rows[link.source] for link in made.links if link.target is item and link.source in rows]
        rows[item] = (round(log2(stride)) if stride else max(before, default=0)) if is_scaled else 0
    for item in made.items:
        after = [rows[link.target] for link in made.links if link.source is item]
        if item.nodes[0].op.family == "input" and not strides[item] and after and min(after) == REGIONS:
            rows[item] = REGIONS
    for row in set(rows.values()):
        _assign_lanes([place for item, place in places.items() if rows[item] == row], row, made.links, places)
    shown = sorted(set(rows.values())) if is_scaled else ()
    return {
        (row, 0): 2**row
        for row in shown
        if row != REGIONS and any(strides[item] for item in made.items if rows[item] == row)
    }


def _is_of_regions(item: Item, words: Words) -> bool:
    """Whether it stands below the maps: what is computed for regions, and a head that looks at all levels for them."""
    return item.levels > 1 or words.depends_on_data(item)


def _branches_in_scale(made: Stages, strides: dict[Item, float | None]) -> bool:
    """Whether maps of several strides meet, or one becomes finer again."""
    met: dict[Item, set[float]] = {}
    for link in made.links:
        before, after = strides[link.source], strides[link.target]
        if before and after and after < before:
            return True
        if before:
            met.setdefault(link.target, set()).add(before)
    return any(len(found) > 1 for found in met.values())


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


def _assign_lanes(inside: list[Place], row: int, links: list[Link], places: dict[Item, Place]) -> None:
    """The longest chain of a row in its first lane, then the next longest in the first lane that is free there."""
    after: dict[Place, list[Place]] = {place: [] for place in inside}
    before: dict[Place, list[Place]] = {place: [] for place in inside}
    for link in links:
        source, target = places[link.source], places[link.target]
        if source in after and target in before:
            after[source].append(target)
            before[target].append(source)
    length: dict[Place, int] = {}
    for place in sorted(inside, key=lambda place: -place.column):
        length[place] = 1 + max((length[other] for other in after[place]), default=0)
    left = dict.fromkeys(inside)
    used: list[list[tuple[int, int]]] = []
    while left:
        chain = [max(left, key=lambda place: (length[place], -place.column))]
        while on := [other for other in after[chain[-1]] if other in left]:
            chain.append(max(on, key=lambda place: length[place]))
        for place in chain:
            del left[place]
        begin = min([chain[0].column, *(other.column + 1 for other in before[chain[0]])])
        end = max([chain[-1].column, *(other.column - 1 for place in chain for other in after[place])])
        lane = next((n for n, taken in enumerate(used) if all(end < a or begin > b for a, b in taken)), len(used))
        used += [[]] if lane == len(used) else []
        used[lane].append((begin, end))
        for place in chain:
            place.band = (row, lane)


# Across


def set_across(made: Stages, places: dict[Item, Place], left: float, room: float, aligned: bool) -> None:
    """Give every place its centre, as far to the left as labels and edges allow; `room` times the usual gaps.

    Branches side by side are `aligned`: what is as far from the input stands below each other.
    """
    maps = [place for place in places.values() if place.band[0] != REGIONS]
    regions = [place for place in places.values() if place.band[0] == REGIONS]
    for part in (maps, regions):
        _side_by_side(part, made.links, places, left, room, aligned and part is maps)
    # What follows for regions ends where the maps end, below them.
    ends = [max((place.x + place.wide / 2 for place in part), default=0) for part in (maps, regions)]
    for place in regions:
        place.x += max(ends[0] - ends[1], 0)


def _side_by_side(
    part: list[Place], links: list[Link], places: dict[Item, Place], left: float, room: float, aligned: bool
) -> None:
    done: list[Place] = []
    came = {place: [places[link.source] for link in links if places[link.target] is place] for place in part}
    for place in sorted(part, key=lambda place: place.column):
        place.x = max([left + place.wide / 2, *(_least(place, other, came[place], room) for other in done)])
        done.append(place)
        if aligned:
            column = [other for other in done if other.column == place.column]
            for other in column:
                other.x = max(one.x for one in column)
    for place in reversed(done):
        if not came[place] and not (aligned and place.column == 0):
            _move_near(place, links, places, room)


def _least(place: Place, other: Place, came: list[Place], room: float) -> float:
    """How far to the right of another one a place stands at least."""
    if other.band == place.band:
        return other.x + (other.wide + place.wide) / 2 + NEAR * room
    if other in came:
        return other.x + max(place.half + ELBOW + 13, other.half + ELBOW) * room
    # Beside each other in other bands: in order, and where an edge of the one passes the other there is room.
    return other.x if other.column < place.column else 0.0


def _move_near(place: Place, links: list[Link], places: dict[Item, Place], room: float) -> None:
    """A source as near to what reads it as it can stand."""
    ends = [places[link.target] for link in links if link.source is place.item]
    ends = [end for end in ends if end.band[0] == place.band[0]]
    if not ends:
        return
    first = min(ends, key=lambda end: end.x)
    near = first.x - (first.wide + place.wide) / 2 - NEAR * room
    beside = [other for other in places.values() if other.band == place.band and other.x > place.x]
    limits = [other.x - (other.wide + place.wide) / 2 - NEAR * room for other in beside]
    place.x = max(place.x, min([near, *limits]))

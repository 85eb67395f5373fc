"""How the edges of a branching network run: from a side of one stage to a side of another, and around the rest."""

from __future__ import annotations

from dlspec.drawing.figure.places import NEAR, REGIONS, Place
from dlspec.drawing.figure.route import DOWN, LEFT, RIGHT, UP, Port, Router
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from dlspec.drawing.canvas import Canvas, Point
    from dlspec.drawing.figure.items import Item, Link
    from dlspec.drawing.figure.rail import Rail

LEAD = 8
"""Points that an arrow runs straight before its end."""
AGAINST = 150.0
"""What it costs to leave where another edge arrives, or to arrive where another leaves."""
BESIDE = 70.0
"""What it costs to arrive where an edge of another kind does."""
UPRIGHT = 40.0
"""What it costs an edge to arrive from above or below, where no other takes the way from the left."""


class Ways:
    """The edges of a picture, each found after those that are shorter."""

    def __init__(self, router: Router, places: dict[Item, Place]) -> None:
        self.router = router
        self.places = places
        self.edges: list[tuple[list[Point], str, bool]] = []
        self.shared: Rail | None = None
        self._left: dict[Point, Hashable] = {}
        self._arrived: dict[Point, Hashable] = {}

    @property
    def right(self) -> float:
        """How far to the right edges run."""
        return max((x for points, _, _ in self.edges for x, _ in points), default=0.0)

    @property
    def bottom(self) -> float:
        return max((y for points, _, _ in self.edges for _, y in points), default=0.0)

    def lead(self, links: list[Link], shared: Rail | None) -> bool:
        """Find a way for every edge; whether there was one for each."""
        self.shared = shared
        if shared is not None and not shared.lead(self.places, self.router, links):
            return False
        left = [link for link in links if shared is None or link not in shared.links]
        alone = {link.target for link in left if sum(other.target is link.target for other in left) == 1}
        left.sort(key=lambda link: _distance(self.places[link.source], self.places[link.target]))
        return all(self._lead(link, link.target in alone) for link in left)

    def _lead(self, link: Link, is_alone: bool) -> bool:
        source, target = self.places[link.source], self.places[link.target]
        colour, dashed = look(link)
        joins = link.target.is_join or target.band[0] == REGIONS
        toward = link.target if joins else (link.target, colour, dashed) if link.role != "main" else None
        owner = (link.source, colour, dashed)
        starts = [self._priced(port, self._arrived, AGAINST, None) for port in _leaving(source, target)]
        ends = [self._priced(port, self._left, AGAINST, None) for port in _arriving(target, source, link.role)]
        ends = [self._priced(port, self._arrived, 0 if joins else BESIDE, toward) for port in ends]
        if is_alone and not link.target.is_join:
            for port in ends:
                port.cost += UPRIGHT if port.direction in (UP, DOWN) else 0
        points = self.router.way(starts, ends, owner, toward)
        if points is None:
            return False
        self._left[_rounded(points[0])] = owner
        self._arrived[_rounded(points[-1])] = toward
        self.edges.append(([*points[:-1], _tip(points[-1], target)], colour, dashed))
        return True

    def _priced(self, port: Port, taken: dict[Point, Hashable], price: float, free: Hashable) -> Port:
        """A port that costs more where it is taken, but by an edge that may be joined."""
        held = _rounded(port.point)
        if held in taken and (free is None or taken[held] != free):
            port.cost += price
        return port

    def draw(self, canvas: Canvas) -> None:
        if self.shared is not None:
            self.shared.draw(canvas, self.places)
        for points, colour, dashed in self.edges:
            canvas.arrow(points, colour, dashed)


def look(link: Link) -> tuple[str, bool]:
    """The colour of an edge, and whether it is dashed."""
    if link.target.failed is not None:
        return "wrong", False
    if link.role in ("add", "concat"):
        return "skip", link.role == "concat"
    if link.through is not None:
        return f"{'pooling' if link.through.op.family == 'pooling' else 'resize'}.line", False
    return "line", False


def _rounded(point: Point) -> Point:
    return round(point[0], 1), round(point[1], 1)


def _tip(end: Point, target: Place) -> Point:
    """Where the arrow ends that was led to just before a stage."""
    x, y = end
    if abs(y - target.middle) < 1:
        return x + (LEAD if x < target.x else -LEAD), y
    return x, y + (LEAD if y < target.middle else -LEAD)


def _distance(source: Place, target: Place) -> float:
    return abs(target.x - source.x) + abs(target.middle - source.middle)


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


# Where edges may run


def router(places: list[Place], bottom: float, rows: list[float], room: float) -> Router:
    """Channels beside the stages, above and below them, and through their middles; stages and labels are in the way."""
    left = min(place.x - place.wide / 2 for place in places) - NEAR * 0.31
    xs = [x for place in places for x in (place.x, place.x - place.half - 5, place.x + place.half + 5)]
    xs += [place.x + side * (place.half + 5 + LEAD) for place in places for side in (1, -1)]
    xs += [place.x - place.wide / 2 - NEAR * part for place in places for part in (0.3, 0.5, 0.7)]
    ys = [y for place in places for y in (place.middle, place.middle - place.rise - 5, place.below + 4)]
    ys += [y for place in places for y in (place.middle - place.rise - 5 - LEAD, place.below + 4 + LEAD)]
    for band in {place.band for place in places}:
        edge = min(place.middle - place.rise for place in places if place.band == band)
        ys += [edge - 30 * room * part for part in (0.3, 0.5, 0.7)]
    # Where an arrow ends no other line runs past it.
    walls = [
        (place.x - place.half - 6 - LEAD, place.middle - 8, place.x - place.half, place.middle + 8) for place in places
    ]
    # An edge that leaves to the right runs a little before it turns.
    walls += [
        (place.x + place.half, place.middle - 4, place.x + place.half + 5 + LEAD / 2, place.middle + 4)
        for place in places
    ]
    obstacles = [one for place in places for one in _in_the_way(place)]
    return Router(obstacles, [*(x for x in xs if x > left), max(xs) + 20], [*ys, *rows, bottom + 12], walls)


def _in_the_way(place: Place) -> list[tuple[float, float, float, float]]:
    """Beside a stack that is narrower than its label there is room: stack and label are obstacles of their own."""
    floor = place.middle + place.rise + 3
    stack = (place.x - place.half - 3, place.middle - place.rise - 3, place.x + place.half + 3, floor)
    if place.item.is_join:
        return [stack]
    wide = max(place.half, place.label.width / 2) + 5
    return [stack, (place.x - wide, floor, place.x + wide, place.below + 2)]

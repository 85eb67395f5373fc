"""The levels of a pyramid go together to whatever reads all of them: on one line, from which that is fed."""

from __future__ import annotations

from dlspec.drawing.figure.route import DOWN, RIGHT, Port
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlspec.drawing.canvas import Canvas, Point
    from dlspec.drawing.figure.items import Item, Link
    from dlspec.drawing.figure.places import Place
    from dlspec.drawing.figure.route import Router

FEWEST = 2
"""Levels that are worth a line of their own."""


class Rail:
    """Which stages lie on it, which read from it, and the links that it stands for."""

    __slots__ = ("lines", "links", "sources", "targets", "y")

    def __init__(self, sources: frozenset[Item], targets: list[Item], links: list[Link]) -> None:
        self.sources = sources
        self.targets = targets
        self.links = links
        self.lines: list[list[Point]] = []
        """From every level down to the line."""
        self.y = 0.0

    def lead(self, places: dict[Item, Place], router: Router, links: list[Link]) -> bool:
        """Find the ways from every level down to the line; whether each has one."""
        router.close(self.y, self)
        met = {link.target for link in links if places[link.source].middle > places[link.target].middle + 1}
        ends = [Port((x, self.y), DOWN) for x in router.xs]
        self.lines = []
        for item in sorted(self.sources, key=lambda item: -places[item].middle):
            place = places[item]
            starts = [
                Port((place.x, place.below + 4), DOWN, 400 if item in met else 4),
                Port((place.x + place.half + 5, place.middle), RIGHT),
            ]
            points = router.way(starts, ends, item, self)
            if points is None:
                return False
            self.lines.append(points)
        return True

    def draw(self, canvas: Canvas, places: dict[Item, Place]) -> None:
        """From every level down to the line, along it, and from it down to what reads it."""
        for points in self.lines:
            canvas.line(points, "line", 1.5, False, 8)
        reached = [*(places[item].x for item in self.targets), *(points[-1][0] for points in self.lines)]
        canvas.line([(min(reached), self.y), (max(reached), self.y)], "line", 1.5)
        for item in self.targets:
            place = places[item]
            canvas.arrow([(place.x, self.y), (place.x, place.middle - place.rise - 5)])


def rail(links: list[Link], is_map: Callable[[Item], bool]) -> Rail | None:
    """The line for what most stages below read together, where some levels go to them."""
    read: dict[Item, set[Item]] = {}
    for link in links:
        if is_map(link.source) and not is_map(link.target):
            read.setdefault(link.target, set()).add(link.source)
    together: dict[frozenset[Item], list[Item]] = {}
    for target, levels in read.items():
        if len(levels) >= FEWEST:
            together.setdefault(frozenset(levels), []).append(target)
    if not together:
        return None
    sources, targets = max(together.items(), key=lambda pair: len(pair[1]) * len(pair[0]))
    return Rail(sources, targets, [link for link in links if link.source in sources and link.target in targets])

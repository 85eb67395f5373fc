"""Edges between boxes as lines that run straight, bend little, and never cross a box.

Lines lie on a grid of channels: between the columns, between the rows, and through the middles of the boxes. The
shortest way with the fewest bends is found by A*; a piece of a channel that another edge has taken costs more, so that
edges lie beside each other where there is room.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from heapq import heappop, heappush
from itertools import pairwise

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from dlspec.drawing.canvas import Point

    Rectangle = tuple[float, float, float, float]
    """Left, top, right, bottom."""

BEND = 28.0
TAKEN = 45.0
"""What a bend, and a piece that is taken, cost in points of length."""
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
RIGHT, DOWN, LEFT, UP = range(4)


class Port:
    """Where an edge leaves or arrives, in which direction it runs there, and what choosing it costs."""

    __slots__ = ("cost", "direction", "point")

    def __init__(self, point: Point, direction: int, cost: float = 0) -> None:
        self.point = point
        self.direction = direction
        self.cost = cost


class Router:
    """Finds ways around rectangles, one edge after the other."""

    def __init__(
        self, obstacles: Iterable[Rectangle], xs: Iterable[float], ys: Iterable[float], walls: Iterable[Rectangle] = ()
    ) -> None:
        """`walls` are closed to lines that run up or down, and open to those that run across."""
        self.xs = _apart(xs)
        self.ys = _apart(ys)
        self.taken: dict[tuple[int, int, int], tuple[Hashable, Hashable]] = {}
        obstacles = list(obstacles)
        upright = [*obstacles, *walls]
        self.blocked: set[tuple[bool, int, int]] = set()
        for left, top, right, bottom in upright:
            rows = _pieces(self.ys, top, bottom)
            self.blocked |= {(False, i, j) for i in _within(self.xs, left, right) for j in rows}
        for left, top, right, bottom in obstacles:
            columns = _pieces(self.xs, left, right)
            self.blocked |= {(True, i, j) for j in _within(self.ys, top, bottom) for i in columns}

    def way(self, starts: list[Port], ends: list[Port], owner: Hashable, toward: Hashable = None) -> list[Point] | None:
        """The corners of the cheapest way from one of the starts to one of the ends; None where there is none.

        Edges of one owner may lie on each other, and so may those toward one place.
        """
        goals = {(*self._place(end.point), end.direction): end for end in ends}
        best: dict[tuple[int, int, int], float] = {}
        came: dict[tuple[int, int, int], tuple[int, int, int]] = {}
        queue: list[tuple[float, tuple[int, int, int]]] = []
        for start in starts:
            state = (*self._place(start.point), start.direction)
            best[state] = start.cost
            heappush(queue, (start.cost, state))
        closed: set[tuple[int, int, int]] = set()
        final: tuple[float, tuple[int, int, int]] | None = None
        while queue:
            cost, state = heappop(queue)
            if final is not None and cost >= final[0]:
                break
            if state in closed:
                continue
            closed.add(state)
            cost = best[state]
            if state in goals and (final is None or cost + goals[state].cost < final[0]):
                final = (cost + goals[state].cost, state)
            for after, price in self._after(state, owner, toward):
                found = cost + price
                if found < best.get(after, 1e18):
                    best[after] = found
                    came[after] = state
                    heappush(queue, (found, after))
        if final is None:
            return None
        states = [final[1]]
        while states[-1] in came:
            states.append(came[states[-1]])
        states.reverse()
        self._take(states, (owner, toward))
        return _corners([(self.xs[i], self.ys[j]) for i, j, _ in states])

    def close(self, y: float, toward: Hashable) -> None:
        """Keep a row for edges toward one place."""
        j = _nearest(self.ys, y)
        for i in range(len(self.xs) - 1):
            self.taken[True, i, j] = (toward, toward)

    def _place(self, point: Point) -> tuple[int, int]:
        return _nearest(self.xs, point[0]), _nearest(self.ys, point[1])

    def _after(
        self, state: tuple[int, int, int], owner: Hashable, toward: Hashable
    ) -> Iterable[tuple[tuple[int, int, int], float]]:
        i, j, direction = state
        for turn in (direction, (direction + 1) % 4, (direction + 3) % 4):
            di, dj = _STEPS[turn]
            a, b = i + di, j + dj
            if not (0 <= a < len(self.xs) and 0 <= b < len(self.ys)):
                continue
            piece = (dj == 0, min(i, a), min(j, b))
            if piece in self.blocked:
                continue
            length = abs(self.xs[a] - self.xs[i]) + abs(self.ys[b] - self.ys[j])
            first, second = self.taken.get(piece, (owner, None))
            free = first == owner or (second is not None and second == toward)
            yield (a, b, turn), length + (BEND if turn != direction else 0) + (0 if free else TAKEN + length)

    def _take(self, states: list[tuple[int, int, int]], edge: tuple[Hashable, Hashable]) -> None:
        for (i, j, _), (a, b, _) in pairwise(states):
            self.taken[j == b, min(i, a), min(j, b)] = edge


def _apart(values: Iterable[float]) -> list[float]:
    """Sorted, without those that are nearer than a tenth of a point."""
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > 0.1:
            found.append(value)
    return found


def _nearest(values: list[float], wanted: float) -> int:
    place = bisect_left(values, wanted)
    near = [one for one in (place - 1, place) if 0 <= one < len(values)]
    return min(near, key=lambda one: abs(values[one] - wanted))


def _within(values: list[float], low: float, high: float) -> range:
    """The places of the lines that run through the inside of a stretch."""
    return range(bisect_right(values, low), bisect_left(values, high))


def _pieces(values: list[float], low: float, high: float) -> range:
    """The places of the pieces, each from one value to the next, that reach into a stretch."""
    return range(max(bisect_right(values, low) - 1, 0), min(bisect_left(values, high), len(values) - 1))


def _corners(points: list[Point]) -> list[Point]:
    """The points where the line turns, and its ends."""
    kept = [points[0]]
    for before, point, after in zip(points, points[1:], points[2:]):
        if (before[0] == point[0]) != (point[0] == after[0]):
            kept.append(point)
    return [*kept, points[-1]]

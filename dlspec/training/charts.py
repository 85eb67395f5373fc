"""Curves as SVG for a page: its colours come from the page's style, so that they suit light and dark."""

from __future__ import annotations

import math
from html import escape

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 10, 30
MOST_POINTS = 300
"""Points of a line; of more, every second or third is drawn."""


class Axis:
    """Values to places between two ends, by their size or by their logarithm."""

    def __init__(self, low: float, high: float, start: float, end: float, *, log: bool) -> None:
        self.log = log
        if low == high:
            low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
        self.low, self.high = self._scaled(low), self._scaled(high)
        self.start, self.end = start, end

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def at(self, value: float) -> float:
        share = (self._scaled(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int) -> list[float]:
        """Round values between the ends: 1, 2 or 5 times a power of ten, or powers alone."""
        if self.log and math.floor(self.high) - math.ceil(self.low) >= 1:
            powers = range(math.ceil(self.low), math.floor(self.high) + 1)
            return [10.0**power for power in powers[:: -(-len(powers) // (about + 2))]]
        low, high = (10**self.low, 10**self.high) if self.log else (self.low, self.high)
        rough = (high - low) / about
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * times for times in (1, 2, 5, 10) if power * times >= 0.7 * rough)
        first = math.ceil(low / step - 1e-9)
        return [count * step for count in range(first, math.floor(high / step + 1e-9) + 1)]


def lines(
    series: Mapping[str, Points], *, log_x: bool = False, log_y: bool = False,
    kept: float | None = None, level: float | None = None,
) -> str:  # fmt: skip
    """A chart with a line for each series, whose name is its class; `kept` marks an x, `level` a y."""
    drawn = {name: thinned(points) for name, points in series.items() if points}
    xs = [x for points in drawn.values() for x, _ in points]
    ys = [y for points in drawn.values() for _, y in points] + ([] if level is None else [level])
    across = Axis(min(xs), max(xs), LEFT + 6, WIDTH - RIGHT - 6, log=log_x)
    up = Axis(min(ys), max(ys), HEIGHT - BOTTOM - 6, TOP + 6, log=log_y)
    parts = [*_grid(across, up)]
    if level is not None:
        parts.append(f'<line class="level" x1="{LEFT}" x2="{WIDTH - RIGHT}" {_y(up.at(level))}/>')
    if kept is not None:
        parts.append(f'<line class="kept" y1="{TOP}" y2="{HEIGHT - BOTTOM}" {_x(across.at(kept))}/>')
    for name, points in drawn.items():
        parts += _line(escape(name), points, across, up)
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'


def _line(name: str, points: Points, across: Axis, up: Axis) -> list[str]:
    places = [f"{across.at(x):.1f} {up.at(y):.1f}" for x, y in points]
    lone = " lone" if len(points) == 1 else ""
    marks = [
        f'<circle class="{name}{lone}" cx="{across.at(x):.1f}" cy="{up.at(y):.1f}" r="4">'
        f"<title>{name}, epoch {x:g}: {y:.5g}</title></circle>"
        for x, y in points
    ]
    return [f'<path class="{name}" d="M{" L".join(places)}"/>', *marks]


def _grid(across: Axis, up: Axis) -> list[str]:
    parts = []
    for value in up.ticks(4):
        y = up.at(value)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" {_y(y)}/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>')
    for value in across.ticks(6):
        if value == int(value):
            place = f'x="{across.at(value):.1f}" y="{HEIGHT - BOTTOM + 17}"'
            parts.append(f'<text {place} text-anchor="middle">{value:g}</text>')
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" {_y(HEIGHT - BOTTOM)}/>')
    return parts


def _x(place: float) -> str:
    return f'x1="{place:.1f}" x2="{place:.1f}"'


def _y(place: float) -> str:
    return f'y1="{place:.1f}" y2="{place:.1f}"'


def thinned(points: Points, most: int = MOST_POINTS) -> Points:
    """At most so many points at even distances, the last among them."""
    step = -(-len(points) // most)
    if step <= 1:
        return points
    return [*points[:-1:step], points[-1]]

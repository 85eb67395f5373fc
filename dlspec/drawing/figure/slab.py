"""A stage as a stack of slabs: height and width follow the size of the map, thickness its channels."""

from __future__ import annotations

from math import log2, sqrt

from dlspec.analyses.typical import number
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.canvas import Canvas
    from dlspec.drawing.figure.items import Item
    from dlspec.drawing.figure.slices import Slice

TALLEST = 150.0
"""Points that the largest map of a figure is high."""
SHEAR = (0.26, 0.24)
"""How far the back of a slab lies to the right of its front and above it, for each point of its width."""
MOST = 12
"""Slabs in a stack; of more the middle is left out."""


class Slab:
    """The front of a slab, and how far back it reaches."""

    __slots__ = ("dx", "dy", "family", "height", "thickness")

    def __init__(self, family: str, height: float, across: float, thickness: float) -> None:
        self.family = family
        self.height = height
        self.dx = across * SHEAR[0]
        self.dy = across * SHEAR[1]
        self.thickness = thickness


class Stack:
    """The slabs of a stage from left to right; places are relative to its left edge and its middle."""

    __slots__ = ("gap", "is_cut", "slabs")

    def __init__(self, slabs: list[Slab]) -> None:
        self.is_cut = len(slabs) > MOST
        self.slabs = [*slabs[: MOST - 2], *slabs[-2:]] if self.is_cut else slabs
        self.gap = 3.0

    @property
    def width(self) -> float:
        total = sum(slab.thickness for slab in self.slabs) + self.gap * (len(self.slabs) - 1)
        return (
            total
            + max((slab.dx for slab in self.slabs[-1:]), default=0)
            + (self.slabs[MOST - 3].dx + 14 if self.is_cut else 0)
        )

    @property
    def height(self) -> float:
        return max((slab.height + slab.dy for slab in self.slabs), default=0)

    @property
    def ends(self) -> tuple[float, float]:
        """How high the first slab and the last are, for arrows that meet their middles."""
        return self.slabs[0].height, self.slabs[-1].height

    def draw(self, canvas: Canvas, x: float, middle: float) -> None:
        """Draw it with its left edge at x, its fronts and backs together centred on a height."""
        for place, slab in enumerate(self.slabs):
            if self.is_cut and place == MOST - 2:
                before = self.slabs[place - 1]
                for dot in range(3):
                    canvas.circle(x + before.dx + 3 + 4 * dot, middle, 1.2, "grey")
                x += before.dx + 14
            _draw(canvas, slab, x, middle)
            x += slab.thickness + self.gap


def _draw(canvas: Canvas, slab: Slab, x: float, middle: float) -> None:
    top = middle - (slab.height - slab.dy) / 2
    bottom = top + slab.height
    right = x + slab.thickness
    edge = f"{slab.family}.edge"
    canvas.polygon([(x, top), (right, top), (right, bottom), (x, bottom)], f"{slab.family}.face", edge)
    canvas.polygon(
        [(x, top), (x + slab.dx, top - slab.dy), (right + slab.dx, top - slab.dy), (right, top)],
        f"{slab.family}.top", edge,
    )  # fmt: skip
    canvas.polygon(
        [(right, top), (right + slab.dx, top - slab.dy), (right + slab.dx, bottom - slab.dy), (right, bottom)],
        f"{slab.family}.side", edge,
    )  # fmt: skip


class Scale:
    """Points for sizes: one for all maps of a figure, so that they can be compared."""

    __slots__ = ("largest", "sizes", "tallest")

    def __init__(self, items: list[Item], sizes: dict[str, int], tallest: float = TALLEST) -> None:
        self.sizes = sizes
        self.tallest = tallest
        sides = [side for item in items for one in item.slices for side in self._sides(one) if side]
        self.largest = max(sides, default=1)

    def stack(self, item: Item) -> Stack:
        """The slabs of a stage."""
        many = len(item.slices) > 4
        return Stack([self._slab(one, many) for one in item.slices])

    def _slab(self, one: Slice, many: bool) -> Slab:
        channels = number(one.tensor.shape[1], self.sizes) if len(one.tensor.shape) > 1 else 1
        sides = self._sides(one)
        if not sides:
            return Slab(_shown(one.family), min(30 + 11 * log2(max(channels or 1, 1)), self.tallest), 7, 7)
        if len(one.tensor.shape) == 3:
            wide = number(one.tensor.shape[2], self.sizes)
            return Slab(_shown(one.family), self._points(sides[0]), 26, self._thickness(wide or 64, many))
        high, across = sides[-2:] if len(sides) > 1 else (sides[0], 8)
        thin = one.family == "pooling"
        thickness = 5 if thin else self._thickness(channels or 64, many)
        return Slab(_shown(one.family), self._points(high), self._points(across), thickness)

    def _sides(self, one: Slice) -> list[int | None]:
        shape = one.tensor.shape
        if len(shape) == 3:
            return [number(shape[1], self.sizes)]
        return [number(size, self.sizes) for size in shape[2:]]

    def _points(self, side: int | None) -> float:
        """Areas tell: a side half as long is √½ as high."""
        return max(self.tallest * sqrt((side or 16) / self.largest), 7)

    def _thickness(self, channels: int, many: bool) -> float:
        thick = 3 + 2.2 * log2(max(channels, 1))
        return max(thick * 0.62, 5) if many else thick


def _shown(family: str) -> str:
    """The colours of a slab; a block of attention has its own."""
    return family

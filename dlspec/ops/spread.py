"""What one position of an output sees of an input, axis by axis."""

from __future__ import annotations

from math import gcd

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.sizes import Window

    Seen = tuple[int | None, "Window | Stretch | str"]
    """The output axis that moves the view, None where none does, and how much is seen."""

WHOLE = "whole"
"""Every position of the axis."""
DATA = "data"
"""Positions that the numbers themselves choose."""


class Stretch:
    """A view that moves by a fraction of a position: transposed convolution, resizing, uneven adaptive pooling.

    An output position sees at most `span` input positions; the next one sees `numerator/denominator` further on.
    `twice_centre` is twice `denominator` times the centre of what position 0 sees, so that all is whole numbers.
    """

    __slots__ = ("denominator", "numerator", "span", "twice_centre")

    def __init__(self, span: int, numerator: int, denominator: int, twice_centre: int) -> None:
        self.span = span
        self.numerator = numerator
        self.denominator = denominator
        self.twice_centre = twice_centre

    @classmethod
    def resized(cls, span: int, before: int, after: int) -> Stretch:
        """The view of resizing `before` positions to `after`, their outer edges kept."""
        common = gcd(before, after)
        before, after = before // common, after // common
        return cls(span, before, after, before - after)

    def _fields(self) -> tuple[int, int, int, int]:
        return self.span, self.numerator, self.denominator, self.twice_centre

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stretch) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return "Stretch(span={}, numerator={}, denominator={}, twice_centre={})".format(*self._fields())

"""What one position of an output sees of an input, axis by axis."""

from __future__ import annotations

from math import gcd

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.sizes import Dim, Window

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


def ratio(before: Dim, after: Dim) -> tuple[int, int] | None:
    """The ratio of two sizes in lowest terms, of open ones as they grow; None where they do not grow together."""
    if not (isinstance(before, int) and isinstance(after, int)):
        from dlspec.sizes import evaluated, symbols_of

        # Divisible by all that networks divide by: what is rounded off or added is the same in both, and cancels.
        names = symbols_of(before) | symbols_of(after)
        once, twice = dict.fromkeys(names, 5040 << 20), dict.fromkeys(names, 5040 << 21)
        before = evaluated(before, twice) - evaluated(before, once)
        after = evaluated(after, twice) - evaluated(after, once)
    if before < 1 or after < 1:
        return None
    common = gcd(before, after)
    return before // common, after // common

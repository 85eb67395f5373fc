"""What a unit sees along one axis of an input: windows composed along a path, and the hull where paths join.

Formulas for size, stride and centre: Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks"
(Distill, 2019), sections 2 and 3; in whole numbers and fractions of them, so that nothing is rounded on the way.
"""

from __future__ import annotations

from math import gcd

from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window

if TYPE_CHECKING:
    from dlspec.ops.spread import Stretch
    from dlspec.sizes import Dim

LONGEST_MASK = 4096
"""Positions up to which the holes of a field are followed; a longer field keeps the answer it has."""


class Drift:
    """How a bound came about and how far it may be off, after a map was resized.

    Of the span, `core` is what one unit of the map saw before it was resized, and the rest follows from `extent`, how
    far apart the units lie that are looked at since: whole steps of `grain`, since units of the larger map share those
    of the smaller one. What is seen lies at most `give` positions aside of where the reach says.
    """

    __slots__ = ("core", "extent", "give", "grain", "slack")

    def __init__(self, core: int, extent: int, grain: int, slack: int, give: int) -> None:
        self.core = core
        self.extent = extent
        """As a multiple of `1 / denominator` of the reach; so is `slack`, which is added before it is rounded up."""
        self.grain = grain
        self.slack = slack
        self.give = give

    def further(self, extent: int) -> Drift:
        """The same where the units that are looked at reach further."""
        return Drift(self.core, self.extent + extent, self.grain, self.slack, self.give)

    def span(self, denominator: int) -> int:
        """The most positions that a unit may see."""
        if not self.extent:
            return self.core
        return self.core + self.grain * -(-(self.extent + self.slack) // (denominator * self.grain))

    def reduced(self, common: int) -> Drift:
        """The same for a denominator divided by `common`."""
        return Drift(self.core, -(-self.extent // common), self.grain, -(-self.slack // common), self.give)


class Reach:
    """What a unit sees along one axis of an input, and how that moves from unit to unit; immutable.

    Unit 0 sees `span` positions around `twice_centre / (2 * denominator)`, the next unit the same
    `numerator / denominator` positions further on.
    """

    __slots__ = (
        "denominator", "drift", "is_folded", "is_misaligned", "mask", "numerator", "place", "span", "twice_centre"
    )  # fmt: skip

    def __init__(
        self,
        place: int | None = None,
        span: int = 1,
        numerator: int = 1,
        denominator: int = 1,
        twice_centre: int = 0,
        *,
        mask: int | None = None,
        drift: Drift | None = None,
        is_misaligned: bool = False,
        is_folded: bool = False,
    ) -> None:
        common = gcd(numerator, denominator, twice_centre) if denominator > 1 else 1
        self.place = place
        """The axis of the tensor along which the view moves; None where it stands still."""
        self.span = span
        self.numerator = numerator // common
        self.denominator = denominator // common
        self.twice_centre = twice_centre // common
        self.mask = mask
        """Which of the positions are seen, a bit each, the first lowest; None for all of them."""
        self.drift = drift
        """For a bound, how far it may be off."""
        if drift is not None:
            self.drift = drift.reduced(common)
            self.span = self.drift.span(self.denominator)
        self.is_misaligned = is_misaligned
        """Whether paths joined that disagree in centre or stride."""
        self.is_folded = is_folded
        """Whether the axis was folded with another, so that stride and centre are those before the fold."""

    @property
    def stride(self) -> int | str:
        """The effective stride; `1/2` where two units share a position."""
        return 0 if self.place is None else _quotient(self.numerator, self.denominator)

    @property
    def padding(self) -> int | str:
        """How many positions the view of unit 0 begins before the axis (negative: within it)."""
        return _quotient((self.span - 1) * self.denominator - self.twice_centre, 2 * self.denominator)

    @property
    def centre(self) -> int | str:
        """Where the middle of the view of unit 0 lies."""
        return _quotient(self.twice_centre, 2 * self.denominator)

    @property
    def is_bound(self) -> bool:
        """Whether no unit sees more, while some may see less."""
        return self.drift is not None

    @property
    def has_holes(self) -> bool:
        """Whether positions within the span are not seen, as by dilated windows."""
        return self.mask is not None

    def ends(self, unit: int = 0) -> tuple[int, int]:
        """Positions that hold all that a unit sees, from the first to the last, beyond the edges of the axis too."""
        below, give = 2 * self.denominator, self.drift.give if self.drift else 0
        middle = self.twice_centre + (2 * unit * self.numerator if self.place is not None else 0)
        half = (self.span - 1) * self.denominator
        return (middle - half) // below - give, -((-middle - half) // below) + give

    def moved(self, place: int | None, *, is_folded: bool) -> Reach:
        """The same view, moved along another axis of the tensor."""
        return Reach(
            place, self.span, self.numerator, self.denominator, self.twice_centre, mask=self.mask, drift=self.drift,
            is_misaligned=self.is_misaligned, is_folded=is_folded,
        )  # fmt: skip

    def misaligned(self) -> Reach:
        """The same view, said to be of paths that disagree."""
        if self.is_misaligned:
            return self
        return Reach(
            self.place, self.span, self.numerator, self.denominator, self.twice_centre,
            mask=self.mask, drift=self.drift, is_misaligned=True, is_folded=self.is_folded,
        )  # fmt: skip

    def through(self, place: int | None, window: Window) -> Reach:
        """The view of what looks through a window at units with this view; `Window.then`, with the centre."""
        extent = self.numerator * (window.span - 1)
        return Reach(
            place, self.span + extent // self.denominator, self.numerator * window.step, self.denominator,
            self.twice_centre + self.numerator * (window.span - 1 - 2 * window.before),
            mask=None if self.drift else self._mask(window),
            drift=self.drift.further(extent) if self.drift else None, is_misaligned=self.is_misaligned,
        )  # fmt: skip

    def through_stretch(self, place: int | None, stretch: Stretch) -> Reach:
        """The view of what looks at a resized map of units with this view: a bound."""
        over, under = stretch.numerator, stretch.denominator
        # What is seen lies at most a unit, and half of what one stride passes over, aside of the middle.
        aside = -(-self.numerator * (2 * under + over) // (2 * under * self.denominator))
        drift = self.drift or Drift(self.span, 0, self.numerator // self.denominator, 0, 0)
        # One whole part of another, ((x//m) + b)//n, is one whole part, so nothing is rounded twice; else it may be.
        is_nested = drift.grain * self.denominator % self.numerator == 0 and not drift.slack
        slack = drift.slack * under + (0 if is_nested else (under - 1) * self.numerator)
        slack += self.numerator * over if over > under else 0
        extent = (drift.extent + self.numerator * (stretch.span - 1)) * under
        return Reach(
            place, self.span, self.numerator * over, self.denominator * under,
            self.twice_centre * under + self.numerator * stretch.twice_centre,
            drift=Drift(drift.core, extent, drift.grain, slack, drift.give + aside), is_misaligned=self.is_misaligned,
        )  # fmt: skip

    def _mask(self, window: Window) -> int | None:
        """Which positions are seen through the taps of a window; None for all."""
        stride = self.numerator // self.denominator
        if self.mask is None and stride * window.apart <= self.span:
            return None
        span = self.span + stride * (window.span - 1)
        if span > LONGEST_MASK:
            return self.mask or 1
        one, seen = self.bits, 0
        for shift in range(0, stride * (window.span - 1) + 1, stride * window.apart):
            seen |= one << shift
        return None if seen == (1 << span) - 1 else seen

    @property
    def bits(self) -> int:
        """A bit for each position of the span, set where it is seen."""
        return (1 << self.span) - 1 if self.mask is None else self.mask

    def __repr__(self) -> str:
        names = [name for name in self.__slots__ if getattr(self, name)]
        return f"Reach({', '.join(f'{name}={getattr(self, name)}' for name in names)})"


# Where paths join


def joined(one: Reach, other: Reach, count: Dim) -> Reach | None:
    """The hull of two views of the same `count` units; None where it is not known to be less than all.

    Views that move by different strides drift apart: all that any unit sees over either path holds both.
    """
    if one.place != other.place or one.is_folded != other.is_folded:
        return None
    if one.place is None or one.numerator * other.denominator == other.numerator * one.denominator:
        return _hull(one, other)
    if not isinstance(count, int):
        return None
    ends = [reach.ends(unit) for reach in (one, other) for unit in (0, count - 1)]
    first, last = min(low for low, _ in ends), max(high for _, high in ends)
    return Reach(None, last - first + 1, 1, 1, first + last, drift=Drift(last - first + 1, 0, 1, 0, 0),
                 is_misaligned=True)  # fmt: skip


def _hull(one: Reach, other: Reach) -> Reach:
    below = one.denominator * other.denominator // gcd(one.denominator, other.denominator)
    (low, high), (start, end) = _exact_ends(one, below), _exact_ends(other, below)
    gives = [reach.drift.give if reach.drift else 0 for reach in (one, other)]
    # Centres are apart by a quarter of this over `below`; what a resized map may be aside is no misalignment.
    apart = abs(low + high - start - end) > 4 * below * sum(gives)
    is_misaligned = one.is_misaligned or other.is_misaligned or apart
    for larger, smaller in ((one, other), (other, one)):
        if larger.mask is None and _holds(larger, smaller, below):
            return larger.misaligned() if is_misaligned else larger
    first, last = min(low, start), max(high, end)
    span = -((first - last) // (2 * below)) + 1
    drift, mask = None, one.mask and other.mask
    # Twice as fine, so that the middle of both ends is a whole number.
    numerator, denominator = 2 * one.numerator * below // one.denominator, 2 * below
    if one.drift or other.drift:
        span, mask = span + sum(gives), None
        drift = Drift(span, 0, 1, 2 * max(gives) * denominator, max(gives))
    elif span <= LONGEST_MASK:
        mask = one.bits << (low - first) // (2 * below) | other.bits << (start - first) // (2 * below)
        mask = None if mask == (1 << span) - 1 else mask
    return Reach(
        one.place, span, numerator, denominator, first + last, mask=mask, drift=drift, is_misaligned=is_misaligned,
        is_folded=one.is_folded,
    )  # fmt: skip


def _exact_ends(reach: Reach, denominator: int) -> tuple[int, int]:
    """The first and the last position of unit 0, times `2 * denominator`."""
    middle = reach.twice_centre * denominator // reach.denominator
    half = (reach.span - 1) * denominator
    return middle - half, middle + half


def _holds(larger: Reach, smaller: Reach, denominator: int) -> bool:
    """Whether one view surely holds the other, however far both are off."""
    (low, high), (start, end) = _exact_ends(larger, denominator), _exact_ends(smaller, denominator)
    gives = sum(reach.drift.give for reach in (larger, smaller) if reach.drift)
    return low + 2 * denominator * gives <= start and end <= high - 2 * denominator * gives


def _quotient(numerator: int, denominator: int) -> int | str:
    common = gcd(numerator, denominator)
    return numerator // common if common == denominator else f"{numerator // common}/{denominator // common}"

"""Sets of numbers that repeat with a period: where a condition in one open size holds, exactly.

Over a common period M of its floors a size is a polynomial in t along `first + M*t`, a straight line as a
rule, so a condition holds on stretches of t that integer arithmetic finds. No approximation is made and no
case is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from math import comb, gcd, lcm

from dlspec.sizes.condition import Condition
from dlspec.sizes.size import Floor, Size

RUN_LIMIT = 4096
"""Runs a set may have; past it a condition is left undecided rather than slow."""

Run = tuple[int, int | None]
"""A first member and a last one, or None where it goes on for ever."""


class Progressions:
    """A set of whole numbers as runs `first, first + modulus, …, last`; immutable.

    At one modulus the runs are sorted and apart, so that equal sets have equal runs.
    """

    __slots__ = ("modulus", "runs")

    modulus: int
    runs: tuple[Run, ...]

    def __init__(self, modulus: int, runs: Iterable[Run]) -> None:
        self.modulus = modulus
        self.runs = _joined(modulus, runs)

    @classmethod
    def from_low(cls, low: int) -> Progressions:
        """Every number from `low` up."""
        return cls(1, [(low, None)])

    @property
    def low(self) -> int:
        """The smallest member; ValueError for the empty set."""
        return min(first for first, _ in self.runs)

    @property
    def high(self) -> int | None:
        """The largest member, None where there is none; ValueError for the empty set."""
        lasts = [last for _, last in self.runs]
        return None if None in lasts else max(last for last in lasts if last is not None)

    def count(self) -> int | None:
        """How many members; None for endlessly many."""
        if any(last is None for _, last in self.runs):
            return None
        return sum((last - first) // self.modulus + 1 for first, last in self.runs if last is not None)

    def members(self, limit: int) -> list[int]:
        """The smallest members, at most `limit` of them."""
        found: list[int] = []
        # A run that starts after `limit` others holds none of the smallest.
        for first, last in sorted(self.runs, key=lambda run: run[0])[:limit]:
            stop = first + self.modulus * (limit - 1)
            found.extend(range(first, (stop if last is None else min(stop, last)) + 1, self.modulus))
        return sorted(found)[:limit]

    def sampled(self, limit: int) -> list[int]:
        """At most `limit` members: half of them the smallest, then those from each greater power of 2 on."""
        if not self.runs:
            return []
        found = dict.fromkeys(self.members(limit - limit // 2))
        start = max(found).bit_length()
        for power in range(start, start + limit // 2):
            beyond = self.clipped(2**power, None)
            if beyond.runs:
                found[beyond.low] = None
        return list(found)

    def refined(self, modulus: int) -> Progressions:
        """The same set with a multiple of its modulus."""
        if modulus == self.modulus:
            return self
        runs: list[Run] = []
        for first, last in self.runs:
            for start in range(first, first + modulus, self.modulus):
                if last is None:
                    runs.append((start, None))
                elif start <= last:
                    runs.append((start, start + (last - start) // modulus * modulus))
        return Progressions(modulus, runs)

    def equals(self, other: Progressions) -> bool:
        """Whether both have the same members."""
        modulus = lcm(self.modulus, other.modulus)
        return self.refined(modulus).runs == other.refined(modulus).runs

    def clipped(self, low: int, high: int | None) -> Progressions:
        """The members from `low` up to `high`."""
        runs: list[Run] = []
        for first, last in self.runs:
            start = first + max(0, -((first - low) // self.modulus)) * self.modulus
            stop = last if high is None else high - (high - first) % self.modulus
            stop = last if last is not None and stop is not None and last < stop else stop
            if stop is None or start <= stop:
                runs.append((start, stop))
        return Progressions(self.modulus, runs)

    def where(self, condition: Condition) -> Progressions | None:
        """The members for which a condition on this one size holds; None where that takes too many runs."""
        difference = condition.difference
        if isinstance(difference, int):
            return self if condition.holds({}) else Progressions(1, ())
        if condition.relation == "==" and len(difference.terms) == 1:
            # A single floor lies between two limits, which need no period.
            above = self._where(Condition(">=", difference, 0))
            return above and above._where(Condition(">=", 0, difference))
        return self._where(condition)

    def _where(self, condition: Condition) -> Progressions | None:
        difference = condition.difference
        if isinstance(difference, int):
            return self if condition.holds({}) else Progressions(1, ())
        (name,) = difference.symbols
        found = periods(difference)
        if found is None:
            return None
        modulus = lcm(self.modulus, found[name])
        if len(self.runs) * (modulus // self.modulus) > RUN_LIMIT:
            return None
        runs: list[Run] = []
        for first, last, differences in _lines(self.refined(modulus), difference, name):
            last_step = None if last is None else (last - first) // modulus
            for low, high in _solutions(differences, condition.relation, last_step):
                runs.append((first + modulus * low, None if high is None else first + modulus * high))
        return Progressions(modulus, runs)

    def __repr__(self) -> str:
        return f"Progressions({self.modulus}, {self.runs})"


def periods(size: Size) -> dict[str, int] | None:
    """By how much each open size grows for the size to grow by a polynomial; None where there is no period.

    Along such steps every floor is exact: a floor by n of something that grows by g per period needs n/gcd(n,
    g) periods, and n of them where its growth is not constant.
    """
    result: dict[str, int] = {}
    for atoms in size.terms:
        for atom in atoms:
            found = _floor_periods(atom) if isinstance(atom, Floor) else {atom: 1}
            if found is None:
                return None
            for name, period in found.items():
                result[name] = lcm(period, result.get(name, 1))
    return result


def _floor_periods(floor: Floor) -> dict[str, int] | None:
    numerator, divisor = floor.numerator, floor.divisor
    if not isinstance(divisor, int) or not isinstance(numerator, Size):
        return None
    inner = periods(numerator)
    if inner is None or not numerator.is_quasi_affine:
        return inner and {name: period * divisor for name, period in inner.items()}
    origin = dict.fromkeys(numerator.symbols, 0)
    start = numerator.evaluate(origin)
    growth = {name: numerator.evaluate({**origin, name: period}) - start for name, period in inner.items()}
    return {name: period * (divisor // gcd(divisor, growth[name])) for name, period in inner.items()}


def newton_differences(values: list[int]) -> list[int]:
    """The forward differences at 0 of a polynomial's values at 0, 1, 2, …: `p(t) = Σ d[k]·comb(t, k)`."""
    differences: list[int] = []
    while values:
        differences.append(values[0])
        values = [right - left for left, right in pairwise(values)]
    return differences


def _lines(runs: Progressions, size: Size, name: str) -> Iterable[tuple[int, int | None, list[int]]]:
    """For each run the differences of the size along it."""
    modulus, degree = runs.modulus, size.degree
    slope: int | None = None
    for first, last in runs.runs:
        if degree > 1:
            values = [size.evaluate({name: first + modulus * step}) for step in range(degree + 1)]
            yield first, last, newton_differences(values)
            continue
        start = size.evaluate({name: first})
        if slope is None:
            slope = size.evaluate({name: first + modulus}) - start
        yield first, last, [start, slope]


def _solutions(differences: list[int], relation: str, last: int | None) -> list[Run]:
    above = nonnegative(differences, last)
    if relation == ">=":
        return above
    below = nonnegative([-difference for difference in differences], last)
    return [
        (max(left[0], right[0]), stop)
        for left in above
        for right in below
        for stop in [_smaller(left[1], right[1])]
        if stop is None or max(left[0], right[0]) <= stop
    ]


def nonnegative(differences: list[int], last: int | None) -> list[Run]:
    """The stretches of t from 0 up to `last` where the polynomial with these differences is at least zero."""
    while len(differences) > 1 and not differences[-1]:
        differences = differences[:-1]
    start, *growth = differences
    if not growth:
        return [(0, last)] if start >= 0 else []
    if len(growth) > 1:
        return _nonnegative_curve(differences, last)
    slope = growth[0]
    if slope > 0:
        low = max(0, -(start // slope))
        return [(low, last)] if last is None or low <= last else []
    return [(0, start // -slope if last is None else min(last, start // -slope))] if start >= 0 else []


def _nonnegative_curve(differences: list[int], last: int | None) -> list[Run]:
    """`nonnegative` from degree 2 on: where its growth keeps its sign a polynomial is monotone, so bisect."""

    def value(step: int) -> int:
        return sum(difference * comb(step, order) for order, difference in enumerate(differences))

    growing = nonnegative(differences[1:], last)
    found: list[Run] = []
    for low, high, rises in _stretches(growing, last):
        if rises:
            first = _first(lambda step: value(step) >= 0, low, high)
            if first is not None:
                found.append((first, high))
        elif value(low) >= 0:
            beyond = _first(lambda step: value(step) < 0, low, high)
            found.append((low, high if beyond is None else beyond - 1))
    return list(_joined(1, found))


def _stretches(growing: list[Run], last: int | None) -> Iterable[tuple[int, int | None, bool]]:
    """The given stretches and the gaps between them, up to `last`."""
    start = 0
    for low, high in growing:
        if start < low:
            yield start, low - 1, False
        yield low, high, True
        if high is None:
            return
        start = high + 1
    if last is None or start <= last:
        yield start, last, False


def _first(holds: Callable[[int], bool], low: int, high: int | None) -> int | None:
    """The first step from `low` to `high` at which a test comes true, and stays; without `high` it must."""
    reach = 1
    while high is None:
        if holds(low + reach):
            high = low + reach
        reach *= 2
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _joined(modulus: int, runs: Iterable[Run]) -> tuple[Run, ...]:
    """The runs in order, neighbours of one residue as one."""
    ordered = sorted(runs, key=lambda run: (run[0] % modulus, run[0]))
    result: list[Run] = []
    for first, last in ordered:
        if result:
            before, end = result[-1]
            if (first - before) % modulus == 0 and (end is None or first <= end + modulus):
                result[-1] = (before, None if end is None or last is None else max(end, last))
                continue
        result.append((first, last))
    return tuple(result)


def _smaller(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return min(left, right)

"""Conditions that tie several open sizes: split by size where that is exact, proved by classes, or witnessed.

`Numbers` gives the values each open size may have; everything here holds over exactly those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from itertools import product as combinations
from math import gcd, lcm, prod

from dlspec.sizes.condition import Condition, Verdict
from dlspec.sizes.progressions import RUN_LIMIT, Progressions, newton_differences, periods
from dlspec.sizes.size import (
    Atom,
    Dim,
    Floor,
    Size,
    exact_quotient,
    product,
    substituted,
    symbol_of,
    symbols_of,
)

Numbers = Callable[[str], Progressions]

COMBINATIONS_TRIED = 256
"""How many combinations of the other sizes' values a search for a witness tries at most."""

OTHER_VALUES = {1: 24, 2: 8, 3: 4}
"""How many values of each other size a search for a witness tries, by how many others there are; else 2."""


def is_always(condition: Condition, numbers: Numbers) -> bool:
    """Whether a condition is proved for all values."""
    names = condition.symbols
    if not names:
        return condition.holds({})
    if len(names) > 1:
        return verdict_by_classes(condition, numbers)[0] is Verdict.ALWAYS
    (name,) = names
    narrowed = numbers(name).where(condition)
    return narrowed is not None and narrowed.equals(numbers(name))


def split(condition: Condition, numbers: Numbers) -> list[Condition] | None:
    """Simpler conditions that hold together exactly where this one does; None where none are found.

    Factors that both sides share and that are at least 1 are divided out: `C*H*W == 64*H*W` is `C == 64`.
    A product that dominates another factor by factor equals it only if every factor does, so of
    `H*W == 4*(H//2)*(W//2)` the parts are `H == 2*(H//2)` and `W == 2*(W//2)`.
    """
    left, right = separated(condition.left), separated(condition.right)
    if left is None or right is None:
        return _without_common_factor(condition, numbers)
    names = [name for name in left if name and left[name] == right.get(name)]
    shared = {name for name in names if _is_positive(left[name], numbers)}
    if shared:
        sides = [product(factor for name, factor in side.items() if name not in shared) for side in (left, right)]
        return [Condition(condition.relation, *sides)]
    dominated = _split_dominated(left, right, numbers) if condition.relation == "==" else None
    return dominated or _without_common_factor(condition, numbers)


def separated(size: Dim) -> dict[str, Dim] | None:
    """A size as a product of a number (under "") and of a factor for each open size; None if it is none."""
    factors: dict[str, Dim] = {}
    rest = size
    for name in sorted(symbols_of(size)):
        if isinstance(rest, int):
            return None
        factor = _factor_in(rest, name)
        quotient = None if factor is None else exact_quotient(rest, factor)
        if factor is None or quotient is None:
            return None
        factors[name], rest = factor, quotient
    return factors | {"": rest} if isinstance(rest, int) else None


def verdict_by_classes(condition: Condition, numbers: Numbers) -> tuple[Verdict, dict[str, Progressions] | None]:
    """What is proved of a condition, and each size's values where those alone say when it holds.

    Over the common periods the difference is a polynomial in the steps along each run, so equal to zero
    throughout, or of one sign, or never zero by divisibility, for all members of a class at once. UNDECIDED
    where a class shows none of these, or where there would be too many classes.
    """
    difference = condition.difference
    if isinstance(difference, int):
        return (Verdict.ALWAYS if condition.holds({}) else Verdict.NEVER), None
    runs = _runs(difference, numbers)
    if runs is None:
        return Verdict.UNDECIDED, None
    degrees = {name: _degree_in(difference, name) for name in runs}
    verdicts = {
        classes: _class_verdict(
            condition.relation,
            _class_differences(difference, dict(zip(runs, classes, strict=True)), runs, degrees),
        )
        for classes in combinations(*(each.runs for each in runs.values()))
    }
    found = set(verdicts.values())
    if len(found) == 1:
        return found.pop(), None
    if Verdict.UNDECIDED in found or not found:
        return Verdict.UNDECIDED, None
    holding = [classes for classes, verdict in verdicts.items() if verdict is Verdict.ALWAYS]
    sides = [sorted(set(side), key=lambda run: run[0]) for side in zip(*holding, strict=True)]
    if prod(map(len, sides)) != len(holding):
        return Verdict.SOMETIMES, None
    return Verdict.SOMETIMES, {
        name: Progressions(each.modulus, side) for (name, each), side in zip(runs.items(), sides, strict=True)
    }


def class_count(condition: Condition, numbers: Numbers) -> int:
    """How many classes a proof by classes looks at."""
    found = None if isinstance(condition.difference, int) else periods(condition.difference)
    if found is None:
        return RUN_LIMIT + 1
    return prod(_run_count(name, period, numbers) for name, period in found.items())


def witness(conditions: Sequence[Condition], numbers: Numbers) -> dict[str, int] | None:
    """Values with which all conditions hold, or None where the search finds none (which proves nothing).

    All open sizes but one get some of their values; the last is then solved for exactly.
    """
    names = sorted(frozenset().union(*(condition.symbols for condition in conditions)))
    if any(not condition.symbols and not condition.holds({}) for condition in conditions):
        return None
    for last in names or [""]:
        others = [name for name in names if name != last]
        tried = OTHER_VALUES.get(len(others), 2)
        tuples = combinations(*(numbers(name).sampled(tried) for name in others))
        for members in islice(tuples, COMBINATIONS_TRIED):
            values = dict(zip(others, members, strict=True))
            found = _solved(conditions, values, numbers(last) if last else None)
            if found is not None:
                return values | ({last: found} if last else {})
    return None


def groups(conditions: Sequence[Condition]) -> Iterator[list[Condition]]:
    """The conditions by connection: two that share an open size are in one group."""
    left = list(conditions)
    while left:
        group, left = [left[0]], left[1:]
        names = set(group[0].symbols)
        while joined := [condition for condition in left if names & condition.symbols]:
            group += joined
            left = [condition for condition in left if condition not in joined]
            names = names.union(*(condition.symbols for condition in joined))
        yield group


def _solved(conditions: Sequence[Condition], values: Mapping[str, int], numbers: Progressions | None) -> int | None:
    """A member with which all conditions hold where the other sizes have these values."""
    if numbers is None:
        return 0 if all(condition.holds(dict(values)) for condition in conditions) else None
    for condition in conditions:
        try:
            left = substituted(condition.difference, values)
        except ZeroDivisionError:
            return None
        restated = Condition(condition.relation, left, 0)
        narrowed = numbers.where(restated)
        if narrowed is None:
            (name,) = restated.symbols
            members = numbers.sampled(64)
            narrowed = Progressions(1, [(each, each) for each in members if _holds_at(restated, name, each)])
        numbers = narrowed
        if not numbers.runs:
            return None
    return numbers.low


def _holds_at(condition: Condition, name: str, value: int) -> bool:
    try:
        return condition.holds({name: value})
    except ZeroDivisionError:
        return False


def _factor_in(size: Size, name: str) -> Dim | None:
    """What multiplies one product of the other sizes, in lowest terms; None if a floor ties this size."""
    coefficients: dict[tuple[Atom, ...], Dim] = {}
    for atoms, term in [*size.terms.items(), ((), size.constant)]:
        mine = [atom for atom in atoms if _depends(atom, name)]
        if any(isinstance(atom, Floor) and symbol_of(atom).symbols != {name} for atom in mine):
            return None
        part: Dim = term
        for atom in mine:
            part = part * symbol_of(atom)
        others = tuple(atom for atom in atoms if not _depends(atom, name))
        coefficients[others] = coefficients.get(others, 0) + part
    factor = next(factor for factor in coefficients.values() if factor != 0)
    if isinstance(factor, int):
        return None
    common = gcd(factor.constant, *factor.terms.values())
    return exact_quotient(factor, common)


def _depends(atom: Atom, name: str) -> bool:
    return atom == name or (isinstance(atom, Floor) and name in symbol_of(atom).symbols)


def _is_positive(size: Dim, numbers: Numbers) -> bool:
    return is_always(Condition(">=", size, 1), numbers)


def _split_dominated(left: dict[str, Dim], right: dict[str, Dim], numbers: Numbers) -> list[Condition] | None:
    if left.keys() != right.keys() or len(left) < 3:
        return None
    growths = {name: _growths(left[name], right[name]) for name in left if name}
    if any(growth is None or min(growth) <= 0 for growth in growths.values()):
        return None
    pairs = [(left[name] * growth[1], right[name] * growth[0]) for name, growth in growths.items() if growth]
    scales = [prod(growth[side] for growth in growths.values() if growth) for side in (0, 1)]
    if left[""] * scales[0] != right[""] * scales[1]:
        return None
    for pair in (pairs, [(less, more) for more, less in pairs]):
        if all(
            _is_positive(more, numbers)
            and is_always(Condition(">=", less, 0), numbers)
            and is_always(Condition(">=", more, less), numbers)
            for more, less in pair
        ):
            return [Condition("==", more, less) for more, less in pairs]
    return None


def _growths(left: Dim, right: Dim) -> tuple[int, int] | None:
    """By how much two sizes grow over a common period, in lowest terms; None if not steadily."""
    if isinstance(left, int) or isinstance(right, int):
        return None
    if not (left.is_quasi_affine and right.is_quasi_affine):
        return None
    (name,) = left.symbols
    found = [periods(left), periods(right)]
    period = lcm(*(each[name] for each in found if each))
    growth = [size.evaluate({name: period}) - size.evaluate({name: 0}) for size in (left, right)]
    common = gcd(*growth) or 1
    return growth[0] // common, growth[1] // common


def _without_common_factor(condition: Condition, numbers: Numbers) -> list[Condition] | None:
    """The condition with the atoms divided out that stand in every term and are at least 1."""
    difference = condition.difference
    if isinstance(difference, int) or difference.constant:
        return None
    first, *others = difference.terms
    common = {atom for atom in first if all(atom in atoms for atoms in others)}
    for atom in first:
        if atom in common and _is_positive(symbol_of(atom), numbers):
            quotient = exact_quotient(difference, symbol_of(atom))
            return None if quotient is None else [Condition(condition.relation, quotient, 0)]
    return None


def _run_count(name: str, period: int, numbers: Numbers) -> int:
    values = numbers(name)
    return len(values.runs) * (lcm(values.modulus, period) // values.modulus)


def _runs(difference: Size, numbers: Numbers) -> dict[str, Progressions] | None:
    """Each size's values, in steps along which the difference is a polynomial; None if they are too many."""
    found = periods(difference)
    if found is None or prod(_run_count(name, period, numbers) for name, period in found.items()) > RUN_LIMIT:
        return None
    return {name: numbers(name).refined(lcm(numbers(name).modulus, period)) for name, period in sorted(found.items())}


def _degree_in(size: Size, name: str) -> int:
    return max(sum(symbol_of(atom).degree for atom in atoms if _depends(atom, name)) for atoms in size.terms)


def _class_differences(
    size: Size,
    classes: Mapping[str, tuple[int, int | None]],
    runs: Mapping[str, Progressions],
    degrees: Mapping[str, int],
) -> list[int]:
    """The polynomial's differences along all axes, the value at the first members first."""

    def differences(names: list[str], values: dict[str, int]) -> list[int]:
        if not names:
            return [size.evaluate(values)]
        name, *others = names
        first, last = classes[name]
        steps = 1 if first == last else degrees[name] + 1
        rows = [differences(others, {**values, name: first + step * runs[name].modulus}) for step in range(steps)]
        return [each for column in zip(*rows, strict=True) for each in newton_differences(list(column))]

    return differences(list(classes), {})


def _class_verdict(relation: str, differences: list[int]) -> Verdict:
    """What the differences prove: binomials are never negative, so equal signs carry over to every member."""
    start, *growth = differences
    low, high = min(growth, default=0), max(growth, default=0)
    if relation == ">=":
        if start >= 0 and low >= 0:
            return Verdict.ALWAYS
        return Verdict.NEVER if start < 0 and high <= 0 else Verdict.UNDECIDED
    if start == low == high == 0:
        return Verdict.ALWAYS
    if (start > 0 and low >= 0) or (start < 0 and high <= 0) or start % (gcd(*growth) or start):
        return Verdict.NEVER
    return Verdict.UNDECIDED

"""A condition between sizes, in a form that equal conditions share, and what may be found out about it."""

from __future__ import annotations

from enum import Enum
from math import gcd

from dlspec.sizes.size import Atom, Dim, Floor, Size, descending, remainders, size_text


class Verdict(Enum):
    """What is proved of a condition over all values that the open sizes may have."""

    ALWAYS = "always"
    NEVER = "never"
    SOMETIMES = "sometimes"
    UNDECIDED = "undecided"


class Condition:
    """`left == right` or `left >= right` between sizes, as it was stated; immutable.

    `difference` is its normal form: the condition holds exactly where that size is zero, or at least zero.
    Two conditions are equal when relation and difference are. `relation` is `==` or `>=`; `compare` takes
    others.
    """

    __slots__ = ("difference", "left", "relation", "right")

    relation: str
    left: Dim
    right: Dim
    difference: Dim

    def __init__(self, relation: str, left: Dim, right: Dim) -> None:
        self.relation = relation
        self.left = left
        self.right = right
        self.difference = _normal(relation, left - right)

    @property
    def symbols(self) -> frozenset[str]:
        """The open sizes it speaks of."""
        return frozenset() if isinstance(self.difference, int) else self.difference.symbols

    def holds(self, values: dict[str, int]) -> bool:
        """Whether it holds where every open size has a value."""
        difference = self.difference
        number = difference if isinstance(difference, int) else difference.evaluate(values)
        return number == 0 if self.relation == "==" else number >= 0

    def negations(self) -> list[Condition]:
        """Conditions of which one holds exactly where this one does not."""
        below = Condition(">=", 0, self.difference + 1)
        return [below] if self.relation == ">=" else [below, Condition(">=", self.difference, 1)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.relation == other.relation and self.difference == other.difference

    def __hash__(self) -> int:
        return hash((self.relation, self.difference))

    def __str__(self) -> str:
        return f"{size_text(self.left)} {self.relation} {size_text(self.right)}"

    def __repr__(self) -> str:
        return f"Condition({self})"


def compare(left: Dim, relation: str, right: Dim) -> Condition:
    """The condition for any of `==`, `>=`, `<=`, `>`, `<`; ValueError for another relation."""
    match relation:
        case "==":
            return Condition("==", left, right)
        case ">=":
            return Condition(">=", left, right)
        case "<=":
            return Condition(">=", right, left)
        case ">":
            return Condition(">=", left, right + 1)
        case "<":
            return Condition(">=", right, left + 1)
    raise ValueError(f"no condition between sizes is written {relation!r}")


def simplified(condition: Condition) -> str:
    """The condition in its normal form, each term where it is positive: `H >= 33`, `H*W == 196`."""
    difference = condition.difference
    if isinstance(difference, int):
        return f"{difference} {condition.relation} 0"
    for size in (difference, -difference) if condition.relation == "==" else ():
        found, rest = remainders(size)
        if len(found) == 1 and isinstance(rest, int):
            return f"{found[0][0]} == {-rest}"
    terms, constant = difference.terms.items(), difference.constant
    left = _sum({atoms: term for atoms, term in terms if term > 0}, max(constant, 0))
    right = _sum({atoms: -term for atoms, term in terms if term < 0}, max(-constant, 0))
    relation = condition.relation
    if isinstance(left, int) or (_is_symbol(right) and not _is_symbol(left)):
        left, right = right, left
        relation = "<=" if relation == ">=" else relation
    return f"{size_text(left)} {relation} {size_text(right)}"


def _sum(terms: dict[tuple[Atom, ...], int], constant: int) -> Dim:
    return Size(terms, constant) if terms else constant


def _is_symbol(size: Dim) -> bool:
    return isinstance(size, Size) and str(size).isidentifier()


def _normal(relation: str, difference: Dim) -> Dim:
    """The smallest size with the same zeros (up to sign), or the same sign, as `difference`."""
    if isinstance(difference, int):
        return difference
    common = gcd(*difference.terms.values())
    if relation == ">=":
        return _opened(_divided(difference, common) if common > 1 else difference)
    if difference.constant % common:
        return 1
    _, lead = min(difference.terms.items(), key=descending)
    return _divided(difference, common if lead > 0 else -common)


def _divided(size: Size, factor: int) -> Size:
    """A size whose terms are multiples of `factor`, divided by it; the constant is rounded down."""
    return Size({atoms: term // factor for atoms, term in size.terms.items()}, size.constant // factor)


def _opened(difference: Size) -> Dim:
    """A limit of a floor as a limit of what is under it: `y//n >= k` where `y >= n*k`."""
    if len(difference.terms) > 1:
        return difference
    ((atoms, sign),) = difference.terms.items()
    floor = atoms[0]
    if len(atoms) > 1 or not isinstance(floor, Floor) or not isinstance(floor.divisor, int):
        return difference
    if sign > 0:
        limit = floor.numerator + floor.divisor * difference.constant
    else:
        limit = floor.divisor * (difference.constant + 1) - 1 - floor.numerator
    return _normal(">=", limit)

"""What is declared of the open sizes, and what follows for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import gcd

from dlspec.sizes.condition import Condition, Verdict
from dlspec.sizes.progressions import Progressions
from dlspec.sizes.size import Dim, Floor, Size, descending, size_text, substituted, symbol


class Domain:
    """The values open sizes may have: facts that all hold, and a least value for each name (1 unless said).

    An equality with a lone name (`H == W`) replaces that name everywhere (`values`); facts on one name become
    a set of numbers (`numbers`); facts that tie several names stay conditions (`ties`). Immutable.
    """

    __slots__ = ("_numbers", "facts", "impossible", "lows", "memo", "ties", "values")

    facts: tuple[Condition, ...]
    lows: dict[str, int]
    values: dict[str, Dim]
    ties: tuple[Condition, ...]
    impossible: bool
    """Whether facts on one name, or on none, contradict each other."""
    memo: dict[Condition, Verdict]
    """What deciding a condition here came to; `decide` keeps it."""
    _numbers: dict[str, Progressions]

    def __init__(self, facts: Iterable[Condition] = (), lows: Mapping[str, int] | None = None) -> None:
        self.facts = tuple(dict.fromkeys(facts))
        self.lows = dict(lows or {})
        self.values = {}
        self.memo = {}
        self._numbers = {}
        self.impossible = False
        self.ties = ()
        if self.facts:
            self._gather(self._without_equalities(list(self.facts)))

    @classmethod
    def from_conditions(cls, conditions: Iterable[Condition], lows: Mapping[str, int] | None = None) -> Domain:
        """The domain in which all conditions hold; `lows` gives names a least value other than 1."""
        return cls(conditions, lows)

    def with_condition(self, condition: Condition) -> Domain:
        """This domain, narrowed to where the condition holds."""
        return Domain((*self.facts, condition), self.lows)

    def low(self, name: str) -> int:
        """The least value a name may have before any fact."""
        return self.lows.get(name, 1)

    def numbers(self, name: str) -> Progressions:
        """The values one name may have, by the facts on it alone."""
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = Progressions.from_low(self.low(name))
        return found

    def normal(self, size: Dim) -> Dim:
        """The size with declared equalities put in."""
        return substituted(size, self.values) if self.values else size

    def restated(self, condition: Condition) -> Condition:
        """The condition with declared equalities put in."""
        if self.values.keys().isdisjoint(condition.symbols):
            return condition
        return Condition(condition.relation, self.normal(condition.left), self.normal(condition.right))

    def text(self, size: Dim) -> str:
        """A size as people write it: `H/32` where H is a multiple of 32, `(H + 31)//32` where not."""
        size = self.normal(size)
        if isinstance(size, int):
            return str(size)
        multiples = {name: self._common_divisor(name) for name in size.symbols}
        parts = size.substitute({name: part * symbol(name) for name, part in multiples.items() if part > 1})
        if isinstance(parts, Size) and any(isinstance(atom, Floor) for atoms in parts.terms for atom in atoms):
            return size_text(size)
        return size_text(parts, multiples)

    def _common_divisor(self, name: str) -> int:
        numbers = self.numbers(name)
        if numbers.count() is not None:
            return 1
        return gcd(numbers.modulus, *(first for first, _ in numbers.runs))

    def _without_equalities(self, facts: list[Condition]) -> list[Condition]:
        """The facts after every equality with a lone name was put into the others."""
        while True:
            solved = next((found for fact in facts if (found := solved_for(fact))), None)
            if solved is None:
                return facts
            name, value = solved
            replaced = {name: value}
            self.values = {other: substituted(size, replaced) for other, size in self.values.items()} | replaced
            # The least value of the name that goes is a fact on what takes its place.
            facts = [*facts, Condition(">=", value, self.low(name))]
            facts = [Condition(fact.relation, substituted(fact.difference, replaced), 0) for fact in facts]
            facts = [fact for fact in dict.fromkeys(facts) if fact.difference != 0]

    def _gather(self, facts: list[Condition]) -> None:
        """Sort facts into sets of numbers and ties; a name left with one value becomes that value."""
        ties: list[Condition] = []
        for fact in facts:
            names = fact.symbols
            if not names:
                self.impossible = self.impossible or not fact.holds({})
            elif len(names) == 1:
                (name,) = names
                narrowed = self.numbers(name).where(fact)
                if narrowed is None:
                    ties.append(fact)
                else:
                    self._numbers[name] = narrowed
        several = [fact for fact in facts if len(fact.symbols) > 1]
        self.impossible = self.impossible or any(not numbers.runs for numbers in self._numbers.values())
        single: dict[str, Dim] = {name: numbers.low for name, numbers in self._numbers.items() if numbers.count() == 1}
        if not single:
            self.ties = (*ties, *several)
            return
        self.values = {name: substituted(size, single) for name, size in self.values.items()} | single
        again = [Condition(fact.relation, substituted(fact.difference, single), 0) for fact in [*ties, *several]]
        for name in single:
            del self._numbers[name]
        self._gather(again)


def solved_for(condition: Condition) -> tuple[str, Dim] | None:
    """The name an equality of several names gives, and its value: `H - W == 0` gives W as H.

    The name must stand alone, once; the last in order is taken. None where there is none.
    """
    difference = condition.difference
    if condition.relation != "==" or isinstance(difference, int) or len(difference.symbols) < 2:
        return None
    for atoms, term in sorted(difference.terms.items(), key=descending, reverse=True):
        name = atoms[0]
        if len(atoms) > 1 or not isinstance(name, str) or abs(term) != 1:
            continue
        rest = difference - term * symbol(name)
        if not isinstance(rest, int) and name not in rest.symbols:
            return name, rest * -term
    return None

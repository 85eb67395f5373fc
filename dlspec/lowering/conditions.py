"""What decides where the uses of a block differ: training or evaluation, and the `if` of the spec."""

from __future__ import annotations

from dlspec.lowering.expressions import Training, negated, operation
from dlspec.lowering.units import Apart
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dlspec.lowering.expressions import Expression
    from dlspec.lowering.units import Unit


class Conditions:
    """The conditions that part the uses of a unit."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._known: dict[frozenset[int], Expression | None] = {}
        """Under which condition a step is there, by the uses that have it."""

    def of(self, wanted: frozenset[int]) -> Expression | None:
        """The condition that holds for these uses only; None where they are all, `Apart` where there is none."""
        if wanted not in self._known:
            self._known[wanted] = self._condition(wanted, self.unit.everywhere)
        return self._known[wanted]

    def splits(self, numbers: frozenset[int]) -> Iterator[tuple[Expression, Any, frozenset[int]]]:
        """Conditions that part these uses, with what decides in the spec and those for which each holds."""
        unit = self.unit
        modes = frozenset(number for number in numbers if unit.uses[number].training)
        if modes and modes != numbers:
            yield Training([use.training for use in unit.uses]), None, modes
        met: dict[int, dict[int, bool | None]] = {}
        trees: dict[int, Any] = {}
        for number in numbers:
            for tree, outcome in unit.uses[number].application.decisions:
                trees[id(tree)] = tree
                row = met.setdefault(id(tree), {})
                row[number] = outcome if row.get(number, outcome) is outcome else None
        for key, row in met.items():
            true = frozenset(number for number, outcome in row.items() if outcome)
            if len(row) < len(numbers) or None in row.values() or not true or true == numbers:
                continue
            read = unit.reader.read(trees[key].test)
            if read is not None and all(_holds(read[0], number) is row[number] for number in numbers):
                unit.covered.update(read[1])
                yield read[0], trees[key], true

    def _condition(self, wanted: frozenset[int], among: frozenset[int]) -> Expression | None:
        """The condition that holds for the wanted ones among these uses; None where it always does."""
        if wanted == among:
            return None
        sides = [
            (side, part)
            for test, _, true in self.splits(among)
            for side, part in ((true, test), (among - true, negated(test)))
            if wanted <= side
        ]
        if not sides:
            raise Apart
        side, part = next((found for found in sides if found[0] == wanted), sides[0])
        rest = self._condition(wanted, side)
        return part if rest is None else operation("and", part, rest)


def _holds(test: Expression, use: int) -> bool | None:
    try:
        return bool(test.value(use))
    except (TypeError, ValueError, KeyError, IndexError, ZeroDivisionError):
        return None

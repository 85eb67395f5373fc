"""The uses of a block laid side by side: which steps correspond, and how a class has them."""

from __future__ import annotations

from dlspec.lowering.alignment import common_order, keyed
from dlspec.lowering.arguments import find_arguments
from dlspec.lowering.chains import is_chain, reads_as_sequence
from dlspec.lowering.conditions import Conditions
from dlspec.lowering.copies import lines_of_sequence
from dlspec.lowering.places import Places
from dlspec.lowering.results import Results
from dlspec.lowering.units import Apart, Line, Unit, kind
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dlspec.lowering.uses import Step, Survey, Use


def merged(uses: list[Use], surveys: list[Survey]) -> Unit | None:
    """The unit of these uses, or None where they do not fit one."""
    chains = [is_chain(use, surveys) for use in uses]
    unit = Unit(uses, all(chains) and any(map(reads_as_sequence, uses)))
    for number, use in enumerate(uses):
        use.unit, use.number = unit, number
    try:
        _Merge(unit).run()
        find_arguments(unit)
    except Apart:
        return None
    return unit


class _Merge:
    """Fills in the lines of a unit from its uses; raises `Apart`."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.conditions = Conditions(unit)
        self.places = Places(unit, self.conditions)

    def run(self) -> None:
        for line in lines_of_sequence(self.unit) if self.unit.sequence else self._steps():
            self._add(line)
        Results(self.unit, self.places).run()

    def _steps(self) -> Iterator[Line]:
        rows = [keyed((step.site, step) for step in use.steps) for use in self.unit.uses]
        for key in common_order(rows):
            yield Line({number: [row[key]] for number, row in enumerate(rows) if key in row})

    def _add(self, line: Line) -> None:
        """Put a line behind the others and say what its steps give."""
        unit = self.unit
        if any(kind(step) != line.pattern for _, step in line.all_steps()):
            raise Apart
        if not unit.sequence and len({self._place(number, step) for number, step in line.all_steps()}) > 1:
            raise Apart
        if not unit.sequence and len(line.steps) < len(unit.uses):
            line.test = self.conditions.of(frozenset(line.steps))
        first = {number: steps[0] for number, steps in line.steps.items()}
        if line.count is not None and unit.lines:
            line.operands = [(len(unit.lines) - 1, 0)]
        else:
            line.operands = self.places.operands({number: step.operands for number, step in first.items()})
        unit.lines.append(line)
        index = len(unit.lines) - 1
        for number in range(len(unit.uses)):
            if number in line.steps:
                outputs = line.steps[number][-1].outputs
            elif line.count is not None:
                outputs = [unit.tensor((index, 0), number)]  # repeated no time: what comes in goes out
            else:
                continue
            for port, tensor in enumerate(outputs):
                self.places.add(number, tensor, (index, port))

    def _place(self, number: int, step: Step) -> Any:
        """The path of a step's module as seen from its use."""
        use = self.unit.uses[number]
        if step.path is None:
            return None
        if step.path in use.borrowed:
            return ("borrowed", use.borrowed[step.path])
        return step.path[len(use.path) :]

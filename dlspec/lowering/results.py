"""What a class returns and what it needs for that, in training and in evaluation."""

from __future__ import annotations

from dlspec.lowering.units import Apart, Outcome, Phi
from dlspec.lowering.uses import tensors_in
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dlspec.graph import Tensor
    from dlspec.lowering.places import Places
    from dlspec.lowering.units import Operand, Ref, Unit


class Results:
    """Fills in what a unit returns and which inputs it has, once its lines are written; raises `Apart`."""

    def __init__(self, unit: Unit, places: Places) -> None:
        self.unit = unit
        self.places = places

    def run(self) -> None:
        self._results()
        self._inputs()

    def _results(self) -> None:
        unit = self.unit
        if unit.sample.parent is None:
            self._outcomes()
            return
        modes: dict[bool, list[int]] = {}
        for number, use in enumerate(unit.uses):
            modes.setdefault(use.training, []).append(number)
        try:
            if len(modes) > 1 and self._takes_more_in_training():
                raise Apart
            self._give([*unit.everywhere])
        except (Apart, KeyError):
            if len(modes) == 1:
                raise Apart from None
            self._give_by_mode(modes)

    def _outcomes(self) -> None:
        """What the network returns: the same in both modes, or each its own."""
        unit = self.unit
        found = [use.application.result for use in unit.uses]
        tensors = [list(dict.fromkeys(tensors_in(result))) for result in found]
        if len({repr(_skeleton(result, places)) for result, places in zip(found, tensors)}) == 1:
            try:
                unit.results = self.places.operands(dict(enumerate(tensors)))
            except Apart:
                pass
            else:
                unit.outcomes = [Outcome(found[0], None, {t: i for i, t in enumerate(tensors[0])})]
                return
        unit.results = []
        for number, use in reversed(list(enumerate(unit.uses))):
            places = {tensor: len(unit.results) + index for index, tensor in enumerate(tensors[number])}
            unit.outcomes.append(Outcome(found[number], use.training, places))
            unit.results += [self.places.first(number, tensor) for tensor in tensors[number]]

    def _takes_more_in_training(self) -> bool:
        """Whether something comes in that evaluation does not have."""
        names = [(use.training, use.inputs.keys()) for use in self.unit.uses]
        return any(not mine <= other for training, mine in names for mode, other in names if training and not mode)

    def _give_by_mode(self, modes: dict[bool, list[int]]) -> None:
        """What a block gives in training, then what it gives in evaluation."""
        unit = self.unit
        results: list[Operand] = []
        tensors: list[list[Tensor | None]] = []
        outcomes: list[Outcome] = []
        for training in (True, False):
            try:
                self._give(modes[training])
            except KeyError:
                raise Apart from None
            indices = list(range(len(results), len(results) + len(unit.results)))
            outcomes.append(Outcome({}, training, {}, indices))
            results += unit.results
            tensors += unit.result_tensors
        unit.results, unit.result_tensors, unit.outcomes = results, tensors, outcomes

    def _give(self, numbers: list[int]) -> None:
        """The results of these uses; KeyError or `Apart` where they do not give the same."""
        unit = self.unit
        rows = {number: unit.uses[number].results for number in numbers}
        if len({len(row) for row in rows.values()}) == 1:
            unit.results = self.places.operands(rows)
        else:
            found: dict[Ref, None] = {}
            for number, row in rows.items():
                found.update((self.places.first(number, tensor), None) for tensor in row)
            unit.results = list(found)
        unit.result_tensors = [
            [unit.tensor(ref, number) if number in rows else None for number in range(len(unit.uses))]
            for ref in unit.results
        ]

    def _inputs(self) -> None:
        """The inputs that are needed, in order."""
        unit = self.unit
        needed: set[str] = set()
        for operand in [*unit.results, *(operand for line in unit.lines for operand in line.operands)]:
            needed.update(_input_names(operand))
        names = dict.fromkeys(name for use in unit.uses for name in use.inputs if name in needed)
        if unit.sample.parent is None:
            unit.inputs = list(names)
            return
        missing = {name: [use for use in unit.uses if name not in use.inputs] for name in names}
        if any(uses and not unit.is_parted_by_mode for uses in missing.values()):
            raise Apart
        unit.inputs = sorted(names, key=lambda name: bool(missing[name]))
        unit.of_one_mode = {name for name in names if missing[name]}


def _input_names(operand: Operand) -> Iterator[str]:
    if isinstance(operand, Phi):
        yield from _input_names(operand.then)
        yield from _input_names(operand.orelse)
    elif operand[0] == "in":
        yield operand[1]


def _skeleton(value: Any, tensors: list[Tensor]) -> Any:
    """A result with the number of each tensor in its place."""
    if isinstance(value, dict):
        return {name: _skeleton(item, tensors) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_skeleton(item, tensors) for item in value]
    return tensors.index(value)

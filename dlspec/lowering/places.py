"""Where a value comes from, the same in all uses of a unit: an input, a line, or a choice of two."""

from __future__ import annotations

from dlspec.lowering.units import Apart, Phi
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Tensor
    from dlspec.lowering.conditions import Conditions
    from dlspec.lowering.units import Operand, Ref, Unit


class Places:
    """The places where each use of a unit finds its tensors, as its lines are written one by one."""

    def __init__(self, unit: Unit, conditions: Conditions) -> None:
        self._conditions = conditions
        self._refs: list[dict[Tensor, list[Ref]]] = []
        for use in unit.uses:
            found: dict[Tensor, list[Ref]] = {}
            for name, tensor in use.inputs.items():
                found.setdefault(tensor, []).append(("in", name))
            self._refs.append(found)

    def add(self, use: int, tensor: Tensor, ref: Ref) -> None:
        """Say that a use finds this tensor there too."""
        self._refs[use].setdefault(tensor, []).append(ref)

    def first(self, use: int, tensor: Tensor) -> Ref:
        """Where a use finds the tensor first; KeyError where it does not exist there."""
        return self._refs[use][tensor][0]

    def operands(self, tensors: dict[int, list[Tensor]]) -> list[Operand]:
        """The places of the tensors that each use has in a row; `Apart` where they differ in number or have none."""
        counts = {len(row) for row in tensors.values()}
        if len(counts) > 1:
            raise Apart
        return [self._operand({n: row[i] for n, row in tensors.items()}) for i in range(counts.pop())]

    def _operand(self, tensors: dict[int, Tensor]) -> Operand:
        """The one place that a value comes from in all uses, or a choice of two."""
        if common := self._common(tensors):
            return common[0]
        splits = list(self._conditions.splits(frozenset(tensors)))
        for direct in (True, False):
            for test, tree, true in splits:
                sides = [{n: t for n, t in tensors.items() if (n in true) is side} for side in (True, False)]
                if direct and not all(map(self._common, sides)):
                    continue
                try:
                    then, orelse = map(self._operand, sides)
                except Apart:
                    continue
                return Phi(test, tree, then, orelse)
        raise Apart

    def _common(self, tensors: dict[int, Tensor]) -> list[Ref]:
        """The places that a value comes from in all of these uses."""
        first, *others = (self._refs[number].get(tensor, []) for number, tensor in tensors.items())
        return [ref for ref in first if all(ref in other for other in others)]

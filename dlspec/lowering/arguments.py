"""What the modules of a class are built with, as expressions of the class's own arguments.

Every expression is tried before it is taken: it must come to the right number in every use. Where none does, the number
stands as it is, if it is the same in all uses, or becomes an argument of its own.
"""

from __future__ import annotations

from dlspec.lowering.expressions import Constant, Expression, Formal, Name, operation, same_value
from dlspec.lowering.leaves import word_value
from dlspec.lowering.units import Line, Phi, Unit
from dlspec.ops.pattern import fits, paired, pattern
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from dlspec.graph import Node
    from dlspec.lowering.units import Operand

    Found = tuple[Expression, Iterable[int]]
    """An expression and the names of the tree that it stands for."""
    Known = tuple[Expression | None, frozenset[Formal]]
    """A size, and what it may depend on beside what the expression says."""

_OPEN: Known = (None, frozenset())


def find_arguments(unit: Unit) -> None:
    """Fill in the words and arguments of every line of a unit, and the sizes of what it gives."""
    finder = unit.finder = Finder(unit)
    for line in unit.lines:
        if line.unit is None:
            finder.words(line)
        else:
            for formal in list(line.unit.formals.values()):
                finder.argument(line, formal)
        finder.keep_sizes(line)


class Finder:
    """Finds expressions in one unit."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.evidence = {use.number for use in unit.uses if use.first} or set(range(len(unit.uses)))
        self._sizes: dict[Any, Known] = {}

    # Trying

    def _settled(self, values: dict[int, Any], candidates: Iterable[Found], hint: str, key: tuple[Any, ...],
                 depends: Iterable[Formal]) -> Expression:  # fmt: skip
        """The first candidate that comes to these values; else a number, or an argument of its own."""
        values = {number: value for number, value in values.items() if number in self.evidence} or values
        for expression, names in candidates:
            if holds(expression, values):
                self.unit.covered.update(names)
                return expression
        self.unit.fixed.update(depends)
        first = next(iter(values.values()))
        if all(same_value(value, first) for value in values.values()):
            return Constant(first)
        everywhere = [values.get(number, first) for number in range(len(self.unit.uses))]
        return Name(self.unit.formal(key, hint, everywhere))

    def _read(self, expr: Any) -> Iterator[Found]:
        if expr is not None:
            found = self.unit.reader.read(expr)
            if found is not None:
                yield found

    # Operators

    def words(self, line: Line) -> None:
        """What the fields and axes of an operator are."""
        node = line.sample.node
        assert node is not None
        written = _written_fields(node)
        for word in line.pattern[3]:
            values = {n: word_value(_node(step).op, _node(step).at, word) for n, step in _firsts(line)}
            key = ("own", len(self.unit.lines), id(line), word)
            name, _, index = word.partition(".")
            if name in node.op.given or name in node.op.fields:
                candidates: Iterable[Found] = self._read(_item(written.get(name), index))
                line.words[word] = self._settled(values, candidates, name, key, ())
            else:
                known = [self.size(line.operands[i], axis) for i, axis in self._axes(line, node, word, values)]
                sizes = [(size, ()) for size, _ in known if size is not None]
                depends = frozenset().union(*(d for _, d in known), *(e.formals() for e, _ in sizes))
                line.words[word] = self._settled(values, sizes, _axis_hint(word), key, depends)
                if known:
                    self.unit.fixed.update(known[0][1])

    def _axes(self, line: Line, node: Node, word: str, values: dict[int, Any]) -> list[tuple[int, int]]:
        """Where an axis of an operator stands: in which operand, at which place; by its name, else by its size."""
        for position, (axes, tensor) in enumerate(zip(pattern(node.op.axes).inputs, node.inputs)):
            if fits(axes, len(tensor.shape)):
                for axis, place in paired(axes, tuple(range(len(tensor.shape)))):
                    if axis == word:
                        return [(position, place)]
        return [
            (position, axis)
            for position, tensor in enumerate(node.inputs)
            for axis in range(len(tensor.shape) - 1, -1, -1)
            if tensor.shape[axis] == node.at[word]
        ]

    # Uses

    def argument(self, line: Line, formal: Formal) -> Expression:
        """What a formal of a used unit is, in terms of this unit; found once."""
        if formal not in line.arguments:
            assert line.unit is not None
            values = {n: formal.values[step.use.number] for n, step in _firsts(line) if step.use is not None}
            line.arguments[formal] = self._settled(
                values, *self._candidates(line, line.unit, formal, values), formal.key
            )
        return line.arguments[formal]

    def _settled_argument(self) -> None: ...

    def _candidates(self, line: Line, unit: Unit, formal: Formal, values: dict[int, Any]) -> Any: ...

"""What the modules of a class are built with, as expressions of the class's own arguments.

Every expression is tried before it is taken: it must come to the right number in every use. Where none does, the number
stands as it is, if it is the same in all uses, or becomes an argument of its own.
"""

from __future__ import annotations

from dlspec.lowering.calls import bound_arguments, written_fields, written_shape
from dlspec.lowering.expressions import (
    Choice,
    Constant,
    Expression,
    Formal,
    Name,
    Operation,
    mentions_training,
    operation,
    same_value,
)
from dlspec.lowering.leaves import word_value
from dlspec.lowering.names import value_names
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

_OPEN: tuple[None, frozenset[Any]] = (None, frozenset())


def find_arguments(unit: Unit) -> None:
    """Fill in the words and arguments of every line of a unit, and the sizes of what it gives."""
    finder = unit.finder = Finder(unit)
    names = value_names(getattr(unit.sample.enclosing.definition, "body", ()))
    for index, line in enumerate(unit.lines):
        finder.near = line.operands
        if line.unit is None:
            finder.words(line)
        else:
            for formal in list(line.unit.formals.values()):
                finder.argument(line, formal)
        finder.keep_sizes(index, line)
        finder.keep_invariant(index, line)
        for port, name in enumerate(names.get(id(line.sample.call), ())):
            unit.reader.named[name] = (index, port)


def holds(expression: Expression, values: dict[int, Any]) -> bool:
    """Whether an expression comes to the value in every use."""
    try:
        return all(same_value(expression.value(number), value) for number, value in values.items())
    except (TypeError, ValueError, KeyError, IndexError, ZeroDivisionError, OverflowError):
        return False


class Finder:
    """Finds expressions in one unit."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.evidence = {use.number for use in unit.uses if use.first}
        self._sizes: dict[Any, Known] = {}
        self._bound: dict[int, dict[str, Any]] = {}
        self.near: list[Operand] = []
        """What flows into the line that is looked at."""
        unit.reader.size_of = self._named_size

    def _settled(
        self,
        values: dict[int, Any],
        candidates: Iterable[Found],
        depends: Iterable[Formal],
        hint: str,
        key: tuple[Any, ...],
    ) -> Expression:
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
        reader = self.unit.reader
        found = None if expr is None else reader.read(expr)
        if found is not None:
            yield found
        if reader.lost:
            # It depends on a tensor, and so perhaps on everything.
            self.unit.fixed.update(self.unit.formals.values())

    def _named_size(self, name: str, axis: int) -> Expression | None:
        """The size of a value that the body has named, or else of what flows into the line."""
        named = self.unit.reader.named
        operands = [named[name]] if name in named else self.near[:1]
        for operand in operands:
            rank = len(self.unit.tensor(operand, self._somewhere(operand)).shape)
            if -rank <= axis < rank:
                return self.size(operand, axis % rank)[0]
        return None

    def _somewhere(self, operand: Operand) -> int:
        """A use that has the value."""
        return next(n for n in range(len(self.unit.uses)) if self._has(operand, n))

    def _has(self, operand: Operand, use: int) -> bool:
        try:
            self.unit.tensor(operand, use)
        except (KeyError, IndexError):
            return False
        return True

    # Operators

    def words(self, line: Line) -> None:
        """What the fields and axes of an operator are."""
        node = line.sample.node
        assert node is not None
        written = (
            written_fields(node)
            if node.call is not None
            else written_shape(node, self.unit.sample.enclosing.definition)
        )
        for word in line.pattern[3]:
            values = {n: word_value(at.op, at.at, word) for n, step in _firsts(line) if (at := step.node) is not None}
            name, _, index = word.partition(".")
            key = ("own", id(line), word)
            if name in node.op.given or node.op.family == "parameter":
                expr = written.get(name)
                if index:
                    items = expr if isinstance(expr, tuple) else getattr(expr, "items", ())
                    expr = items[int(index)] if int(index) < len(items) else None
                line.words[word] = self._settled(values, self._read(expr), (), name, key)
            else:
                line.words[word] = self._axis_word(line, node, word, values, key)

    def _axis_word(self, line: Line, node: Node, word: str, values: dict[int, Any], key: tuple[Any, ...]) -> Expression:
        """The size of an axis of an operand: where the pattern of the operator has it, else where it is found."""
        known = [self.size(line.operands[operand], axis) for operand, axis in _places(node, word)]
        candidates = [(size, ()) for size, _ in known if size is not None]
        depends = frozenset().union(*(unsaid for _, unsaid in known), *(size.formals() for size, _ in candidates))
        settled = self._settled(values, candidates, depends, {"C": "channels", "I": "features"}.get(word, "size"), key)
        if known:
            self.unit.fixed.update(known[0][1])
        return settled

    # Uses

    def argument(self, line: Line, formal: Formal) -> Expression:
        """What a formal of a used unit is, in terms of this unit; found once."""
        if formal not in line.arguments:
            assert line.unit is not None
            values = {n: formal.values[step.use.number] for n, step in _firsts(line) if step.use is not None}
            key = ("own", id(line), *formal.key)
            candidates, depends = self._candidates(line, line.unit, formal)
            fixed = set(self.unit.fixed)
            first = self._settled(values, candidates, depends, formal.hint, key)
            line.unsaid[formal] = line.unsaid.get(formal, frozenset()) | (self.unit.fixed - fixed)
            self.unit.fixed = fixed
            line.arguments[formal] = self._going(line, formal, first)
        return line.arguments[formal]

    def _going(self, line: Line, formal: Formal, first: Expression) -> Expression:
        """What a formal is in every copy of a repeated use: as in the first, or growing from there."""
        rows = {n: [formal.values[s.use.number] for s in steps if s.use is not None] for n, steps in line.steps.items()}
        growth = {n: row[1] - row[0] for n, row in rows.items() if len(row) > 1 and not same_value(row[0], row[1])}
        if line.loop is None or not growth:
            return first
        growth = {n: row[1] - row[0] for n, row in rows.items() if len(row) > 1}
        named = (self.unit.parameter(name) for name in self.unit.sample.names)
        known = [(Name(own), ()) for own in named if own is not None]
        step = self._settled(growth, known, (), f"{formal.hint}_step", ("step", id(line), *formal.key))
        return operation("+", first, operation("*", Name(line.loop), step))

    def _candidates(self, line: Line, unit: Unit, formal: Formal) -> tuple[list[Found], frozenset[Formal]]:
        match formal.key:
            case ("axis", name, axis):
                if name not in unit.inputs:
                    return [], frozenset()
                size, unsaid = self.size(line.operands[unit.inputs.index(name)], axis)
                line.unsaid[formal] = unsaid
                return ([] if size is None else [(size, ())]), unsaid
            case ("around", name, axis):
                around = self.unit.around if self.unit.kind == "group" else self.unit.axis
                outer = around(name, axis)
                return ([] if outer is None else [(Name(outer), ())]), frozenset()
            case ("parameter", name):
                return self._parameter(line, unit, name)
        return [], frozenset().union(*(self.argument(line, other).formals() for other in _fixed_beside(unit, formal)))

    def _parameter(self, line: Line, unit: Unit, name: str) -> tuple[list[Found], frozenset[Formal]]:
        """A parameter: as the call gives it, as its default says, or the same value around a group."""
        if unit.kind == "group":
            same = self.unit.parameter(name)
            return ([] if same is None else [(Name(same), ())]), frozenset()
        written = self._bound.get(id(line))
        if written is None:
            written = self._bound[id(line)] = bound_arguments(line.sample, self._agrees(line))
        if name in written:
            return list(self._read(written[name])), frozenset()
        return self._default(line, unit, name)

    def _default(self, line: Line, unit: Unit, name: str) -> tuple[list[Found], frozenset[Formal]]:
        """A default may be made of other parameters: `hidden = width * 4`."""
        param = next((p for p in unit.definition.params if p.name == name), None)
        read = None if param is None or param.default is None else unit.reader.read(param.default)
        if read is None:
            return [], frozenset()
        inner = {formal: self.argument(line, formal) for formal in set(read[0].formals())}
        depends = frozenset().union(*(expression.formals() for expression in inner.values()))
        return [(read[0].replaced(inner.get), ())], depends

    def _agrees(self, line: Line) -> Any:
        """Whether an expression of the call may be what a parameter is bound to, as far as it can be read."""

        def agrees(name: str, expr: Any) -> bool:
            read = self.unit.reader.read(expr)
            if read is None:
                return True
            bound = {n: step.use.names.get(name, step.use) for n, step in _firsts(line) if step.use is not None}
            return holds(read[0], bound)

        return agrees

    # Sizes

    def size(self, operand: Operand, axis: int) -> Known:
        """The size of an axis of a value."""
        if isinstance(operand, Phi):
            (then, first), (orelse, second) = self.size(operand.then, axis), self.size(operand.orelse, axis)
            values = {n: s for n in range(len(self.unit.uses)) if (s := self._size_in(operand, n, axis)) is not None}
            sides = [then, orelse]
            if then is not None and orelse is not None and not mentions_training(operand.test):
                sides.append(Choice(operand.test, then, orelse).rebuilt((operand.test, then, orelse)))
            fits_all = [size for size in sides if size is not None and holds(size, values)]
            return (fits_all[0] if fits_all else None), first | second
        place, key = operand
        if place == "in":
            formal = self.unit.axis(key, axis)
            return _OPEN if formal is None else (Name(formal), frozenset())
        return self._sizes.get((place, key, axis), _OPEN)

    def _size_in(self, operand: Operand, use: int, axis: int) -> Any:
        try:
            return self.unit.tensor(operand, use).shape[axis]
        except (KeyError, IndexError):
            return None

    def keep_sizes(self, index: int, line: Line) -> None:
        """Work out every size of what a line gives, where it is a number."""
        rows = {n: steps[-1].outputs for n, steps in line.steps.items() if n in self.evidence} or {
            n: steps[-1].outputs for n, steps in line.steps.items()
        }
        sample = next(iter(rows.values()))
        for port, tensor in enumerate(sample):
            for axis in range(len(tensor.shape)):
                shapes = {n: outputs[port].shape for n, outputs in rows.items()}
                if all(len(shape) > axis and type(shape[axis]) is int for shape in shapes.values()):
                    values = {n: shape[axis] for n, shape in shapes.items()}
                    self._sizes[index, port, axis] = self._size_of(line, port, axis, values)

    def _size_of(self, line: Line, port: int, axis: int, values: dict[int, Any]) -> Known:
        if line.unit is not None:
            return self._size_of_use(line, line.unit, port, axis, values)
        node = line.sample.node
        assert node is not None
        plainly, expressions, unsaid = self._around(line, node, port, axis)
        for size, depends in plainly:
            if holds(size, values):
                return size, depends
        if expressions or unsaid:
            for size in _combined(expressions):
                if holds(size, values):
                    return size, frozenset()
        depends = unsaid.union(*(e.formals() for e in expressions), *(e.formals() for e in line.words.values()))
        first = next(iter(values.values()))
        if all(value == first for value in values.values()):
            return Constant(first), depends
        return None, depends

    def _around(
        self, line: Line, node: Node, port: int, axis: int
    ) -> tuple[list[tuple[Expression, frozenset[Formal]]], list[Expression], frozenset[Formal]]:
        """What the pattern of an operator says of an output axis; and every size and word around it."""
        known = [
            (operand, place, *self.size(line.operands[operand], place))
            for operand, tensor in enumerate(node.inputs)
            for place in range(len(tensor.shape))
        ]
        unsaid = frozenset().union(*(depends for _, _, _, depends in known))
        plainly: list[tuple[Expression, frozenset[Formal]]] = []
        name = _output_axis(node, port, axis)
        if name in node.op.fields:
            plainly.append((line.words.get(name) or Constant(word_value(node.op, node.at, name)), frozenset()))
        elif name and name[0].isupper() and name[-1] != "'":
            places = _places(node, name)
            plainly += [(size, d) for o, p, size, d in known if (o, p) in places and size is not None]
        elif name.startswith("*") or not name:
            plainly += [(size, d) for _, p, size, d in known if p == axis and size is not None]
            plainly += _equal_parts(line, node, plainly)
            if node.op.family == "shape":  # a size that a list of sizes has
                plainly += [(size, frozenset()) for word, size in line.words.items() if "." in word]
        if name.endswith("'"):
            places = _places(node, name[:-1])
            through = [(size, depends) for o, p, size, depends in known if (o, p) in places]
            return (
                plainly,
                [],
                frozenset().union(*(d for _, d in through), *(s.formals() for s, _ in through if s)),
            )
        varying = [size for *_, size, _ in known if size is not None and next(size.formals(), None)]
        varying += [word for word in line.words.values() if next(word.formals(), None)]
        if varying:
            varying += [size for *_, size, _ in known if isinstance(size, Constant)]
        return plainly, varying, unsaid

    def _after_copies(self, line: Line, axis: int) -> Iterator[Expression]:
        """A size that grows by the same step in every copy, after the last."""
        for formal, expression in list(line.arguments.items()):
            parts = None if line.loop is None else _first_and_step(expression, line.loop)
            if parts is not None and line.count is not None and formal.key[0] == "axis" and formal.key[2] == axis:
                yield operation("+", parts[0], operation("*", line.count, parts[1]))

    def keep_invariant(self, index: int, line: Line) -> None:
        """Copies that are written alike must stay alike: what goes in must be what comes out."""
        if line.count is None or line.unit is None:
            return
        for formal, given in list(line.arguments.items()):
            if formal.key[0] == "axis" and (line.loop is None or not _first_and_step(given, line.loop)):
                after, _ = self._sizes.get((index, 0, formal.key[2]), _OPEN)
                if after is not None and after.text(_hint) != given.text(_hint):
                    self.unit.fixed.update((*after.formals(), *given.formals()))

    def _size_of_use(self, line: Line, unit: Unit, port: int, axis: int, values: dict[int, Any]) -> Known:
        inner, unsaid = unit.finder.size(unit.results[port], axis)
        depends = frozenset().union(*(self.argument(line, formal).formals() for formal in unsaid))
        for size in self._after_copies(line, axis):
            if holds(size, values):
                return size, frozenset()
        if inner is not None:
            size = inner.replaced({formal: self.argument(line, formal) for formal in set(inner.formals())}.get)
            if holds(size, values):
                return size, depends
            depends |= frozenset(size.formals())
        if line.count is not None:
            depends = depends.union(*(e.formals() for e in (line.count, *line.arguments.values())))
        first = next(iter(values.values()))
        same = all(value == first for value in values.values())
        return (Constant(first) if same else None), depends


def _first_and_step(expression: Expression, loop: Formal) -> tuple[Expression, Expression] | None:
    """The parts of `first + i * step`."""
    if isinstance(expression, Operation) and expression.operator == "+" and isinstance(expression.right, Operation):
        factor = expression.right.left
        if isinstance(factor, Name) and factor.formal is loop:
            return expression.left, expression.right.right
    return None


def _hint(formal: Formal) -> str:
    return formal.hint


def _firsts(line: Line) -> list[tuple[int, Any]]:
    """The step of each use, the first of its copies where it is repeated."""
    return [(number, steps[0]) for number, steps in line.steps.items()]


def _fixed_beside(unit: Unit, formal: Formal) -> list[Formal]:
    """The formals that an argument without an expression may depend on."""
    return [other for other in unit.fixed if other is not formal and other.key[0] != "own"]


def _places(node: Node, word: str) -> list[tuple[int, int]]:
    """Where an axis of an operator stands: in which input, at which place; by its name, else by its size."""
    for position, (axes, tensor) in enumerate(zip(pattern(node.op.axes).inputs, node.inputs)):
        if fits(axes, len(tensor.shape)):
            for axis, place in paired(axes, tuple(range(len(tensor.shape)))):
                if axis == word:
                    return [(position, place)]
    return [
        (position, axis)
        for position, tensor in enumerate(node.inputs)
        for axis in range(len(tensor.shape) - 1, -1, -1)
        if word in node.at and tensor.shape[axis] == node.at[word]
    ]


def _output_axis(node: Node, port: int, axis: int) -> str:
    """The name of an axis of an output in the operator's pattern; empty where the pattern does not fit."""
    outputs = pattern(node.op.axes).outputs
    axes = outputs[min(port, len(outputs) - 1)]
    rank = len(node.outputs[port].shape)
    if not axes or not fits(axes, rank):
        return ""
    for name, place in paired(axes, tuple(range(rank))):
        if place == axis or (isinstance(place, tuple) and axis in place):
            return name
    return ""


def _equal_parts(
    line: Line, node: Node, sizes: list[tuple[Expression, frozenset[Formal]]]
) -> list[tuple[Expression, frozenset[Formal]]]:
    """Sizes of what an axis is cut into; their number is a number here, whatever it was made of."""
    if not node.op.several:
        return []
    count = frozenset().union(*(word.formals() for word in line.words.values()))
    return [(operation("//", size, Constant(len(node.outputs))), depends | count) for size, depends in sizes]


def _combined(expressions: list[Expression]) -> Iterator[Expression]:
    """What sizes often come to: one of those around, the sum or product of some, a quotient."""
    yield from expressions
    total = expressions[0] if expressions else Constant(0)
    for other in expressions[1:]:
        total = operation("+", total, other)
        yield total
    for start in range(len(expressions)):
        product = expressions[start]
        for other in expressions[start + 1 :]:
            product = operation("*", product, other)
            yield product
    for left in expressions:
        for right in expressions:
            if left is not right:
                yield operation("+", left, right)
                yield operation("//", left, right)

"""Expressions of the spec as expressions of the generated class, where its arguments can say them."""

from __future__ import annotations

from dlspec.lowering.expressions import (
    FUNCTIONS,
    Choice,
    Constant,
    Expression,
    Function,
    Item,
    Name,
    Several,
    Sign,
    Training,
    operation,
    plain,
    same_value,
)
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from dlspec.lowering.expressions import Formal
    from dlspec.lowering.units import Unit

_AXES = {"batch": 0, "channels": 1, "features": -1, "length": 2, "height": -2, "width": -1, "depth": -3}
"""Where the sizes that have a name in the language stand in a shape."""


class Unreadable(Exception):
    """An expression that the class cannot say; the number it came to is written in its place."""


class Reader:
    """Reads expressions for one unit."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.named: dict[str, Any] = {}
        """Values that the body has named so far."""
        self.size_of: Callable[[str, int], Expression | None] | None = None
        """The size of an axis of one of them."""
        self.lost = False
        """Whether the last expression asked for a size that is not known as an expression."""
        self._seen: list[int] = []
        self._locals: dict[str, Any] | None = None
        self._open: list[str] = []

    def read(self, expr: Any) -> tuple[Expression, list[int]] | None:
        """The expression, with the names of the tree that it stands for; None where the class cannot say it."""
        self._seen = []
        self.lost = False
        try:
            return self._read(expr), self._seen
        except (Unreadable, TypeError, ValueError, ZeroDivisionError, IndexError, KeyError, OverflowError):
            return None

    def _read(self, expr: Any) -> Expression:
        read = _READ.get(type(expr).__name__)
        if read is None:
            raise Unreadable
        return read(self, expr)

    def _literal(self, expr: Any) -> Expression:
        return Constant(expr.value)

    def _name(self, expr: Any) -> Expression:
        self._seen.append(id(expr))
        unit = self.unit
        if expr.name in unit.sample.names:
            formal = unit.parameter(expr.name)
            if formal is None or not all(map(plain, formal.values)):
                raise Unreadable
            return self._by_mode(formal) or Name(formal)
        if expr.name == "training":
            return Training([use.training for use in unit.uses])
        value = self.locals.get(expr.name)
        if value is None or expr.name in self._open:
            raise Unreadable
        self._open.append(expr.name)
        try:
            return self._read(value)
        finally:
            self._open.pop()

    def _by_mode(self, formal: Formal) -> Expression | None:
        """A parameter that is one thing in training, another in evaluation: no argument, but asked of the mode."""
        modes = [use.training for use in self.unit.uses]
        found: dict[bool, Any] = {}
        for training, value in zip(modes, formal.values):
            if not same_value(found.setdefault(training, value), value):
                return None
        if len(found) < 2 or same_value(found[True], found[False]):
            return None
        return Choice(Training(modes), Constant(found[True]), Constant(found[False]))

    @property
    def locals(self) -> dict[str, Any]:
        """Values that the body names once, outside of loops and choices, where it names tensors and numbers."""
        if self._locals is None:
            found: dict[str, Any] = {}
            for statement in getattr(self.unit.sample.enclosing.definition, "body", ()):
                if type(statement).__name__ == "Assign" and len(statement.targets) == 1:
                    name = statement.targets[0]
                    found[name] = None if name in found else statement.value
            self._locals = found
        return self._locals

    def _list(self, expr: Any) -> Expression:
        return Several(tuple(map(self._read, expr.items))).rebuilt(tuple(map(self._read, expr.items)))

    def _attribute(self, expr: Any) -> Expression:
        """`x.channels` of an input."""
        if type(expr.value).__name__ != "Name" or expr.name not in _AXES:
            raise Unreadable
        self._seen.append(id(expr.value))
        return self._size(expr.value.name, _AXES[expr.name])

    def _size(self, name: str, axis: int) -> Expression:
        """The size of an axis of an input of the block, or of a value that its body has named before."""
        unit = self.unit
        if name in self.named or name not in unit.sample.enclosing.application.arguments:
            found = None if self.size_of is None else self.size_of(name, axis)
            if found is None:
                self.lost = True
                raise Unreadable
            return found
        if unit.kind == "group":
            formal = unit.around(name, axis)
        else:
            tensor = unit.sample.inputs.get(name)
            inside = tensor is not None and -len(tensor.shape) <= axis < len(tensor.shape)
            formal = unit.axis(name, axis % len(tensor.shape)) if tensor is not None and inside else None
        if formal is None:
            raise Unreadable
        return Name(formal)

    def _index(self, expr: Any) -> Expression:
        (index,) = expr.indices
        value = expr.value
        if type(value).__name__ == "Attribute" and value.name == "shape" and type(value.value).__name__ == "Name":
            number = self._read(index)
            if not isinstance(number, Constant):
                raise Unreadable
            self._seen.append(id(value.value))
            return self._size(value.value.name, number.given)
        of, number = self._read(value), self._read(index)
        return Item(of, number).rebuilt((of, number))

    def _unary(self, expr: Any) -> Expression:
        operand = self._read(expr.operand)
        return Sign(expr.operator, operand).rebuilt((operand,))

    def _binary(self, expr: Any) -> Expression:
        left, right = self._read(expr.left), self._read(expr.right)
        operator = "//" if expr.operator == "/" and self._exact(left, right) else expr.operator
        return operation(operator, left, right)

    def _exact(self, left: Expression, right: Expression) -> bool:
        """Whether a quotient is whole in every use; `/` gives a whole number there."""
        return all(
            type(left.value(use)) is int and type(right.value(use)) is int and left.value(use) % right.value(use) == 0
            for use in range(len(self.unit.uses))
        )

    def _choice(self, expr: Any) -> Expression:
        parts = (self._read(expr.test), self._read(expr.then), self._read(expr.orelse))
        return Choice(*parts).rebuilt(parts)

    def _call(self, expr: Any) -> Expression:
        name = getattr(expr.function, "name", "") if type(expr.function).__name__ == "Name" else ""
        if name not in FUNCTIONS or any(arg.name for arg in expr.args):
            raise Unreadable
        parts = tuple(self._read(arg.value) for arg in expr.args)
        return Function(name, parts).rebuilt(parts)


_READ: dict[str, Callable[[Reader, Any], Expression]] = {
    "Literal": Reader._literal,
    "Name": Reader._name,
    "ListExpr": Reader._list,
    "Attribute": Reader._attribute,
    "Index": Reader._index,
    "Unary": Reader._unary,
    "Binary": Reader._binary,
    "IfExpr": Reader._choice,
    "Call": Reader._call,
}


def named_in(tree: Any) -> Iterator[Any]:
    """Every `Name` in a part of the tree."""
    if isinstance(tree, tuple):
        for item in tree:
            yield from named_in(item)
    elif type(tree).__name__ == "Name":
        yield tree
    elif hasattr(tree, "_fields"):
        for field in tree._fields:
            if field != "span":
                yield from named_in(getattr(tree, field))


def counts_of(call: Any, tree: Any) -> Iterator[Any]:
    """The expressions that say how often a call is made: `n` of `call * n`, and of `for i in range(n)` around it."""
    for part in _parts_of(tree):
        kind = type(part).__name__
        if kind == "Binary" and part.operator == "*" and (part is call or part.left is call):
            yield part.right
        elif kind == "For" and _holds(part.body, call) and type(part.iterable).__name__ == "Call":
            iterable = part.iterable
            if getattr(iterable.function, "name", "") == "range" and len(iterable.args) == 1:
                yield iterable.args[0].value


def _holds(statements: tuple[Any, ...], call: Any) -> bool:
    return any(s.span.source is call.span.source and s.span.start <= call.span.start < s.span.end for s in statements)


def _parts_of(tree: Any) -> Iterator[Any]:
    """A part of the tree and all parts of it."""
    if isinstance(tree, tuple):
        for item in tree:
            yield from _parts_of(item)
    elif hasattr(tree, "_fields"):
        yield tree
        for field in tree._fields:
            if field != "span":
                yield from _parts_of(getattr(tree, field))

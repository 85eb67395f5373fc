"""Arithmetic of the generated code: what an argument of a module is, in terms of the arguments of its class.

An expression is read from the spec or derived from shapes, evaluated for every use of its block to see that it
holds, simplified once it is known which arguments never vary, and only then written.
"""

from __future__ import annotations

from dlspec.ops.text import literal
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

CONDITIONAL, OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, POWER, PRIMARY = range(10)
"""How tightly Python holds an expression together."""

_LEVELS = {
    "or": OR, "and": AND, "==": COMPARISON, "!=": COMPARISON, "<": COMPARISON, "<=": COMPARISON, ">": COMPARISON,
    ">=": COMPARISON, "in": COMPARISON, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT,
    "**": POWER,
}  # fmt: skip
_OPPOSITES = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min, "max": max, "sum": sum, "abs": abs, "int": int, "round": round, "len": len
}  # fmt: skip
"""What a spec and Python call by the same name."""

TRAINING = object()
"""Stands for the mode of the module, which changes after it is made."""


class Formal:
    """An argument of a generated class, with its value in each use."""

    __slots__ = ("constant", "default", "hint", "key", "name", "values")

    def __init__(self, key: tuple[Any, ...], hint: str, values: list[Any]) -> None:
        self.key = key
        self.hint = hint
        """The name it would like."""
        self.values = values
        self.default: Any = None
        """What it is where it is left out: a `Constant`, or None."""
        self.constant: Constant | None = None
        """What it always is; it is no argument then."""
        self.name = hint


class Expression:
    """The base of all; `parts` are the expressions in it."""

    __slots__ = ()
    level = PRIMARY

    @property
    def parts(self) -> tuple[Expression, ...]:
        return ()

    def value(self, use: int) -> Any:
        """What it is in a use, by its number."""
        raise NotImplementedError

    def text(self, name_of: Callable[[Formal], str]) -> str:
        """Python for it, with the names that formals have there."""
        raise NotImplementedError

    def rebuilt(self, parts: tuple[Expression, ...]) -> Expression:
        """The same of other parts, simplified."""
        return self

    def formals(self) -> Iterator[Formal]:
        """Every formal in it."""
        for part in self.parts:
            yield from part.formals()

    def replaced(self, by: Callable[[Formal], Expression | None]) -> Expression:
        """The same with formals replaced where `by` gives something for them."""
        return self.rebuilt(tuple(part.replaced(by) for part in self.parts))

    def held(self, name_of: Callable[[Formal], str], least: int) -> str:
        """Its text, in parentheses unless it holds together at least so tightly."""
        text = self.text(name_of)
        return text if self.level >= least else f"({text})"


class Constant(Expression):
    __slots__ = ("given",)

    def __init__(self, given: Any) -> None:
        self.given = given

    @property
    def level(self) -> int:  # type: ignore[override]  # a minus binds less
        return SIGN if isinstance(self.given, (int, float)) and self.given < 0 else PRIMARY

    def value(self, use: int) -> Any:
        return self.given

    def text(self, name_of: Callable[[Formal], str]) -> str:
        return python_literal(self.given)

    def same(self, other: Expression) -> bool:
        """Whether the other is the same constant; `1` and `True` are two."""
        return isinstance(other, Constant) and same_value(self.given, other.given)


class Name(Expression):
    """A formal."""

    __slots__ = ("formal",)

    def __init__(self, formal: Formal) -> None:
        self.formal = formal

    def value(self, use: int) -> Any:
        return self.formal.values[use]

    def text(self, name_of: Callable[[Formal], str]) -> str:
        return name_of(self.formal)

    def formals(self) -> Iterator[Formal]:
        yield self.formal

    def replaced(self, by: Callable[[Formal], Expression | None]) -> Expression:
        return by(self.formal) or self


class Training(Expression):
    """Whether the module is in training mode."""

    __slots__ = ("values",)

    def __init__(self, values: list[bool]) -> None:
        self.values = values

    def value(self, use: int) -> Any:
        return self.values[use]

    def text(self, name_of: Callable[[Formal], str]) -> str:
        return "self.training"


class Operation(Expression):
    __slots__ = ("left", "operator", "right")

    def __init__(self, operator: str, left: Expression, right: Expression) -> None:
        self.operator = operator
        self.left = left
        self.right = right

    @property
    def level(self) -> int:  # type: ignore[override]  # by its operator
        return _LEVELS[self.operator]

    @property
    def parts(self) -> tuple[Expression, ...]:
        return self.left, self.right

    def value(self, use: int) -> Any:
        left = self.left.value(use)
        if self.operator in ("and", "or"):
            return left if bool(left) is (self.operator == "or") else self.right.value(use)
        return _COMPUTE[self.operator](left, self.right.value(use))

    def rebuilt(self, parts: tuple[Expression, ...]) -> Expression:
        return operation(self.operator, *parts)

    def text(self, name_of: Callable[[Formal], str]) -> str:
        left, right = (self.level, self.level + 1) if self.level != POWER else (POWER + 1, POWER)
        if self.level == COMPARISON:
            left += 1
        return f"{self.left.held(name_of, left)} {self.operator} {self.right.held(name_of, right)}"


class Sign(Expression):
    """`-x`, `not x`."""

    __slots__ = ("operand", "operator")

    def __init__(self, operator: str, operand: Expression) -> None:
        self.operator = operator
        self.operand = operand

    @property
    def level(self) -> int:  # type: ignore[override]  # by its operator
        return NOT if self.operator == "not" else SIGN

    @property
    def parts(self) -> tuple[Expression, ...]:
        return (self.operand,)

    def value(self, use: int) -> Any:
        value = self.operand.value(use)
        return not value if self.operator == "not" else -value

    def rebuilt(self, parts: tuple[Expression, ...]) -> Expression:
        made = Sign(self.operator, *parts)
        return Constant(made.value(0)) if isinstance(parts[0], Constant) else made

    def text(self, name_of: Callable[[Formal], str]) -> str:
        sign = "not " if self.operator == "not" else "-"
        return sign + self.operand.held(name_of, self.level)


class Item(Expression):
    """`depths[0]`."""

    __slots__ = ("index", "of")

    def __init__(self, of: Expression, index: Expression) -> None:
        self.of = of
        self.index = index

    @property
    def parts(self) -> tuple[Expression, ...]:
        return self.of, self.index

    def value(self, use: int) -> Any:
        of = self.of.value(use)
        if isinstance(of, dict):
            return of[self.index.value(use)]
        return of[self.index.value(use)]

    def rebuilt(self, parts: tuple[Expression, ...]) -> Expression:
        made = Item(*parts)
        return Constant(made.value(0)) if all(isinstance(p, Constant) for p in parts) else made

    def text(self, name_of: Callable[[Formal], str]) -> str:
        return f"{self.of.held(name_of, PRIMARY)}[{self.index.text(name_of)}]"


class Function(Expression):
    """`min(a, b)`."""

    __slots__ = ("_parts", "name")

    def __init__(self, name: str, parts: tuple[Expression, ...]) -> None:
        self.name = name
        self._parts = parts

    @property
    def parts(self) -> tuple[Expression, ...]:
        return self._parts

    def value(self, use: int) -> Any:
        return FUNCTIONS[self.name](*(part.value(use) for part in self._parts))

    def rebuilt(self, parts: tuple[Expression, ...]) -> Expression:
        made = Function(self.name, parts)
        return Constant(made.value(0)) if all(isinstance(p, Constant) for p in parts) else made

    def text(self, name_of: Callable[[Formal], str]) -> str:
        return f"{self.name}({', '.join(part.text(name_of) for part in self._parts)})"


class Choice(Expression):
    """`a if test else b`."""

    __slots__ = ("orelse", "test", "then")
    level = CONDITIONAL

    def __init__(self, test: Expression, then: Expression, orelse: Expression) -> None:
        self.test = test
        self.then = then
        self.orelse = orelse

    @property
    def parts(self) -> tuple[Expression, ...]:
        return self.test, self.then, self.orelse

    def value(self, use: int) -> Any:
        return self.then.value(use) if self.test.value(use) else self.orelse.value(use)

    def rebuilt(self, parts: tuple[Expression, ...]) -> Expression:
        test, then, orelse = parts
        if isinstance(test, Constant):
            return then if test.given else orelse
        return Choice(test, then, orelse)

    def text(self, name_of: Callable[[Formal], str]) -> str:
        then, test = self.then.held(name_of, OR), self.test.held(name_of, OR)
        return f"{then} if {test} else {self.orelse.text(name_of)}"


class Several(Expression):
    """`[a, b]`."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[Expression, ...]) -> None:
        self.items = items

    @property
    def parts(self) -> tuple[Expression, ...]:
        return self.items

    def value(self, use: int) -> Any:
        return [item.value(use) for item in self.items]

    def rebuilt(self, parts: tuple[Expression, ...]) -> Expression:
        made = Several(parts)
        return Constant(made.value(0)) if all(isinstance(p, Constant) for p in parts) else made

    def text(self, name_of: Callable[[Formal], str]) -> str:
        return f"[{', '.join(item.text(name_of) for item in self.items)}]"


_COMPUTE: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "//": lambda a, b: a // b, "%": lambda a, b: a % b, "**": lambda a, b: a**b, "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b, "in": lambda a, b: a in b,
}  # fmt: skip


_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""A comparison read from the other side: what varies is written first."""


def operation(operator: str, left: Expression, right: Expression) -> Expression:
    """Both sides joined; numbers are computed, what changes nothing is left out, and a number is compared last."""
    if isinstance(left, Constant) and isinstance(right, Constant):
        return Constant(Operation(operator, left, right).value(0))
    if operator in ("and", "or"):
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Constant):
                return one if bool(one.given) is (operator == "or") else other
    if operator in ("*", "//") and right.__class__ is Constant and same_value(right.given, 1):
        return left
    if operator == "*" and left.__class__ is Constant and same_value(left.given, 1):
        return right
    if operator in ("+", "-") and right.__class__ is Constant and same_value(right.given, 0):
        return left
    if operator == "+" and _alike(left, right):
        return operation("*", Constant(2), left)
    if operator == "//" and isinstance(left, Operation) and left.operator == "*" and _alike(left.left, right):
        return left.right
    if operator in _MIRRORED and isinstance(left, Constant):
        operator, left, right = _MIRRORED[operator], right, left
    return Operation(operator, left, right)


def _alike(left: Expression, right: Expression) -> bool:
    """Whether two expressions read the same, of the same formals."""
    return left.__class__ is right.__class__ and left.text(_unique) == right.text(_unique)


def _unique(formal: Formal) -> str:
    return f"<{id(formal)}>"


def negated(test: Expression) -> Expression:
    """The opposite of a condition, with `not` only where nothing plainer says it."""
    if isinstance(test, Operation) and test.operator in _OPPOSITES:
        return operation(_OPPOSITES[test.operator], test.left, test.right)
    if isinstance(test, Operation) and test.operator in ("and", "or"):
        other = "or" if test.operator == "and" else "and"
        return operation(other, negated(test.left), negated(test.right))
    if isinstance(test, Sign) and test.operator == "not":
        return test.operand
    return Sign("not", test).rebuilt((test,))


def mentions_training(test: Expression) -> bool:
    """Whether a condition depends on the mode of the module."""
    return isinstance(test, Training) or any(map(mentions_training, test.parts))


def same_value(left: Any, right: Any) -> bool:
    """Whether two values are equal and of one type, all through."""
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(same_value, left, right))
    return type(left) is type(right) and bool(left == right)


def plain(value: Any) -> bool:
    """Whether a value can be written as a literal: numbers, strings, truth values, None, and lists of them."""
    if isinstance(value, (list, tuple)):
        return all(map(plain, value))
    return value is None or isinstance(value, (bool, int, float, str))


def python_literal(value: Any) -> str:
    """A plain value as Python writes it."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(python_literal, value))}]"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f'float("{value}")'
    return literal(value)


def constants(bound: Mapping[Formal, Expression]) -> Callable[[Formal], Expression | None]:
    """For `replaced`: each formal by what it is bound to, or by what it always is."""
    return lambda formal: bound.get(formal) or formal.constant

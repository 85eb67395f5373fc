"""Expressions of a plan as values, and values as text: a plan's values are written out, not computed.

Names stand for themselves (`full`, `val.accuracy`); arithmetic on numbers is allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import add, mul, sub, truediv

from dlspec.plan.kinds import Value
from dlspec.syntax import tree

_ARITHMETIC: dict[str, Callable[[float, float], float]] = {"+": add, "-": sub, "*": mul, "/": truediv}


class NotAValue(Exception):
    """Raised with the expression that a plan cannot hold."""

    def __init__(self, expr: tree.Expr | tree.Section) -> None:
        super().__init__(expr)
        self.expr = expr


def value_of(expr: tree.Expr | tree.Section) -> Value:
    """The value of a literal, a name, a list, or arithmetic on numbers.

    Raises NotAValue for anything else.
    """
    match expr:
        case tree.Literal():
            return expr.value
        case tree.Name():
            return expr.name
        case tree.Attribute():
            return f"{value_of(expr.value)}.{expr.name}"
        case tree.ListExpr():
            return tuple(value_of(item) for item in expr.items)
        case tree.Unary(operator="-"):
            return -_number(expr.operand)
        case tree.Binary() if expr.operator in _ARITHMETIC:
            left, right = _number(expr.left), _number(expr.right)
            if expr.operator == "/" and right == 0:
                raise NotAValue(expr)
            return _ARITHMETIC[expr.operator](left, right)
    raise NotAValue(expr)


def _number(expr: tree.Expr) -> int | float:
    value = value_of(expr)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotAValue(expr)
    return value


def text_of(value: object) -> str:
    """A value in the words of the language.

    >>> text_of((0.5, 2.0, True, None))
    '[0.5, 2, true, null]'
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(text_of(item) for item in value)}]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, str):
        return value if _is_name(value) else quoted(value)
    return repr(value)


RESERVED = ("if", "else", "for", "in", "and", "or", "not", "true", "false", "null")
"""Words that the language keeps for itself."""


def _is_name(text: str) -> bool:
    """Whether a text can stand without quotes: a name, or a score such as `val.loss`."""
    return all(part.isidentifier() and part.isascii() and part not in RESERVED for part in text.split("."))


def quoted(text: str) -> str:
    """A text between double quotes, what needs it escaped."""
    import json

    return json.dumps(text, ensure_ascii=False)


def expression_text(expr: tree.Expr) -> str:
    """An application of a network on one line: `resnet(basic, [2, 2, 2, 2])`.

    Raises NotAValue for what such an application has no use for.
    """
    match expr:
        case tree.Literal(value=str() as text):
            return quoted(text)
        case tree.Literal() | tree.Name() | tree.Unary():
            return text_of(value_of(expr))
        case tree.Attribute():
            return f"{expression_text(expr.value)}.{expr.name}"
        case tree.ListExpr():
            return f"[{', '.join(expression_text(item) for item in expr.items)}]"
        case tree.Call():
            args = (
                f"{arg.name}={expression_text(arg.value)}" if arg.name else expression_text(arg.value)
                for arg in expr.args
            )
            return f"{expression_text(expr.function)}({', '.join(args)})"
    return text_of(value_of(expr))


def call_of(text: str) -> tuple[str, dict[str, Value]]:
    """The name that an application is of, and the values of its parameters.

    Raises NotAValue where it is neither a name nor a call with named values.

    >>> call_of("RandomSolarize(thresholds=0.1, p=1)")
    ('RandomSolarize', {'thresholds': 0.1, 'p': 1})
    """
    from dlspec.syntax.parser import parse_expression

    expr: tree.Expr = parse_expression(text)
    match expr:
        case tree.Name():
            return expr.name, {}
        case tree.Call(function=tree.Name(name=name)) if all(arg.name for arg in expr.args):
            return name, {arg.name or "": value_of(arg.value) for arg in expr.args}
    raise NotAValue(expr)


def described(value: object) -> str:
    """What was found, for a label.

    >>> described("x"), described((1, 2)), described(0.5)
    ('`x`', 'a list of 2', '`0.5`')
    """
    return f"a list of {len(value)}" if isinstance(value, tuple) else f"`{text_of(value)}`"

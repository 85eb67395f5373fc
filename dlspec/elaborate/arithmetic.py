"""Arithmetic of compile-time values: total, bounded, exact; open sizes stay exact too."""

from __future__ import annotations

from dlspec.elaborate.values import UNKNOWN, Fields, kind_of
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Size

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dlspec.elaborate.frame import Frame
    from dlspec.elaborate.run import Run
    from dlspec.syntax import tree

BITS = 256
"""Bits that a whole number may have; no size needs more, and powers stay small."""


class Open:
    """A comparison that depends on open sizes."""

    __slots__ = ("left", "operator", "right")

    def __init__(self, left: Any, operator: str, right: Any) -> None:
        self.left = left
        self.operator = operator
        self.right = right

    @property
    def text(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


def unary(run: Run, frame: Frame, expr: tree.Unary, value: Any) -> Any:
    """`-x` of a number, `not x` of a truth value."""
    if expr.operator == "not" and isinstance(value, bool):
        return not value
    if expr.operator == "-" and _is_number(value):
        return -value
    run.report(frame, "E0215", f"`{expr.operator}` does not work on {kind_of(value)}", expr.span, "here")
    return UNKNOWN


def logic(run: Run, frame: Frame, expr: tree.Binary, left: Any, right: Callable[[], Any]) -> Any:
    """`and`, `or`: the right side only where it counts."""
    if left is UNKNOWN:
        return UNKNOWN
    if isinstance(left, bool):
        if left is (expr.operator == "or"):
            return left
        value = right()
        if isinstance(value, bool) or value is UNKNOWN:
            return value
        left = value
    if isinstance(left, Open):
        return left
    run.report(
        frame,
        "E0215",
        f"`{expr.operator}` joins conditions",
        expr.span,
        f"{kind_of(left)} is neither true nor false",
    )
    return UNKNOWN


def binary(run: Run, frame: Frame, expr: tree.Binary, left: Any, right: Any) -> Any:
    """Arithmetic and comparison of two compile-time values."""
    operator = expr.operator
    if operator in ("==", "!="):
        return _equality(operator, left, right)
    if operator == "in":
        if isinstance(right, (list, Fields)):
            return left in right
    elif operator in ("<", "<=", ">", ">="):
        if _is_number(left) and _is_number(right):
            return _order(operator, left, right)
    elif _is_number(left) and _is_number(right):
        return _number(run, frame, expr, left, right)
    elif (operator == "+" and isinstance(left, (list, str)) and type(left) is type(right)) or (
        operator == "*" and isinstance(left, list) and type(right) is int
    ):
        return _joined(run, frame, expr, left, right)
    run.report(frame, "E0215", f"`{operator}` does not join {kind_of(left)} and {kind_of(right)}", expr.span, "here")
    return UNKNOWN


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Size)) and not isinstance(value, bool)


def _equality(operator: str, left: Any, right: Any) -> Any:
    if (isinstance(left, Size) or isinstance(right, Size)) and left != right and _is_number(left) and _is_number(right):
        return Open(left, operator, right)
    return (left == right) is (operator == "==")


def _order(operator: str, left: Any, right: Any) -> Any:
    if isinstance(left, Size) or isinstance(right, Size):
        return Open(left, operator, right)
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]


def _joined(run: Run, frame: Frame, expr: tree.Binary, left: Any, right: Any) -> Any:
    from dlspec.elaborate.builtins import LONGEST

    length = len(left) * right if type(right) is int else len(left) + len(right)
    if length > LONGEST:
        run.report(frame, "E0209", f"a list of {length:,} items", expr.span, f"a list holds at most {LONGEST:,}")
        return UNKNOWN
    return left * right if type(right) is int else left + right


def _number(run: Run, frame: Frame, expr: tree.Binary, left: Any, right: Any) -> Any:
    operator = expr.operator
    if operator in ("/", "//", "%") and right == 0:
        run.report(frame, "E0213", f"division by zero: `{expr.right.span.text}` is 0", expr.right.span, "is 0")
        return UNKNOWN
    if operator == "**" and not _small_power(left, right):
        run.report(
            frame,
            "E0209",
            "a power beyond what a size can be",
            expr.span,
            f"{kind_of(left)} to {kind_of(right)}",
        )
        return UNKNOWN
    try:
        value = _apply(operator, left, right)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        run.report(
            frame,
            "E0215",
            f"`{operator}` does not join {kind_of(left)} and {kind_of(right)}",
            expr.span,
            "here",
        )
        return UNKNOWN
    if type(value) is int and value.bit_length() > BITS:
        run.report(frame, "E0209", "a number beyond what a size can be", expr.span, f"has {value.bit_length()} bits")
        return UNKNOWN
    return value


def _apply(operator: str, left: Any, right: Any) -> Any:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "//":
            return left // right
        case "%":
            return left % right
        case "**":
            return left**right
    return _quotient(left, right)


def _quotient(left: Any, right: Any) -> Any:
    """`/` is exact where it can be: `64 / 2` is 32, so that widths stay whole numbers."""
    if isinstance(left, Size) or isinstance(right, Size):
        from dlspec.sizes import exact_quotient

        exact = exact_quotient(left, right)
        if exact is None:
            raise TypeError("not a whole number for every size")
        return exact
    if type(left) is int and type(right) is int and left % right == 0:
        return left // right
    return left / right


def _small_power(left: Any, right: Any) -> bool:
    if isinstance(left, Size) or isinstance(right, Size):
        return type(right) is int and 0 <= right <= 4
    if type(left) is int and type(right) is int:
        return abs(right) * max(abs(left).bit_length(), 1) <= BITS
    return bool(abs(right) <= 1024)

"""An answer as it is typed, read as whole numbers: `6 x 14 x 14`, `2,416`, or what leads there, `(5*5*6 + 1)*16`."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlspec.syntax import tree

    Answer = tuple[int, ...]

LARGEST = 10**18
MOST_DIGITS = 200
"""Letters of an answer that are looked at."""
SIGNS = str.maketrans({"·": "*", "×": "x", "−": "-", "⌊": "(", "⌋": ")", "＝": "="})


def read_answer(text: str, count: int) -> Answer | None:
    """The numbers of an answer, of which `count` are wanted; None where it is none.

    Of a shape the batch may stand first, and one number stands for a square field.
    """
    plain = text[:MOST_DIGITS].translate(SIGNS).strip().strip("[]")
    if count == 1:
        value = _value(_without_commas(plain))
        return None if value is None else (value,)
    parts = plain.strip("()").replace("x", " ").replace("X", " ").replace(",", " ").split()
    values = [_value(part) for part in parts if part not in ("N", "n")]
    if not values or None in values:
        return None
    return tuple(value for value in values if value is not None)


def _without_commas(text: str) -> str:
    """Thousands run together: `2,416` and `2 416`."""
    return text.replace(",", "").replace("x", "*") if not text.replace(" ", "").isdigit() else text.replace(" ", "")


def _value(text: str) -> int | None:
    """A whole number, or what a sum of numbers comes to; None for anything else."""
    from dlspec.syntax.parser import parse

    if text.isdigit():
        return int(text)
    made, problems, _ = parse(Source("answer", text), "expression", 0, len(text))
    if made is None or problems:
        return None
    value = _evaluated(made)
    return int(value) if value is not None and value == int(value) and abs(value) < LARGEST else None


def _evaluated(expr: tree.Expr) -> float | None:
    """Plain arithmetic of numbers; None where there is anything else, or a division by 0."""
    from dlspec.syntax import tree

    match expr:
        case tree.Literal(value=value) if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        case tree.Unary(operator="-", operand=operand):
            inner = _evaluated(operand)
            return None if inner is None else -inner
        case tree.Binary(operator=operator, left=left, right=right):
            one, other = _evaluated(left), _evaluated(right)
            if one is None or other is None:
                return None
            return _combined(operator, one, other)
    return None


def _combined(operator: str, one: float, other: float) -> float | None:
    if operator in ("/", "//") and not other:
        return None
    if operator == "**":
        return one**other if 0 <= other <= 8 and abs(one) < 10_000 else None
    results: dict[str, Callable[[], float]] = {
        "+": lambda: one + other,
        "-": lambda: one - other,
        "*": lambda: one * other,
        "/": lambda: one / other,
        "//": lambda: one // other,
    }
    return results[operator]() if operator in results else None

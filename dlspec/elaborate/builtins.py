"""The functions of compile-time values that every spec knows."""

from __future__ import annotations

from dlspec.elaborate.values import Builtin, Fields, FrozenStage, Stage
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

LONGEST = 100_000
"""Items that a list may have."""


class TooLong(Exception):
    """A list beyond `LONGEST`."""


def _range(*ends: int) -> list[int]:
    found = range(*ends)
    if len(found) > LONGEST:
        raise TooLong(f"`range` gives {len(found):,} items; a list holds at most {LONGEST:,}")
    return list(found)


def _items(value: Any) -> list[Any]:
    if isinstance(value, Fields):
        return list(value.values())
    if not isinstance(value, (list, tuple)):
        raise TypeError("takes a list or a record")
    return list(value)


def _least(*values: Any) -> Any:
    return min(_items(values[0]) if len(values) == 1 else values)


def _greatest(*values: Any) -> Any:
    return max(_items(values[0]) if len(values) == 1 else values)


def _sum(values: Any) -> Any:
    return sum(_items(values))


def _keys(record: Any) -> list[str]:
    if not isinstance(record, Fields):
        raise TypeError("takes a record")
    return list(record)


def _freeze(stage: Any, when: Any = True) -> Stage:
    """The stage with its weights held, where a condition holds that may stand behind it."""
    if not isinstance(stage, Stage) or not isinstance(when, bool):
        raise TypeError("takes a stage, as in `freeze(resnet50)`, and perhaps a condition: `freeze(layer, depth < 3)`")
    return FrozenStage(stage) if when else stage


def _zip(*lists: Iterable[Any]) -> list[list[Any]]:
    return [list(row) for row in zip(*map(_items, lists))]


def _round(value: float) -> int:
    return round(value)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "range": _range,
    "len": lambda value: len(_items(value)),
    "enumerate": lambda value: [[i, item] for i, item in enumerate(_items(value))],
    "reversed": lambda value: _items(value)[::-1],
    "zip": _zip,
    "keys": _keys,
    "min": _least,
    "max": _greatest,
    "sum": _sum,
    "abs": abs,
    "int": int,
    "round": _round,
    "freeze": _freeze,
}

BUILTINS: dict[str, Builtin] = {name: Builtin(name, function) for name, function in _FUNCTIONS.items()}

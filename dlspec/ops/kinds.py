"""The kinds of an operator's parameters: how a written value is read, and what to say when it is not one.

A field annotated `Pair` accepts what `KINDS["Pair"]` accepts. The same table gives the JSON Schema.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    # What a field holds once read, for the type checker; at run time an annotation is only a name.
    Count = int
    Natural = int
    Whole = int
    Number = float
    Fraction = float
    Single = tuple[int]
    Pair = tuple[int, int]
    Triple = tuple[int, int, int]
    Margin = tuple[int, ...]
    Text = str


class Wrong(Exception):
    """A value that is not of the kind; `code` tells type from range."""

    def __init__(self, wanted: str, code: str = "E0201") -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.code = code


class Kind:
    """One kind of value: its words, its reader, its JSON Schema."""

    __slots__ = ("read", "schema", "words")

    def __init__(self, words: str, read: Callable[[Any], Any], schema: dict[str, Any]) -> None:
        self.words = words
        self.read = read
        self.schema = schema


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _open(value: Any) -> bool:
    """A size that is not known yet; it is a whole number all the same."""
    return type(value).__name__ == "Size"


def integer(low: int | None, words: str) -> Callable[[Any], Any]:
    """Reads a whole number of at least `low`."""

    def read(value: Any) -> Any:
        if _open(value):
            return value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not _is_int(value):
            raise Wrong(words)
        if low is not None and value < low:
            raise Wrong(words, "E0202")
        return value

    return read


def several(length: int, low: int, words: str) -> Callable[[Any], Any]:
    """Reads one whole number for every axis, or a list with one for each."""
    one = integer(low, words)

    def read(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            if len(value) != length:
                raise Wrong(words, "E0202")
            return tuple(one(item) for item in value)
        return (one(value),) * length

    return read


def number(low: float | None, high: float | None, words: str) -> Callable[[Any], Any]:
    """Reads a number between two bounds."""

    def read(value: Any) -> Any:
        if not (_is_int(value) or isinstance(value, float)):
            raise Wrong(words)
        if (low is not None and value < low) or (high is not None and value > high):
            raise Wrong(words, "E0202")
        return value

    return read


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("`true` or `false`")
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("a string in double quotes")
    return value


def sizes(value: Any) -> Any:
    """Reads a list of sizes, open ones among them; `-1` stands for what is left."""
    if not isinstance(value, (list, tuple)):
        value = (value,)
    if not all(_is_int(item) or _open(item) for item in value):
        raise Wrong("a list of sizes")
    return tuple(value)


def scales(value: Any) -> Any:
    """Reads one factor or a list of factors."""
    items = value if isinstance(value, (list, tuple)) else (value,)
    one = number(1e-300, None, "a factor above 0, or a list of factors")
    return tuple(one(item) for item in items)


def axes(value: Any) -> Any:
    """Reads one axis or a list of axes."""
    items = value if isinstance(value, (list, tuple)) else (value,)
    if not items or not all(_is_int(item) for item in items):
        raise Wrong("an axis or a list of axes")
    return tuple(items)


def choice(*names: str) -> Kind:
    """One word of a few."""
    words = ", ".join(f'"{name}"' for name in names[:-1]) + f' or "{names[-1]}"'

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise Wrong(words)
        if value not in names:
            raise Wrong(words, "E0202")
        return value

    return Kind(words, read, {"enum": list(names)})


def optional(kind: Kind) -> Kind:
    """The kind, or `null`."""
    return Kind(
        f"{kind.words}, or `null`",
        lambda value: None if value is None else kind.read(value),
        {"anyOf": [kind.schema, {"type": "null"}]},
    )


def _lengths(length: int, low: int, noun: str) -> Kind:
    words = f"a whole number{'' if low < 0 else f' of at least {low}'}, or a list of {length} ({noun})"
    one = {"type": "integer", "minimum": low}
    several_ = {"type": "array", "items": one, "minItems": length, "maxItems": length}
    return Kind(words, several(length, low, words), {"anyOf": [one, several_]})


def _whole(low: int | None, words: str) -> Kind:
    schema = {"type": "integer"} if low is None else {"type": "integer", "minimum": low}
    return Kind(words, integer(low, words), schema)


_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

KINDS: dict[str, Kind] = {
    "Count": _whole(1, "a whole number of at least 1"),
    "Natural": _whole(0, "a whole number of at least 0"),
    "Whole": _whole(None, "a whole number"),
    "Number": Kind("a number", number(None, None, "a number"), {"type": "number"}),
    "Positive": Kind("a number above 0", number(1e-300, None, "a number above 0"), {"type": "number", "exclusiveMinimum": 0}),
    "Fraction": Kind("a number from 0 to 1", number(0, 1, "a number from 0 to 1"), {"type": "number", "minimum": 0, "maximum": 1}),
    "bool": Kind("`true` or `false`", boolean, {"type": "boolean"}),
    "Text": Kind("a string in double quotes", text, {"type": "string"}),
    "Single": _lengths(1, 1, "one for the axis"),
    "Pair": _lengths(2, 1, "height and width"),
    "Triple": _lengths(3, 1, "depth, height and width"),
    "Margin1": _lengths(1, 0, "one for the axis"),
    "Margin2": _lengths(2, 0, "height and width"),
    "Margin3": _lengths(3, 0, "depth, height and width"),
    "PaddingMode": choice(*_PADDING_MODES),
    "Sizes": Kind("a list of sizes", sizes, {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
    "Scales": Kind("a factor above 0, or a list of factors", scales, {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}]}),
    "Axes": Kind("an axis or a list of axes", axes, {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
}  # fmt: skip

"""The kinds of an operator's parameters: how a written value is read, and what to say when it is not one.

A field annotated `Pair` accepts what `KINDS["Pair"]` accepts; `Pair | None` accepts `null` too, and
`Literal["a", "b"]` one of these words. The same table gives the JSON Schema.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Size

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dlspec.sizes import Dim

    # What a field holds once read, for the type checker; at run time an annotation is only a name.
    Count = int
    Natural = int
    Whole = int
    Number = float
    Positive = float
    Fraction = float
    Scalar = float | Size
    Bound = Dim
    Lengths = tuple[int, ...]
    Single = tuple[int]
    Pair = tuple[int, int]
    Triple = tuple[int, int, int]
    Margins = tuple[int, ...]
    Margin1 = tuple[int]
    Margin2 = tuple[int, int]
    Margin3 = tuple[int, int, int]
    Paddings = str | tuple[int, ...]
    Padding1 = str | tuple[int]
    Padding2 = str | tuple[int, int]
    Padding3 = str | tuple[int, int, int]
    Outputs = tuple[Dim | None, ...]
    Output1 = tuple[Dim | None]
    Output2 = tuple[Dim | None, Dim | None]
    Output3 = tuple[Dim | None, Dim | None, Dim | None]
    PaddingMode = str
    ElementType = str
    Sizes = tuple[Dim, ...]
    Wholes = tuple[int, ...]
    Counts = tuple[int, ...]
    Numbers = tuple[float, ...]
    PerLevel = tuple[tuple[float, ...], ...]
    Sections = int | tuple[int, ...]
    Scales = float | tuple[float, ...]
    Resized = Dim | tuple[Dim, ...]
    Offsets = int | tuple[int, ...]
    Axes = tuple[int, ...]
    Text = str


class Wrong(Exception):
    """A value that is not of the kind; `code` tells type from range."""

    def __init__(self, wanted: str, code: str = "E0201") -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.code = code


class Kind:
    """One kind of value: its words, its reader, its JSON Schema.

    With `evens` one number stands for a list of equal ones, as in `kernel_size=3`.
    """

    __slots__ = ("evens", "read", "schema", "words")

    def __init__(self, words: str, read: Callable[[Any], Any], schema: dict[str, Any], evens: bool = False) -> None:
        self.words = words
        self.read = read
        self.schema = schema
        self.evens = evens


def whole(value: Any, low: int | None, words: str, *, open_too: bool = False) -> Any:
    """Reads a whole number of at least `low`; a size that only the input knows where that will do."""
    if isinstance(value, Size):
        if open_too:
            return value
        raise Wrong(words, "E0212")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Wrong(words)
    if low is not None and value < low:
        raise Wrong(words, "E0202")
    return value


def listed(value: Any, words: str, length: int | None = None) -> tuple[Any, ...]:
    """Reads a list, or one value as the list of itself, `length` times where a length is asked for."""
    if not isinstance(value, (list, tuple)):
        return (value,) * (length or 1)
    if length is not None and len(value) != length:
        raise Wrong(words, "E0202")
    return tuple(value)


def real(value: Any, words: str, low: float | None = None, high: float | None = None, above: bool = False) -> Any:
    """Reads a number between two bounds; `above` leaves the lower one out."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Wrong(words)
    too_low = low is not None and (value <= low if above else value < low)
    if too_low or (high is not None and value > high) or value != value:
        raise Wrong(words, "E0202")
    return value


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

    def read(value: Any) -> Any:
        return None if value is None else kind.read(value)

    return Kind(f"{kind.words}, or `null`", read, {"anyOf": [kind.schema, {"type": "null"}]}, kind.evens)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("`true` or `false`")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("a string in double quotes")
    return value


def _whole(low: int | None, words: str, open_too: bool = False) -> Kind:
    schema = {"type": "integer"} if low is None else {"type": "integer", "minimum": low}
    return Kind(words, lambda value: whole(value, low, words, open_too=open_too), schema)


def _several(one: Kind, length: int | None, words: str, evens: bool = True) -> Kind:
    """One value for every axis, or a list with one for each."""
    bounds = {"minItems": 1} if length is None else {"minItems": length, "maxItems": length}

    def read(value: Any) -> tuple[Any, ...]:
        items = listed(value, words, length)
        if not items:
            raise Wrong(words, "E0202")
        try:
            return tuple(one.read(item) for item in items)
        except Wrong as wrong:
            raise Wrong(words, wrong.code) from None

    schema = {"anyOf": [one.schema, {"type": "array", "items": one.schema, **bounds}]}
    return Kind(words, read, schema, evens)


def _per_axis(length: int, low: int) -> Kind:
    axes = ("", "one for the axis", "height and width", "depth, height and width")[length]
    words = f"a whole number of at least {low}, or a list of {length} ({axes})"
    return _several(_whole(low, words), length, words)


def _padding(length: int) -> Kind:
    margin = _per_axis(length, 0)
    words = f'{margin.words}, or "same" or "valid"'

    def read(value: Any) -> Any:
        if isinstance(value, str):
            if value not in ("same", "valid"):
                raise Wrong(words, "E0202")
            return value
        try:
            return margin.read(value)
        except Wrong as wrong:
            raise Wrong(words, wrong.code) from None

    return Kind(words, read, {"anyOf": [*margin.schema["anyOf"], {"enum": ["same", "valid"]}]}, evens=True)


def _output(length: int) -> Kind:
    if length == 1:
        words = "a whole number of at least 1"
        return _several(_whole(1, words, open_too=True), 1, words)
    words = f"a whole number of at least 1, or a list of {length}, in which `null` keeps a size"
    several = _several(optional(_whole(1, words, open_too=True)), length, words)

    def read(value: Any) -> Any:
        if value is None:
            raise Wrong(words)
        return several.read(value)

    one, more = several.schema["anyOf"]
    return Kind(words, read, {"anyOf": [one["anyOf"][0], more]}, evens=True)


def _per_axis_or_one(one: Kind, words: str) -> Kind:
    """One value for all axes, or a list with one for each; which it was stays known."""
    several = _several(one, None, words)

    def read(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return several.read(value)
        return one.read(value)

    return Kind(words, read, several.schema)


def _above(words: str) -> Kind:
    """A number above 0."""
    return Kind(words, lambda value: real(value, words, 0, above=True), {"type": "number", "exclusiveMinimum": 0})


def _scalar(value: Any) -> Any:
    return value if isinstance(value, Size) else real(value, "a number")


_NUMBER = {"type": "number"}
_SIZES = "a size or a list of sizes"
_OFFSETS = "a whole number of at least 0, or a list of them"
_COUNTS = "a whole number of at least 1, or a list of them"
_WHOLES = "a whole number or a list of them"
_AXES = "an axis or a list of axes"
_FACTORS = "a factor above 0, or a list of factors"
_NUMBERS = "a number or a list of numbers"
_PER_LEVEL = "a list with one or several numbers above 0 for each level"
_SECTIONS = "a whole number of at least 1, or a list of lengths"

KINDS: dict[str, Kind] = {
    "Count": _whole(1, "a whole number of at least 1"),
    "Natural": _whole(0, "a whole number of at least 0"),
    "Whole": _whole(None, "a whole number"),
    "Number": Kind("a number", lambda value: real(value, "a number"), _NUMBER),
    "Positive": Kind(
        "a number above 0", lambda value: real(value, "a number above 0", 0, above=True),
        {"type": "number", "exclusiveMinimum": 0},
    ),
    "Fraction": Kind(
        "a number from 0 to 1", lambda value: real(value, "a number from 0 to 1", 0, 1),
        {"type": "number", "minimum": 0, "maximum": 1},
    ),
    "Scalar": Kind("a number", _scalar, _NUMBER),
    "Bound": _whole(None, "a whole number", open_too=True),
    "bool": Kind("`true` or `false`", _boolean, {"type": "boolean"}),
    "Text": Kind("a string in double quotes", _text, {"type": "string"}),
    "Single": _per_axis(1, 1),
    "Pair": _per_axis(2, 1),
    "Triple": _per_axis(3, 1),
    "Margin1": _per_axis(1, 0),
    "Margin2": _per_axis(2, 0),
    "Margin3": _per_axis(3, 0),
    "Padding1": _padding(1),
    "Padding2": _padding(2),
    "Padding3": _padding(3),
    "Output1": _output(1),
    "Output2": _output(2),
    "Output3": _output(3),
    "PaddingMode": choice("zeros", "reflect", "replicate", "circular"),
    "ElementType": choice(
        "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"
    ),
    "Resized": _per_axis_or_one(_whole(1, _SIZES, open_too=True), _SIZES),
    "Offsets": _per_axis_or_one(_whole(0, _OFFSETS), _OFFSETS),
    "Sizes": _several(_whole(-1, _SIZES, open_too=True), None, _SIZES, evens=False),
    "Counts": _several(_whole(1, _COUNTS), None, _COUNTS, evens=False),
    "Wholes": _several(_whole(None, _WHOLES), None, _WHOLES, evens=False),
    "Numbers": _several(Kind(_NUMBERS, lambda value: real(value, _NUMBERS), _NUMBER), None, _NUMBERS, evens=False),
    "PerLevel": _several(_several(_above(_PER_LEVEL), None, _PER_LEVEL, evens=False), None, _PER_LEVEL, evens=False),
    "Sections": _per_axis_or_one(_whole(1, _SECTIONS), _SECTIONS),
    "Scales": _per_axis_or_one(_above(_FACTORS), _FACTORS),
    "Axes": _several(_whole(None, _AXES), None, _AXES),
}  # fmt: skip


def kind_of_annotation(annotation: str) -> Kind:
    """The kind that an annotation names; `Pair | None` is optional."""
    base, _, rest = annotation.partition("|")
    base = base.strip()
    if rest.strip() == "None":
        return optional(kind_of_annotation(base))
    if base.startswith("Literal["):
        return choice(*(name.strip(" \"'") for name in base[len("Literal[") : -1].split(",")))
    if base not in KINDS:
        raise TypeError(f"no kind of parameter is called {annotation}")
    return KINDS[base]

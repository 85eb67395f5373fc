"""Kinds of values that a plan's fields take: what a value must be, and in which range.

A field's annotation is its kind, written as a type checker reads it (`Count | None`,
`tuple[Number, ...]`, `Literal["full"]`); `kind_of` reads the same text.
"""

from __future__ import annotations

from dlspec.record import Record

Count = int
Fold = int
Whole = int
Number = float
Positive = float
NonNegative = float
Share = float
Factor = float
Flag = bool
Text = str
Word = str
Score = str
Power = int
Application = str
Offers = dict[str, str]

Value = int | float | str | bool | tuple[object, ...] | None
"""What an expression of a plan comes to."""


class Kind(Record):
    """One kind of value: its Python types, its range (`above` and `below` leave the end out), its words."""

    says: str
    types: tuple[type, ...] = ()
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    words: tuple[str, ...] = ()
    items: Kind | None = None
    length: int | None = None
    either: tuple[Kind, ...] = ()

    def has_type(self, value: object) -> bool:
        """Whether the value is of this kind but for its range."""
        if self.either:
            return any(kind.has_type(value) for kind in self.either)
        if self.items is not None:
            if not isinstance(value, tuple) or self.length not in (None, len(value)):
                return False
            return all(self.items.has_type(item) for item in value)
        if self.words:
            return isinstance(value, str) and value in self.words
        return isinstance(value, self.types) and (bool in self.types or not isinstance(value, bool))

    def has_range(self, value: object) -> bool:
        """Whether a value of the right type lies in the range."""
        if self.either:
            return any(kind.has_type(value) and kind.has_range(value) for kind in self.either)
        if self.items is not None:
            assert isinstance(value, tuple)
            return all(self.items.has_range(item) for item in value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return True
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and value - value == 0
        )

    def converted(self, value: object) -> object:
        """The value as the field holds it: a number that may have a fraction is a float."""
        if self.either:
            return next(kind for kind in self.either if kind.has_type(value)).converted(value)
        if self.items is not None:
            assert isinstance(value, tuple)
            return tuple(self.items.converted(item) for item in value)
        return float(value) if float in self.types and isinstance(value, int) else value


KINDS: dict[str, Kind] = {
    "Count": Kind("a whole number from 1", (int,), low=1),
    "Fold": Kind("a whole number from 2", (int,), low=2),
    "Whole": Kind("a whole number from 0", (int,), low=0),
    "Number": Kind("a number", (int, float)),
    "Positive": Kind("a number above 0", (int, float), above=0),
    "NonNegative": Kind("a number from 0", (int, float), low=0),
    "Share": Kind("a number from 0 to 1", (int, float), low=0, high=1),
    "Factor": Kind("a number from 0 up to, but not, 1", (int, float), low=0, below=1),
    "Flag": Kind("`true` or `false`", (bool,)),
    "Text": Kind("a text", (str,)),
    "Word": Kind("a name", (str,)),
    "Score": Kind("a split and a metric, such as `val.accuracy`", (str,)),
    "Application": Kind("a name, or one with its parameters, as in `lenet(classes=10)`", (str,)),
    "Power": Kind("1 or 2", (int,), low=1, high=2),
    "None": Kind("`null`", (type(None),)),
}

_READ: dict[str, Kind] = dict(KINDS)


def kind_of(annotation: str) -> Kind | None:
    """The kind that an annotation names; None for a section or a member of a catalogue."""
    if annotation not in _READ:
        kind = _read(annotation)
        if kind is None:
            return None
        _READ[annotation] = kind
    return _READ[annotation]


def _read(annotation: str) -> Kind | None:
    if annotation.startswith("Literal[") and annotation.endswith("]") and "|" not in annotation:
        words = tuple(word.strip(" \"'") for word in annotation[8:-1].split(","))
        return Kind(_either([f"`{word}`" for word in words]), words=words)
    if " | " in annotation:
        kinds = [kind_of(part) for part in annotation.split(" | ")]
        known = tuple(kind for kind in kinds if kind is not None)
        said = [kind.says for kind in known if type(None) not in kind.types]
        return Kind(_either(said), either=known) if len(known) == len(kinds) else None
    if annotation.startswith("tuple["):
        first, *more = annotation[6:-1].split(", ")
        items, length = kind_of(first), None if more == ["..."] else 1 + len(more)
        says = f"a list of {length or 'any length'}, each item"
        return Kind(f"{says} {items.says}", items=items, length=length) if items else None
    return None


def _either(words: list[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last

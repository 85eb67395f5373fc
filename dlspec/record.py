"""Records: classes of annotated fields with slots, built in microseconds and defined in less.

`dataclasses` would do the same and costs 15 ms to import, a tenth of what a check may take.
A field named `span` or listed in `_aside` takes no part in equality.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, dataclass_transform
else:

    def dataclass_transform(**_):
        return lambda item: item


class _RecordType(type):
    """Turns the annotations of a class body into slots and remembers their order and defaults."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _RecordType:
        own = [
            field
            for field, annotation in body.get("__annotations__", {}).items()
            if not field.startswith("_") and not str(annotation).startswith("ClassVar")
        ]
        defaults = {field: body.pop(field) for field in own if field in body}
        inherited = next((base for base in bases if isinstance(base, _RecordType)), None)
        body["__slots__"] = tuple(own)
        made = super().__new__(mcs, name, bases, body)
        made._fields = (inherited._fields if inherited else ()) + tuple(own)
        made._defaults = {**(inherited._defaults if inherited else {}), **defaults}
        made._compared = tuple(f for f in made._fields if f != "span" and f not in made._aside)
        return made

    _fields: tuple[str, ...]
    _defaults: dict[str, Any]
    _compared: tuple[str, ...]
    _aside: tuple[str, ...] = ()


@dataclass_transform(eq_default=True)
class Record(metaclass=_RecordType):
    """Equality and `repr` by fields; mutable, so that a pass may fill in what a later pass needs."""

    _fields: ClassVar[tuple[str, ...]]
    _defaults: ClassVar[dict[str, Any]]
    _compared: ClassVar[tuple[str, ...]]
    _aside: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = self._fields
        for field, value in zip(fields, values):
            setattr(self, field, value)
        if len(values) == len(fields) and not named:
            return
        if len(values) > len(fields):
            raise TypeError(f"{type(self).__name__} takes {len(fields)} values, got {len(values)}")
        for field in fields[len(values) :]:
            if field in named:
                setattr(self, field, named.pop(field))
            elif field in self._defaults:
                default = self._defaults[field]
                # What may be filled is each record's own.
                setattr(self, field, default.copy() if default.__class__ in (list, dict, set) else default)
            else:
                raise TypeError(f"{type(self).__name__} misses {field!r}")
        if named:
            raise TypeError(f"{type(self).__name__} has no field {next(iter(named))!r}")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in self._compared)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        inner = ", ".join(f"{field}={getattr(self, field)!r}" for field in self._compared)
        return f"{type(self).__name__}({inner})"

"""Facts: a class body of annotated fields, a sentence under each, from which the rest is derived.

A loss, a metric, an optimizer, a schedule, an augmentation, a data source and each section of a
plan is one such class. Reading with its checks, writing, near names and the reference follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dlspec.plan.kinds import Kind, kind_of
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from typing import Any, ClassVar, dataclass_transform

    from dlspec.source import Span
else:

    def dataclass_transform(**_):
        return lambda item: item


def spelt(class_name: str) -> str:
    """The spelling of a class in a spec.

    >>> spelt("SmoothL1"), spelt("TopKAccuracy")
    ('smooth_l1', 'top_k_accuracy')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()


@dataclass_transform(eq_default=True, kw_only_default=True)
class Facts(Record):
    """What all of them are: fields by name, and where each was written."""

    span: Span | None = None
    spans: dict[str, Span] | None = None

    _aside = ("spans", "title_span")
    name: ClassVar[str]
    apart: ClassVar[tuple[str, ...]] = ("span", "spans")
    """What is remembered beside the fields that a user writes."""
    closing: ClassVar[tuple[str, ...]] = ()
    """Fields that all of a family have and that come after a member's own."""

    def __init_subclass__(cls) -> None:
        cls.name = spelt(cls.__name__)

    def values(self) -> Iterator[tuple[str, Any]]:
        """Each field with its value, in the order of the class body."""
        return ((field, getattr(self, field)) for field in fields(type(self)))

    def at(self, field: str) -> Span | None:
        """Where the field was written; where the whole was, if it was left out."""
        return (self.spans or {}).get(field) or self.span


class Family(Facts):
    """A catalogue: every class defined under it is in it."""

    members: ClassVar[dict[str, type[Facts]]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if Family in cls.__bases__:
            cls.members = {}
        else:
            cls.members[cls.name] = cls


def fields(facts: type[Facts]) -> tuple[str, ...]:
    """The names of the fields that a user writes, in the order in which they may be given."""
    own = tuple(field for field in facts._fields if field not in facts.apart and field not in facts.closing)
    return own + facts.closing


def annotation(facts: type[Facts], field: str) -> str:
    """The annotation of a field as it is written in the class body."""
    for owner in facts.__mro__:
        written = vars(owner).get("__annotations__", {})
        if field in written:
            return str(written[field])
    raise KeyError(field)


def listed_in(annotation: str) -> str | None:
    """What a list holds: `Metric` for `tuple[Metric, ...]`; None where an annotation is no such list."""
    if annotation.startswith("tuple[") and annotation.endswith(", ...]"):
        return annotation[6:-6]
    return None


def kind(facts: type[Facts], field: str) -> Kind | None:
    """The kind of a field; None where it is a section or a member of a catalogue."""
    return kind_of(annotation(facts, field))


def has_default(facts: type[Facts], field: str) -> bool:
    return field in facts._defaults


def sentences(facts: type[Facts]) -> dict[str, str]:
    """The sentence under each field, read from the source on demand: the hover and the reference."""
    import ast
    import inspect
    import textwrap

    found: dict[str, str] = {}
    for owner in reversed([base for base in facts.__mro__ if issubclass(base, Facts) and base is not Facts]):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str() as sentence)),
                ):
                    found[name] = " ".join(sentence.split())
    return {field: found.get(field, "") for field in fields(facts)}

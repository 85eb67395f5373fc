"""What an expression can stand for while a spec is unfolded."""

from __future__ import annotations

from dlspec.graph import Tensor
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from dlspec.elaborate.files import FileScope
    from dlspec.elaborate.frame import Frame
    from dlspec.ops.op import Op
    from dlspec.source import Span
    from dlspec.syntax import tree


class Unknown:
    """The value of what was wrong; whatever is made of it is unknown too, and nothing more is said."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


class Fields(dict):  # type: ignore[type-arg]  # name to value
    """A record: `{c2, c3}`."""


class Stage:
    """Something that can be applied to tensors."""

    __slots__ = ()


class OpStage(Stage):
    """An operator of the catalogue."""

    __slots__ = ("op",)

    def __init__(self, op: type[Op]) -> None:
        self.op = op


class BlockStage(Stage):
    """A block, with the file whose names its body sees."""

    __slots__ = ("definition", "file")

    def __init__(self, definition: tree.Block, file: FileScope) -> None:
        self.definition = definition
        self.file = file


class NetworkStage(Stage):
    """A network, perhaps with some parameters given, perhaps only up to some of its nodes."""

    __slots__ = ("definition", "file", "given", "upto")

    def __init__(
        self, definition: tree.Network, file: FileScope, given: dict[str, Any], upto: tuple[str, ...] = ()
    ) -> None:
        self.definition = definition
        self.file = file
        self.given = given
        self.upto = upto


class ForeignStage(Stage):
    """A user's own `nn.Module`, known by what the spec declares of it."""

    __slots__ = ("definition", "file")

    def __init__(self, definition: tree.Foreign, file: FileScope) -> None:
        self.definition = definition
        self.file = file


class Partial(Stage):
    """A stage with its arguments, waiting for its tensors: `conv2d(64, 3)`."""

    __slots__ = ("args", "call", "named", "spans", "stage")

    def __init__(
        self, stage: Stage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans, call: tree.Expr
    ) -> None:
        self.stage = stage
        self.args = args
        self.named = named
        self.spans = spans
        self.call = call


class GroupStage(Stage):
    """A group, with the frame that its steps see."""

    __slots__ = ("frame", "steps", "tree")

    def __init__(self, group: tree.Group | tree.Pipe, frame: Frame) -> None:
        self.tree = group
        self.steps = group.steps
        self.frame = frame


class RepeatStage(Stage):
    """A stage some times over, a copy each."""

    __slots__ = ("call", "count", "stage")

    def __init__(self, stage: Stage, count: int, call: tree.Expr) -> None:
        self.stage = stage
        self.count = count
        self.call = call


class FrozenStage(Stage):
    """A stage whose weights are not trained."""

    __slots__ = ("stage",)

    def __init__(self, stage: Stage) -> None:
        self.stage = stage


class SharedStage(Stage):
    """`module head = …`: made once, at its first use; the same weights at every use."""

    __slots__ = ("frame", "label", "made", "span", "stage", "uses")

    def __init__(self, label: str, stage: Stage, frame: Frame, span: Span) -> None:
        self.label = label
        self.stage = stage
        self.frame = frame
        self.span = span
        self.made: Any = None
        self.uses = 0


class Builtin:
    """A function of compile-time values: `range`, `len` …"""

    __slots__ = ("function", "name")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function


class ArgumentSpans:
    """Where the arguments of a call stand, to point at."""

    __slots__ = ("call", "named", "positional")

    def __init__(self, call: Span, positional: list[Span], named: dict[str, Span]) -> None:
        self.call = call
        self.positional = positional
        self.named = named


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in a value, through lists and records."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, Fields):
        for item in value.values():
            yield from tensors_in(item)


def holds_tensor(value: Any) -> bool:
    return next(tensors_in(value), None) is not None


def is_unknown(value: Any) -> bool:
    """Whether any part of a value is unknown."""
    if isinstance(value, (list, tuple)):
        return any(map(is_unknown, value))
    if isinstance(value, Fields):
        return any(map(is_unknown, value.values()))
    return value is UNKNOWN


def kind_of(value: Any) -> str:
    """What a value is, in words."""
    if isinstance(value, Tensor):
        return "a tensor"
    if isinstance(value, Stage):
        return "a stage"
    if isinstance(value, Fields):
        return "a record"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the string "{value}"'
    if isinstance(value, list):
        return "a list"
    if isinstance(value, Builtin):
        return f"the function `{value.name}`"
    if value is None:
        return "`null`"
    return "an open size"

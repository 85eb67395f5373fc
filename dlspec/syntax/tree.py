"""The tree that both spellings end in: what was written, with a span on every node.

Spans and comments take no part in equality, so that "the round trip is the identity on the
tree" can be asked with `==`.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from dlspec.source import Span


class Node(Record):
    """Anything written: it knows where."""

    span: Span


# Expressions


class Literal(Node):
    """`64`, `1e-3`, `"text"`, `true`, `null`."""

    value: int | float | str | bool | None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and (type(self.value), self.value) == (
            type(other.value),
            other.value,
        )

    __hash__ = object.__hash__


class Name(Node):
    """A name to be looked up."""

    name: str


class ListExpr(Node):
    """`[a, b, c]`."""

    items: tuple[Expr, ...]


class Loop(Node):
    """`for targets in iterable` of a list."""

    targets: tuple[str, ...]
    iterable: Expr


class Comprehension(Node):
    """`[item for targets in iterable if condition]`; of several loops the last goes round fastest."""

    item: Expr
    loops: tuple[Loop, ...]
    condition: Expr | None


class RecordExpr(Node):
    """`{c2, c3 = x}`: values by name, in order."""

    fields: tuple[tuple[str, Expr], ...]


class Arg(Node):
    """An argument of a call, by position (`name` is None) or by name."""

    name: str | None
    value: Expr


class Call(Node):
    """`function(args)`."""

    function: Expr
    args: tuple[Arg, ...]


class Attribute(Node):
    """`value.name`."""

    value: Expr
    name: str


class Select(Node):
    """`value.{a, b}`: several named parts at once, as a record."""

    value: Expr
    names: tuple[str, ...]


class Slice(Node):
    """`start:stop` inside an index; either may be left out."""

    start: Expr | None
    stop: Expr | None


class Index(Node):
    """`value[indices]`."""

    value: Expr
    indices: tuple[Expr | Slice, ...]


class Unary(Node):
    """`-x` or `not x`."""

    operator: str
    operand: Expr


class Binary(Node):
    """`left operator right`: arithmetic, comparison, `and`, `or`, `in`, and repeats (`unit * 3`)."""

    operator: str
    left: Expr
    right: Expr


class IfExpr(Node):
    """`then if test else orelse`."""

    test: Expr
    then: Expr
    orelse: Expr


class Pipe(Node):
    """`source -> step -> step`; the first item is what flows in."""

    steps: tuple[Expr, ...]


class Group(Node):
    """`{ step -> step }`: a stage of its own, its unlabelled steps numbered."""

    steps: tuple[Expr, ...]


class LabelName(Node):
    """A label, `conv1` or `layer_{i}`: text and computed parts in turn."""

    parts: tuple[str | Expr, ...]

    @property
    def plain(self) -> str | None:
        """The label where nothing of it is computed."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], str) else None


class Labelled(Node):
    """`label: value`."""

    label: LabelName
    value: Expr


class RangeExpr(Node):
    """`64..1024`, both ends included; only in what an input declares."""

    low: Expr
    high: Expr


class TensorType(Node):
    """`float32[N, 3, H, W]`; `boxes[M]` too."""

    dtype: str
    axes: tuple[Expr, ...]


class ListType(Node):
    """`list[float32[3, h, w]]`: one tensor per image."""

    element: TypeExpr


Expr = (
    Literal | Name | ListExpr | Comprehension | RecordExpr | Call | Attribute | Select | Index | Unary | Binary
    | IfExpr | Pipe | Group | Labelled | RangeExpr
)  # fmt: skip
TypeExpr = TensorType | ListType


# Statements


class Statement(Node):
    """A line of a body, of a plan, or of a file."""


class Broken(Statement):
    """What could not be read; its mistake is reported, and what holds it is not judged further."""


class Assign(Statement):
    """`name = value`, or `a, b = value` which takes a list or several results apart."""

    targets: tuple[str, ...]
    value: Expr


class Evaluate(Statement):
    """An expression on its own; the last one of a block is what the block gives."""

    value: Expr


class Input(Statement):
    """`input image: float32[N, 3, H, W] where H % 32 == 0 when training`."""

    name: str
    type: TypeExpr
    where: tuple[Expr, ...]
    training: bool


class Output(Statement):
    """`output logits = value if condition when training`; without a value, the stage of that name."""

    name: str
    value: Expr | None
    condition: Expr | None
    training: bool


class Module(Statement):
    """`module head = box_head(256)`: one module, used wherever `head` is applied."""

    name: str
    value: Expr


class Learned(Statement):
    """`parameter token: [1, 1, dim] = zeros`, or `buffer`."""

    kind: str
    name: str
    shape: tuple[Expr, ...]
    start: Expr


class If(Statement):
    """`if test { … } else { … }`, decided at compile time (`if training { … }` makes two graphs)."""

    test: Expr
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...]


class For(Statement):
    """`for i, x in iterable { … }`, unrolled at compile time."""

    targets: tuple[str, ...]
    iterable: Expr
    body: tuple[Statement, ...]


class Allow(Statement):
    """`allow double_softmax: "distilling from probabilities"`; the reason is part of the report."""

    lint: str
    reason: str


class Limits(Statement):
    """`limits { parameters = 30M }`: budgets that a check holds the network to."""

    section: Section


# Plans: keys and values


class Entry(Statement):
    """`key = value` or `key { … }`; a value, or a section of further entries."""

    key: str
    key_span: Span
    value: Expr | Section

    _aside = ("key_span",)


class Section(Node):
    """Entries in order."""

    entries: tuple[Entry, ...]

    def get(self, key: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)


class BrokenSection(Section):
    """A section of which an entry could not be read: what is missing may stand there."""


# A file


class Param(Node):
    """A parameter of a block or network, with its default where it has one."""

    name: str
    default: Expr | None


class Definition(Statement):
    """Something named at the top of a file; `name_span` is where the name stands."""

    _aside = ("name_span",)
    name: str
    name_span: Span


class Import(Statement):
    """`import basic, stage from "blocks.dls"`."""

    names: tuple[tuple[str, Span], ...]
    path: str
    path_span: Span

    _aside = ("path_span",)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Import)
            and self.path == other.path
            and [name for name, _ in self.names] == [name for name, _ in other.names]
        )

    __hash__ = object.__hash__


class Constant(Statement):
    """`widths = [64, 128]` at the top of a file."""

    name: str
    value: Expr


class Block(Definition):
    """`block name(x, width, stride = 1) { … }`."""

    params: tuple[Param, ...]
    body: tuple[Statement, ...]


class Network(Definition):
    """`network name(classes = 10) { … }`."""

    params: tuple[Param, ...]
    body: tuple[Statement, ...]


class Alias(Definition):
    """`network resnet18 = resnet(basic, [2, 2, 2, 2])`."""

    value: Expr


class Foreign(Definition):
    """`foreign attention(heads = 8) = "package.module:Class" takes [N, T, C] gives [N, T, C]`.

    A user's own `nn.Module`: what it is built with, the axes of each input and of the result.
    """

    params: tuple[Param, ...]
    takes: tuple[tuple[Expr, ...], ...]
    path: str
    gives: tuple[Expr, ...]


class Plan(Definition):
    """`plan digits { … }`."""

    section: Section


class Comment(Node):
    """`# text`; `alone` where nothing else stands on its line."""

    text: str
    alone: bool


class File(Node):
    """A whole file: its items in order, and every comment of it."""

    _aside = ("comments",)
    items: tuple[Statement, ...]
    comments: tuple[Comment, ...]

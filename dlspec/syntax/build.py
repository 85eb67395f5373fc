"""What each rule of the grammar becomes in the tree; a function a rule, by the rule's name."""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Diagnostic, problem
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source, Span
from dlspec.syntax import tree
from dlspec.syntax.literals import bounded, number, unquoted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dlspec.syntax.lexer import Token


class Builder:
    """What the functions below need beside their children: the source, and a place for problems."""

    __slots__ = ("problems", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Diagnostic] = []

    def span(self, token: Token) -> Span:
        return Span(self.source, token.start, token.end)

    def text(self, token: Token) -> str:
        """The text that a string stands for."""
        try:
            return unquoted(token.text)
        except UnicodeDecodeError:
            message = "an escape is half of a surrogate pair"
            self.problems.append(problem("E0102", message, self.span(token), "holds no whole character"))
            return ""


BUILDERS: dict[str, Callable[[Builder, list[Any], Span], Any]] = {}


def builds(*rules: str) -> Callable[[Callable[[Builder, list[Any], Span], Any]], Callable[..., Any]]:
    """Register a function for rules by name."""

    def register(function: Callable[[Builder, list[Any], Span], Any]) -> Callable[..., Any]:
        for rule in rules:
            BUILDERS[rule] = function
        return function

    return register


def _present(children: list[Any]) -> tuple[Any, ...]:
    return tuple(child for child in children if child is not None)


# Words and leaves


@builds("name", "key", "import_name", "argument_name", "when", "part")
def _token(b: Builder, children: list[Any], span: Span) -> Any:
    return children[0]


@builds("variable")
def _variable(b: Builder, children: list[Any], span: Span) -> tree.Name:
    return tree.Name(span, children[0].text)


@builds("number")
def _number(b: Builder, children: list[Any], span: Span) -> tree.Literal:
    return tree.Literal(span, bounded(children[0].text, number, span, b.problems))


@builds("string")
def _string(b: Builder, children: list[Any], span: Span) -> tree.Literal:
    return tree.Literal(span, b.text(children[0]))


@builds("true")
def _true(b: Builder, children: list[Any], span: Span) -> tree.Literal:
    return tree.Literal(span, True)


@builds("false")
def _false(b: Builder, children: list[Any], span: Span) -> tree.Literal:
    return tree.Literal(span, False)


@builds("null")
def _null(b: Builder, children: list[Any], span: Span) -> tree.Literal:
    return tree.Literal(span, None)


@builds("label")
def _label(b: Builder, children: list[Any], span: Span) -> tree.LabelName:
    return label_name(b, span)


_LABEL_PART = re.compile(r"\{([^{}]*)\}|[^{}]+")


def label_name(b: Builder, span: Span) -> tree.LabelName:
    """A label's text and computed parts; `span` lies where it is written as it is, or within quotes."""
    parts: list[str | tree.Expr] = []
    quotes = b.source.text.startswith('"', span.start)
    for match in _LABEL_PART.finditer(b.source.text, span.start + quotes, span.end - quotes):
        if match.group(1) is None:
            parts.append(match.group())
            continue
        from dlspec.syntax.parser import parse

        expression, problems, _ = parse(b.source, "expression", match.start(1), match.end(1))
        b.problems += problems
        parts.append(expression if expression is not None else "_")
    return tree.LabelName(span, tuple(parts))


# Expressions


@builds("binary")
def _binary(b: Builder, children: list[Any], span: Span) -> tree.Binary:
    left, operator, right = children
    return tree.Binary(span, operator.text, left, right)


@builds("not_in")
def _not_in(b: Builder, children: list[Any], span: Span) -> tree.Unary:
    left, _, operator, right = children
    return tree.Unary(span, "not", tree.Binary(span, operator.text, left, right))


@builds("unary")
def _unary(b: Builder, children: list[Any], span: Span) -> tree.Expr:
    operator, operand = children
    if operator.text == "-" and isinstance(operand, tree.Literal) and type(operand.value) in (int, float):
        return tree.Literal(span, -operand.value)  # type: ignore[operator]  # checked on the line above
    return tree.Unary(span, operator.text, operand)


@builds("range")
def _range(b: Builder, children: list[Any], span: Span) -> tree.RangeExpr:
    return tree.RangeExpr(span, *children)


@builds("if_expr")
def _if_expr(b: Builder, children: list[Any], span: Span) -> tree.IfExpr:
    then, test, orelse = children
    return tree.IfExpr(span, test, then, orelse)


@builds("pipe")
def _pipe(b: Builder, children: list[Any], span: Span) -> tree.Pipe:
    return tree.Pipe(span, tuple(children))


@builds("group")
def _group(b: Builder, children: list[Any], span: Span) -> tree.Group:
    return tree.Group(span, tuple(children))


@builds("labelled")
def _labelled(b: Builder, children: list[Any], span: Span) -> tree.Labelled:
    return tree.Labelled(span, *children)


@builds("args")
def _args(b: Builder, children: list[Any], span: Span) -> tuple[tree.Arg, ...]:
    return _present(children)


@builds("arg")
def _arg(b: Builder, children: list[Any], span: Span) -> tree.Arg:
    return tree.Arg(span, None, children[0])


@builds("named_arg")
def _named_arg(b: Builder, children: list[Any], span: Span) -> tree.Arg:
    return tree.Arg(span, children[0].text, children[1])


@builds("call")
def _call(b: Builder, children: list[Any], span: Span) -> tree.Call:
    return tree.Call(span, children[0], children[1] or ())


@builds("attribute")
def _attribute(b: Builder, children: list[Any], span: Span) -> tree.Expr:
    value: tree.Expr = children[0]
    part: Token = children[1]
    for name in part.text.split("."):
        value = tree.Attribute(span, value, name)
    return value


@builds("select")
def _select(b: Builder, children: list[Any], span: Span) -> tree.Select:
    return tree.Select(span, children[0], tuple(token.text for token in _present(children[1:])))


@builds("index")
def _index(b: Builder, children: list[Any], span: Span) -> tree.Index:
    return tree.Index(span, children[0], tuple(children[1:]))


@builds("slice_start", "slice_stop")
def _slice_end(b: Builder, children: list[Any], span: Span) -> Any:
    return children[0]


@builds("slice")
def _slice(b: Builder, children: list[Any], span: Span) -> tree.Slice:
    return tree.Slice(span, *children)


@builds("list")
def _list(b: Builder, children: list[Any], span: Span) -> tree.ListExpr:
    return tree.ListExpr(span, _present(children))


@builds("comprehension")
def _comprehension(b: Builder, children: list[Any], span: Span) -> tree.Comprehension:
    item, *loops, condition = children
    return tree.Comprehension(span, item, tuple(loops), condition)


@builds("loop")
def _loop(b: Builder, children: list[Any], span: Span) -> tree.Loop:
    return tree.Loop(span, *children)


@builds("short_field")
def _short_field(b: Builder, children: list[Any], span: Span) -> tuple[str, tree.Expr]:
    return children[0].text, tree.Name(span, children[0].text)


@builds("field")
def _field(b: Builder, children: list[Any], span: Span) -> tuple[str, tree.Expr]:
    return children[0].text, children[1]


@builds("record")
def _record(b: Builder, children: list[Any], span: Span) -> tree.RecordExpr:
    return tree.RecordExpr(span, _present(children))


# Types


@builds("type")
def _type(b: Builder, children: list[Any], span: Span) -> tree.TypeExpr:
    name, axes = children[0], _present(children[1:])
    if name.text == "list":
        return _list_type(b, axes, span)
    return tree.TensorType(span, name.text, axes)


def _list_type(b: Builder, axes: tuple[tree.Expr, ...], span: Span) -> tree.TypeExpr:
    element = axes[0] if len(axes) == 1 else None
    if isinstance(element, tree.Index) and isinstance(element.value, tree.Name):
        inner = tuple(axis for axis in element.indices if not isinstance(axis, tree.Slice))
        return tree.ListType(span, tree.TensorType(element.span, element.value.name, inner))
    b.problems.append(problem("E0106", "`list` holds a tensor type", span, "write `list[float32[3, h, w]]`"))
    return tree.ListType(span, tree.TensorType(span, "float32", ()))


@builds("declared_type")
def _declared_type(b: Builder, children: list[Any], span: Span) -> tuple[tree.TypeExpr, tuple[tree.Expr, ...]]:
    return children[0], _present(children[1:])


@builds("axes")
def _axes(b: Builder, children: list[Any], span: Span) -> tuple[tree.Expr, ...]:
    return _present(children)


# Leaves of a YAML file


@builds("leaf_type")
def _leaf_type(b: Builder, children: list[Any], span: Span) -> tuple[tree.TypeExpr, tuple[tree.Expr, ...], bool]:
    (declared, where), when = children
    return declared, where, _when(b, when)


@builds("leaf_learned")
def _leaf_learned(b: Builder, children: list[Any], span: Span) -> tuple[tuple[tree.Expr, ...], tree.Expr]:
    axes, start = children
    return axes, start or tree.Name(span, "zeros")


@builds("leaf_loop")
def _leaf_loop(b: Builder, children: list[Any], span: Span) -> tuple[tuple[str, ...], tree.Expr]:
    targets, iterable = children
    return targets, iterable


# Statements


@builds("body")
def _body(b: Builder, children: list[Any], span: Span) -> tuple[tree.Statement, ...]:
    return _present(children)


@builds("evaluate")
def _evaluate(b: Builder, children: list[Any], span: Span) -> tree.Evaluate:
    return tree.Evaluate(span, children[0])


@builds("targets")
def _targets(b: Builder, children: list[Any], span: Span) -> tuple[str, ...]:
    return tuple(token.text for token in _present(children))


@builds("assign")
def _assign(b: Builder, children: list[Any], span: Span) -> tree.Assign:
    return tree.Assign(span, *children)


def _plain(b: Builder, label: tree.LabelName) -> str:
    """A name that must be written out: an input, a learned tensor, a lint."""
    from dlspec.syntax.lexer import RESERVED

    name = label.plain or "_"
    if label.plain is None or not name.isidentifier():
        b.problems.append(problem("E0106", "this name cannot be computed", label.span, "write a plain name"))
    elif name in RESERVED:
        b.problems.append(problem("E0114", f"`{name}` is a word of the language", label.span, "cannot be a name"))
    return name


def _when(b: Builder, token: Token | None) -> bool:
    if token is not None and token.text != "training":
        b.problems.append(
            problem("E0106", f"`when {token.text}` is not known", b.span(token), "only `when training` is")
        )
    return token is not None


@builds("input")
def _input(b: Builder, children: list[Any], span: Span) -> tree.Input:
    label, (declared, where), when = children
    return tree.Input(span, _plain(b, label), declared, where, _when(b, when))


@builds("output")
def _output(b: Builder, children: list[Any], span: Span) -> tree.Output:
    name, *rest = children
    value, when = rest if len(rest) == 2 else (None, rest[0])
    return tree.Output(span, name.text, value, None, _when(b, when))


@builds("output_if")
def _output_if(b: Builder, children: list[Any], span: Span) -> tree.Output:
    name, value, condition, when = children
    return tree.Output(span, name.text, value, condition, _when(b, when))


@builds("module")
def _module(b: Builder, children: list[Any], span: Span) -> tree.Module:
    return tree.Module(span, children[0].text, children[1])


@builds("learned")
def _learned(b: Builder, children: list[Any], span: Span) -> tree.Learned:
    kind, label, axes, start = children
    return tree.Learned(span, kind.text, _plain(b, label), axes, start or tree.Name(span, "zeros"))


@builds("if_statement")
def _if(b: Builder, children: list[Any], span: Span) -> tree.If:
    test, body, orelse = children
    if isinstance(orelse, tree.If):
        orelse = (orelse,)
    return tree.If(span, test, body or (), orelse or ())


@builds("for_statement")
def _for(b: Builder, children: list[Any], span: Span) -> tree.For:
    return tree.For(span, *children)


@builds("allow")
def _allow(b: Builder, children: list[Any], span: Span) -> tree.Allow:
    label, reason = children
    return tree.Allow(span, _plain(b, label).replace("_", "-"), b.text(reason))


@builds("limits")
def _limits(b: Builder, children: list[Any], span: Span) -> tree.Limits:
    return tree.Limits(span, children[0])


# Plans


@builds("entry")
def _entry(b: Builder, children: list[Any], span: Span) -> tree.Entry:
    key, value = children
    text = b.text(key) if key.kind == "STRING" else key.text
    if text in TEXTS:
        _refuse_expressions(b, text, value)
    elif text == "op":
        message, note = "`op` is no key of a plan", "in YAML it is the long form of a call"
        b.problems.append(problem("E0105", message, b.span(key), "not a key", notes=[note]))
    return tree.Entry(span, text, b.span(key), value)


TEXTS = ("allow", "description")
"""Keys of a plan whose values are text, in YAML without the quotes of the language."""


def _refuse_expressions(b: Builder, key: str, value: tree.Expr | tree.Section) -> None:
    if isinstance(value, tree.Section):
        for entry in value.entries:
            _refuse_expressions(b, key, entry.value)
    elif not (isinstance(value, tree.Literal) and isinstance(value.value, str)):
        b.problems.append(problem("E0106", f"`{key}` holds text", value.span, "not in quotes"))


@builds("section")
def _section(b: Builder, children: list[Any], span: Span) -> tree.Section:
    entries = tuple(child for child in children if isinstance(child, tree.Entry))  # separators fall away
    refuse_repeated(b.problems, "E0104", "key", [(entry.key, entry.key_span) for entry in entries])
    made = tree.BrokenSection if any(isinstance(child, tree.Broken) for child in children) else tree.Section
    return made(span, entries)


def refuse_repeated(problems: list[Diagnostic], code: str, what: str, named: list[tuple[str, Span]]) -> None:
    """Say of each name that stands twice where it stood first."""
    seen: dict[str, Span] = {}
    for name, span in named:
        first = seen.setdefault(name, span)
        if first is not span:
            also = [(first, "first here")]
            problems.append(problem(code, f"the {what} `{name}` stands twice", span, "again here", also=also))


# A file


@builds("params")
def _params(b: Builder, children: list[Any], span: Span) -> tuple[tree.Param, ...]:
    params: tuple[tree.Param, ...] = _present(children)
    refuse_repeated(b.problems, "E0113", "parameter", [(param.name, param.span) for param in params])
    return params


@builds("param")
def _param(b: Builder, children: list[Any], span: Span) -> tree.Param:
    return tree.Param(span, children[0].text, children[1])


@builds("import")
def _import(b: Builder, children: list[Any], span: Span) -> tree.Import:
    *names, path = _present(children)
    found = tuple((name.text, b.span(name)) for name in names)
    return tree.Import(span, found, b.text(path), b.span(path))


@builds("constant")
def _constant(b: Builder, children: list[Any], span: Span) -> tree.Constant:
    return tree.Constant(span, children[0].text, children[1])


@builds("block")
def _block(b: Builder, children: list[Any], span: Span) -> tree.Block:
    name, params, body = children
    return tree.Block(span, name.text, b.span(name), params or (), body or ())


@builds("network")
def _network(b: Builder, children: list[Any], span: Span) -> tree.Network:
    name, params, body = children
    return tree.Network(span, name.text, b.span(name), params or (), body or ())


@builds("alias")
def _alias(b: Builder, children: list[Any], span: Span) -> tree.Alias:
    return tree.Alias(span, children[0].text, b.span(children[0]), children[1])


@builds("foreign")
def _foreign(b: Builder, children: list[Any], span: Span) -> tree.Foreign:
    name, params, path, *axes = children
    *takes, gives = _present(axes)
    return tree.Foreign(
        span, name.text, b.span(name), params or (), tuple(takes), b.text(path), gives
    )  # fmt: skip


@builds("plan")
def _plan(b: Builder, children: list[Any], span: Span) -> tree.Plan:
    name, section = children
    return tree.Plan(span, name.text, b.span(name), section)


@builds("start")
def _start(b: Builder, children: list[Any], span: Span) -> tuple[tree.Statement, ...]:
    return _present(children)

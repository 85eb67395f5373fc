"""Random trees, as hypothesis strategies: everything that either spelling can say."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from dlspec.source import Source, Span
from dlspec.syntax import tree

NOWHERE = Source("made", "").span(0, 0)


def spot() -> Span:
    return NOWHERE


# Names that begin a statement, that YAML or the lexer might read as something else, and plain ones.
NAMES = (
    "x", "y", "image", "N", "H", "e1", "k", "list", "_a", "training", "input", "output", "module", "parameter", "buffer",
    "limits", "allow", "plan", "network", "block", "import", "foreign", "from", "where", "when", "takes", "gives", "op", "let",
    "do", "record", "repeat", "name", "value", "True", "Null", "on", "no", "conv1",
)  # fmt: skip
names = st.sampled_from(NAMES)
texts = st.text(max_size=8) | st.sampled_from(
    ['"', "\\", "a: b", "a #b", "'", "{", "}", "C:\\x", "null", "1e3", "é→", " a ", "#", "- x"]
)
labels = st.sampled_from(("conv1", "0", "layer", "op", "input", "if", "let", "no", "or", "block1-0", "-1", "x-"))


def node(kind: type[tree.Node], *values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A node with its fields drawn."""
    return st.tuples(*values).map(lambda drawn: kind(spot(), *drawn))


def several(element: st.SearchStrategy[Any], least: int = 0, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(element, min_size=least, max_size=most).map(tuple)


def distinct(element: st.SearchStrategy[Any], key: Any, least: int = 0, most: int = 3) -> st.SearchStrategy[Any]:
    return st.lists(element, min_size=least, max_size=most, unique_by=key).map(tuple)


numbers = (
    st.integers(-(10**40) + 1, 10**40 - 1)
    | st.integers(-3, 300)
    | st.floats(allow_nan=False)
    | st.sampled_from((0.1, 1e-3, 1e22, float("inf")))
)
literals = node(tree.Literal, numbers | texts | st.booleans() | st.none())
variables = node(tree.Name, names)
BINARY = ("or", "and", "in", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "**")


def _not_a_number(expr: tree.Expr) -> bool:
    """`-3` is a number and not the negation of one."""
    return not (isinstance(expr, tree.Literal) and type(expr.value) in (int, float))


def _simple(expr: Any) -> Any:
    """What may stand in a computed label: nothing with braces."""
    return (
        node(tree.Binary, st.sampled_from(BINARY), expr, expr)
        | node(tree.Unary, st.just("not"), expr)
        | node(tree.Call, expr, several(node(tree.Arg, st.none() | names, expr)))
    )


simple = st.recursive(literals | variables, _simple, max_leaves=4)


@st.composite
def label_names(draw: st.DrawFn) -> tree.LabelName:
    """Texts and computed parts; never two texts in a row, which would be one."""
    parts: list[Any] = []
    for _ in range(draw(st.integers(1, 3))):
        if parts and isinstance(parts[-1], str):
            parts.append(draw(simple))
        else:
            parts.append(draw(labels | simple))
    return tree.LabelName(spot(), tuple(parts))


def _extended(expr: Any) -> Any:
    arg = node(tree.Arg, st.none() | names, expr)
    part = names | st.sampled_from(("0", "12", "0", "5"))
    index = expr | node(tree.Slice, st.none() | expr, st.none() | expr)
    return st.one_of(
        node(tree.ListExpr, several(expr)),
        node(tree.Comprehension, expr, several(node(tree.Loop, several(names, 1, 2), expr), 1, 2), st.none() | expr),
        node(tree.RecordExpr, several(st.tuples(names, expr), 1)),
        node(tree.RecordExpr, several(names.map(lambda name: (name, tree.Name(spot(), name))), 1)),
        node(tree.Call, expr, several(arg)),
        node(tree.Attribute, expr, part),
        node(tree.Select, expr, several(names, 1)),
        node(tree.Index, expr, several(index, 1, 2)),
        node(tree.Unary, st.just("not"), expr),
        node(tree.Unary, st.just("-"), expr.filter(_not_a_number)),
        node(tree.Binary, st.sampled_from(BINARY), expr, expr),
        node(tree.IfExpr, expr, expr, expr),
        node(tree.Pipe, several(expr, 2, 4)),
        node(tree.Group, several(expr, 1)),
        node(tree.Labelled, label_names(), expr),
        node(tree.RangeExpr, expr, expr),
    )


expressions = st.recursive(literals | variables, _extended, max_leaves=10)
tensor_types = node(tree.TensorType, st.sampled_from(("float32", "boxes", "int64")), several(expressions))
types = tensor_types | node(tree.TensorType, st.just("float32"), several(expressions, 1)).map(
    lambda element: tree.ListType(spot(), element)
)

# Plans


def _keys(value: Any) -> Any:
    return st.tuples(st.sampled_from(("a", "when", "in", "name", "layer1.*", "epochs", "value")) | texts, value)


def _section(pairs: list[tuple[str, Any]]) -> tree.Section:
    entries = (
        tree.Entry(spot(), key, spot(), _texts(value) if key in ("allow", "description") else value)
        for key, value in pairs
    )
    return tree.Section(spot(), tuple(entry for entry in entries if entry.key != "op"))


def _texts(value: Any) -> Any:
    """The value of a key that holds text."""
    if not isinstance(value, tree.Section):
        return tree.Literal(
            spot(),
            value.value if isinstance(value, tree.Literal) and isinstance(value.value, str) else "text",
        )
    entries = (tree.Entry(spot(), entry.key, spot(), _texts(entry.value)) for entry in value.entries)
    return tree.Section(spot(), tuple(entries))


sections = st.recursive(
    st.lists(_keys(expressions), max_size=3, unique_by=lambda pair: pair[0]).map(_section),
    lambda inner: st.lists(_keys(inner | expressions), max_size=3, unique_by=lambda pair: pair[0]).map(_section),
    max_leaves=4,
)

# Statements

inputs = node(tree.Input, names, types, several(expressions, 0, 2), st.booleans())
outputs = node(tree.Output, names, st.none(), st.none(), st.booleans()) | node(
    tree.Output, names, expressions, st.none() | expressions, st.booleans()
)
allows = node(tree.Allow, st.sampled_from(("double-softmax", "unused-input")), texts)
limits = node(tree.Limits, sections)
leaves = st.one_of(
    node(tree.Assign, several(names, 1, 2), expressions),
    node(tree.Evaluate, expressions),
    node(tree.Evaluate, node(tree.Pipe, st.tuples(variables, expressions, expressions))),
    inputs,
    outputs,
    node(tree.Module, names, expressions),
    node(tree.Learned, st.sampled_from(("parameter", "buffer")), names, several(expressions), expressions),
    allows,
    limits,
)
statements = st.recursive(
    leaves,
    lambda inner: (
        node(tree.If, expressions, several(inner), several(inner))
        | node(tree.For, several(names, 1, 2), expressions, several(inner))
    ),
    max_leaves=4,
)
bodies = several(statements, 0, 4)
params = distinct(node(tree.Param, names, st.none() | expressions), lambda param: param.name)

# Items


def _defined(kind: type[tree.Definition], *values: Any) -> Any:
    return st.tuples(names, *values).map(lambda drawn: kind(spot(), drawn[0], spot(), *drawn[1:]))


imports = st.tuples(several(names, 1), texts).map(
    lambda drawn: tree.Import(spot(), tuple((name, spot()) for name in drawn[0]), drawn[1], spot())
)
axes = several(expressions)
items = st.one_of(
    imports,
    node(tree.Constant, names, expressions),
    _defined(tree.Block, params, bodies),
    _defined(tree.Network, params, bodies),
    _defined(
        tree.Network,
        params,
        st.tuples(several(inputs, 1, 2), bodies, several(outputs)).map(lambda parts: sum(parts, ())),
    ),
    _defined(tree.Alias, expressions),
    _defined(tree.Foreign, params, several(axes, 1), texts, axes),
    _defined(tree.Plan, sections),
    allows,
    limits,
)
files = several(items, 0, 5).map(lambda found: tree.File(spot(), found, ()))

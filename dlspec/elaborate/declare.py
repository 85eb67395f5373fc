"""Inputs: their declared types, the open sizes in them, and what is declared of those."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate.arithmetic import Open
from dlspec.elaborate.frame import Frame
from dlspec.elaborate.run import Run
from dlspec.elaborate.values import UNKNOWN, is_unknown, kind_of, tensors_in
from dlspec.graph import Node, Source, Tensor
from dlspec.ops.op import FLOATS, INTEGERS, At, Mistake, axes_text, spaced
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Condition, Size, symbol
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.sizes import Dim

DTYPES = (*FLOATS, *INTEGERS, "bool")
RECORDS = {
    "boxes": ("float32", 4), "scores": ("float32", None), "labels": ("int64", None), "masks": ("uint8", None)
}  # fmt: skip
"""Names for what detectors carry: `boxes[M]` is `float32[M, 4]`."""


def declared_input(run: Run, frame: Frame, statement: tree.Input) -> Any:
    """The tensor of an input of the network itself."""
    written = statement.type
    count = run.sizes.setdefault("N", symbol("N")) if isinstance(written, tree.ListType) else None
    inner = written.element if isinstance(written, tree.ListType) else written
    assert isinstance(inner, tree.TensorType)
    dtype, extra = _dtype(run, frame, inner)
    shape = [_axis(run, frame, axis) for axis in inner.axes]
    if dtype is None or any(map(is_unknown, shape)):
        return UNKNOWN
    shape += [] if extra is None else [extra]
    _declare(run, frame, statement.where)
    given = run.inputs_given.get(statement.name)
    if given is not None:
        declared = shape if count is None else [count, *shape]
        shape = list(_close(run, frame, statement, declared, given))
        if count is not None:
            count, *shape = shape
    node = Node(statement.name, Source("input"), (), At(()), statement.span, frame.application)
    node.outputs = (Tensor(dtype, tuple(shape), node, 0, count),)
    run.add(node, frame.application)
    run.graph.inputs[statement.name] = node.outputs[0]
    return node.outputs[0]


def _dtype(run: Run, frame: Frame, written: tree.TensorType) -> tuple[str | None, int | None]:
    if written.dtype in DTYPES:
        return written.dtype, None
    if written.dtype in RECORDS:
        return RECORDS[written.dtype]
    from dlspec.diagnostics.near_names import near

    where = written.span.source.span(written.span.start, written.span.start + len(written.dtype))
    close = near(written.dtype, [*DTYPES, *RECORDS])
    aliases = {"float": "float32", "double": "float64", "int": "int64", "long": "int64", "half": "float16"}
    close = [aliases[written.dtype]] if written.dtype in aliases else close
    run.report(
        frame, "E0110", f"there is no element type `{written.dtype}`", where, "not known",
        notes=[] if close else [f"element types are {', '.join(DTYPES)}"],
        fixes=[Fix(f"there is `{name}`", [Edit(where, name)], "safe") for name in close],
    )  # fmt: skip
    return None, None


def _axis(run: Run, frame: Frame, axis: tree.Expr) -> Any:
    """The size of an axis: a number, a name that stays open, or arithmetic of both."""
    seen = _with_sizes(run, frame, axis)
    value = run.language.evaluate(run, seen, axis)
    if isinstance(value, bool) or not isinstance(value, (int, Size)):
        if value is not UNKNOWN:
            run.report(frame, "E0201", "an axis is a whole number or a name", axis.span, f"is {kind_of(value)}")
        return UNKNOWN
    if isinstance(value, int) and value < 1:
        run.report(frame, "E0202", "an axis has at least one position", axis.span, f"is {value}")
        return UNKNOWN
    return value


def _with_sizes(run: Run, frame: Frame, axis: tree.Expr) -> Frame:
    """A frame in which the names of an axis that nothing else defines are open sizes."""
    seen = Frame(frame.file, frame.application, frame.scope, frame.uses, frame)
    for name in _names(axis):
        known = frame.env.get(name)
        if known is None or isinstance(known, Tensor):
            seen.env[name] = run.sizes.setdefault(name, symbol(name))
    return seen


def _names(expr: tree.Expr) -> list[str]:
    if isinstance(expr, tree.Name):
        return [expr.name]
    if isinstance(expr, tree.Binary):
        return [*_names(expr.left), *_names(expr.right)]
    if isinstance(expr, tree.Unary):
        return _names(expr.operand)
    return []


# Declarations: `where H % 32 == 0, H in 64..1024`


def _declare(run: Run, frame: Frame, where: tuple[tree.Expr, ...]) -> None:
    for expr in where:
        for relation, left, right in _facts(run, frame, expr):
            run.graph.declared.append((relation, left, right))
            run.domain = run.domain.with_condition(Condition(relation, left, right))
            if run.domain.impossible:
                run.report(
                    frame,
                    "E0310",
                    "what the inputs declare cannot hold together",
                    expr.span,
                    "leaves no size",
                )
                return


def _facts(run: Run, frame: Frame, expr: tree.Expr) -> list[tuple[str, Dim, Dim]]:
    """What a declaration says, as `==` and `>=` between sizes."""
    seen = Frame(frame.file, frame.application, frame.scope, frame.uses, frame)
    seen.env.update(run.sizes)
    if isinstance(expr, tree.Binary) and expr.operator == "and":
        return _facts(run, frame, expr.left) + _facts(run, frame, expr.right)
    if isinstance(expr, tree.Binary) and expr.operator == "in" and isinstance(expr.right, tree.RangeExpr):
        size, low, high = (run.language.evaluate(run, seen, e) for e in (expr.left, expr.right.low, expr.right.high))
        if all(isinstance(v, (int, Size)) for v in (size, low, high)):
            return [(">=", size, low), (">=", high, size)]
    value = run.language.evaluate(run, seen, expr)
    if isinstance(value, Open):
        left, right = value.left, value.right
        facts = {
            "==": [("==", left, right)], ">=": [(">=", left, right)], "<=": [(">=", right, left)],
            ">": [(">=", left, right + 1)], "<": [(">=", right, left + 1)],
        }.get(value.operator)  # fmt: skip
        if facts is not None:
            return facts
    elif value is True or value is UNKNOWN:
        return []
    run.report(
        frame, "E0205", "a declaration compares sizes", expr.span, "not understood",
        notes=["write `H % 32 == 0`, `H >= 33`, `H == W` or `H in 64..1024`"],
    )  # fmt: skip
    return []


# Closing open sizes: `--input image=1x3x224x224`


def _close(
    run: Run, frame: Frame, statement: tree.Input, shape: list[Any], given: tuple[str, tuple[Dim, ...]]
) -> tuple[Any, ...]:
    text, sizes = given
    if len(sizes) != len(shape):
        run.report(
            frame, "E0301", f"`{statement.name}` has {len(shape)} axes, `{text}` has {len(sizes)}", statement.span,
            f"is {spaced(shape)}",
        )  # fmt: skip
        return tuple(shape)
    for declared, size in zip(shape, sizes):
        if not _closes(run, declared, size):
            run.report(
                frame, "E0312", f"`{statement.name}` cannot be {'x'.join(map(str, sizes))}", statement.span,
                f"is declared {axes_text(shape)}",
            )  # fmt: skip
            return tuple(shape)
    return sizes


def _closes(run: Run, declared: Any, size: Any) -> bool:
    """Whether a declared axis can be that number; its open name is that number from here on."""
    if isinstance(declared, int):
        return bool(declared == size)
    names = sorted(declared.symbols)
    if len(names) != 1:
        return True
    name = names[0]
    slope = declared.evaluate({name: 1}) - declared.evaluate({name: 0})
    value, rest = divmod(size - declared.evaluate({name: 0}), slope)
    known = run.sizes.get(name)
    if rest or value < 1 or (isinstance(known, int) and known != value):
        return False
    run.sizes[name] = value
    return True


# A network within a network


def accept(run: Run, frame: Frame, statement: tree.Input, value: Any) -> Any:
    """The tensor given for an input of a network that is used as a part; its declared shape must fit."""
    inner = statement.type.element if isinstance(statement.type, tree.ListType) else statement.type
    tensors = list(tensors_in(value))
    if is_unknown(value) or not isinstance(inner, tree.TensorType) or len(tensors) != 1:
        return value
    tensor = tensors[0]
    if len(tensor.shape) != len(inner.axes):
        run.report(
            frame, "E0301", f"`{statement.name}` takes {len(inner.axes)} axes, it gets {len(tensor.shape)}",
            statement.span,
            f"gets {spaced(tensor.shape)}",
        )  # fmt: skip
        return UNKNOWN
    for axis, size in zip(inner.axes, tensor.shape):
        if not isinstance(axis, tree.Literal) or axis.value == size:
            continue
        words = f"`{statement.name}` wants {axis.value} there, it gets {size}"
        mistake = Mistake("E0312", words, f"gets {spaced(tensor.shape)}")
        try:
            if isinstance(size, int):
                raise mistake
            run.demand("==", size, axis.value, mistake, statement.span, tensor.node.path)  # type: ignore[arg-type]
        except Mistake:
            run.report(frame, "E0312", words, axis.span, f"gets {spaced(tensor.shape)}")
            return UNKNOWN
    return tensor

"""Arguments that replace those of the spec, at one path: what `explain --what-if` asks about."""

from __future__ import annotations

from dlspec.elaborate.parameters import read_values, unknown_parameter
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.elaborate.frame import Frame
    from dlspec.elaborate.run import Run
    from dlspec.ops.op import Op
    from dlspec.syntax import tree


def operator_instead(run: Run, frame: Frame, op: Op, path: str) -> Op | None:
    """The operator at a path with its arguments replaced; None where it does not take them."""
    values: dict[str, Any] = {}
    places = {}
    ok = True
    for name, expr in run.instead[path].items():
        if name not in op.fields:
            ok = unknown_parameter(run, frame, type(op), name, _whole(expr))
            continue
        values[name], places[name] = run.language.evaluate(run, frame, expr), expr.span
    if not ok or not read_values(run, frame, type(op), values, places):
        return None
    return type(op)({**op.given, **values})


def arguments_instead(
    run: Run, frame: Frame, definition: tree.Block | tree.Network, bound: dict[str, Any], path: str
) -> bool:
    """Replace the arguments of a block or network at a path; whether it has such parameters."""
    from dlspec.diagnostics.near_names import near

    names = [param.name for param in definition.params]
    ok = True
    for name, expr in run.instead[path].items():
        if name in names:
            bound[name] = run.language.evaluate(run, frame, expr)
            continue
        close = near(name, names)
        run.report(
            frame, "E0112", f"`{definition.name}` has no parameter `{name}`", _whole(expr), "not a parameter",
            notes=[f"there is `{close[0]}`" if close else f"it has {', '.join(names) or 'none'}"],
        )  # fmt: skip
        ok = False
    return ok


def _whole(expr: tree.Expr) -> Any:
    """The whole of `path.name=value`, whose name is what is wrong."""
    source = expr.span.source
    return source.span(0, len(source.text))

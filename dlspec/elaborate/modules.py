"""Shared modules, frozen parts, and the modules of the user."""

from __future__ import annotations

from dlspec.elaborate.arguments import bind_params, defaults
from dlspec.elaborate.foreign import ForeignOp
from dlspec.elaborate.frame import Frame, Place, Scope
from dlspec.elaborate.operators import make_node
from dlspec.elaborate.run import Run
from dlspec.elaborate.values import (
    UNKNOWN,
    ArgumentSpans,
    ForeignStage,
    FrozenStage,
    SharedStage,
    holds_tensor,
    is_unknown,
    kind_of,
    tensors_in,
)
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Size
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any


def shared(
    run: Run, frame: Frame, stage: SharedStage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr,
) -> Any:  # fmt: skip
    """The same modules at every use; from the second on they are found by their paths."""
    home = stage.frame
    uses = (*frame.uses, (call.span, stage.label))
    own = Frame(home.file, frame.application, Scope(home.scope.path, home.scope.round + stage.uses), uses, home)
    if not stage.uses:
        own.scope = home.scope
    stage.uses += 1
    return run.language.apply(run, own, stage.stage, args, named, spans, call, Place(stage.label, span=stage.span))


def frozen(
    run: Run, frame: Frame, stage: FrozenStage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    run.frozen += 1
    try:
        return run.language.apply(run, frame, stage.stage, args, named, spans, call, place)
    finally:
        run.frozen -= 1


def foreign(
    run: Run, frame: Frame, stage: ForeignStage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    definition = stage.definition
    count = next((i for i, arg in enumerate(args) if not holds_tensor(arg)), len(args))
    if any(map(is_unknown, args)):
        return UNKNOWN
    rest = ArgumentSpans(spans.call, spans.positional[count:], spans.named)
    what = f"module `{definition.name}`"
    bound = bind_params(run, frame, what, definition.params, args[count:], named, rest)
    values = None if bound is None else defaults(run, frame, stage, definition.params, bound, spans)
    if values is None:
        return UNKNOWN
    tensors = list(tensors_in(args[:count]))
    if len(tensors) != len(definition.takes):
        run.report(
            frame, "E0204", f"`{definition.name}` takes {len(definition.takes)} inputs, it gets {len(tensors)}",
            spans.call,
            f"gets {len(tensors)}",
        )  # fmt: skip
        return UNKNOWN
    op = ForeignOp(definition, values, lambda expr, sizes: _foreign_size(run, stage, frame, values, expr, sizes))
    try:
        return make_node(run, frame, op, tensors, {}, spans, call, place)
    except NoSize:
        return UNKNOWN


class NoSize(Exception):
    """What a foreign module declares of an axis is no size, and that is said."""


def _foreign_size(
    run: Run,
    stage: ForeignStage,
    frame: Frame,
    values: dict[str, Any],
    expr: tree.Expr,
    sizes: dict[str, Any],
) -> Any:
    own = Frame(stage.file, frame.application, frame.scope, frame.uses)
    own.env.update(values)
    own.env.update(sizes)
    value = run.language.evaluate(run, own, expr)
    if type(value) is int or isinstance(value, Size):
        return value
    if value is not UNKNOWN:
        run.report(
            own, "E0201", f"an axis of `{stage.definition.name}` is a whole number or a size", expr.span,
            f"is {kind_of(value)}",
        )  # fmt: skip
    raise NoSize

"""Stages to tensors: one way in for every kind of stage."""

from __future__ import annotations

from dlspec.elaborate import blocks, modules, networks, operators
from dlspec.elaborate.frame import Frame, Place
from dlspec.elaborate.run import Run
from dlspec.elaborate.values import (
    UNKNOWN,
    ArgumentSpans,
    BlockStage,
    ForeignStage,
    FrozenStage,
    GroupStage,
    NetworkStage,
    OpStage,
    Partial,
    RepeatStage,
    SharedStage,
    Stage,
    holds_tensor,
    is_unknown,
)
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any


def apply(
    run: Run,
    frame: Frame,
    stage: Stage,
    args: list[Any],
    named: dict[str, Any],
    spans: ArgumentSpans,
    call: tree.Expr,
    place: Place,
) -> Any:
    """What a stage gives for its arguments, tensors first."""
    value = _applied(run, frame, stage, args, named, spans, call, place)
    if value is UNKNOWN:
        run.lose(args, named)
    return value


def _applied(
    run: Run, frame: Frame, stage: Stage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    match stage:
        case OpStage():
            return operators.operator(run, frame, stage.op, args, named, spans, call, place)
        case BlockStage():
            return blocks.block(run, frame, stage, args, named, spans, call, place)
        case Partial():
            return _partial(run, frame, stage, args, named, spans, call, place)
        case GroupStage():
            return blocks.group(run, frame, stage, args, named, call, place)
        case RepeatStage():
            return blocks.repeat(run, frame, stage, args[0], place)
        case SharedStage():
            return modules.shared(run, frame, stage, args, named, spans, call)
        case NetworkStage():
            return networks.network(run, frame, stage, args, named, spans, call, place)
        case FrozenStage():
            return modules.frozen(run, frame, stage, args, named, spans, call, place)
        case ForeignStage():
            return modules.foreign(run, frame, stage, args, named, spans, call, place)
    raise TypeError(f"a stage that cannot be applied: {stage!r}")


def _partial(
    run: Run, frame: Frame, stage: Partial, args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    """Tensors come first, then what was given before, then what is given now."""
    count = next((i for i, arg in enumerate(args) if not (holds_tensor(arg) or is_unknown(arg))), len(args))
    both = [*args[:count], *stage.args, *args[count:]]
    places = ArgumentSpans(
        stage.spans.call,
        [*spans.positional[:count], *stage.spans.positional, *spans.positional[count:]],
        {**stage.spans.named, **spans.named},
    )
    return apply(run, frame, stage.stage, both, {**stage.named, **named}, places, stage.call, place)

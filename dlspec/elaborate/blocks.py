"""Blocks, groups and repeats applied: an application each, with a scope of its own."""

from __future__ import annotations

from dlspec.elaborate.arguments import bind_params, defaults, no_arguments
from dlspec.elaborate.frame import NOWHERE, Frame, Place, Scope
from dlspec.elaborate.instead import arguments_instead
from dlspec.elaborate.labels import claim, path_for
from dlspec.elaborate.run import DEPTH, Run, Stop
from dlspec.elaborate.statements import block_body
from dlspec.elaborate.values import UNKNOWN, ArgumentSpans, BlockStage, GroupStage, RepeatStage
from dlspec.graph import Application
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any


def block(
    run: Run, frame: Frame, stage: BlockStage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    definition = stage.definition
    if len(frame.uses) >= DEPTH:
        _contains_itself(run, frame, definition, call)
    bound = bind_block(run, frame, stage, args, named, spans)
    if bound is None:
        return UNKNOWN
    known = run.weighted
    path = path_for(run, frame, place, definition.name, call.span, place.fallback is not None)
    run.spend(frame, call.span)
    if path in run.instead and not arguments_instead(run, frame, definition, bound, path):
        return UNKNOWN
    application = Application(
        call.span, "block", path, definition, bound, frame.application, [], call=call, decisions=[]
    )
    application.again = frame.scope.round > 0
    frame.application.steps.append(application)
    uses = (*frame.uses, (spans.call, definition.name))
    own = Frame(stage.file, application, Scope(path, frame.scope.round), uses)
    own.env.update(bound)
    application.result = run.values[path] = block_body(run, own, definition)
    unnamed = place.label is None and place.number is None and place.fallback is None
    if unnamed and run.weighted > known:
        path_for(run, frame, NOWHERE, definition.name, call.span, True)
    return application.result


def _contains_itself(run: Run, frame: Frame, definition: tree.Block, call: tree.Expr) -> None:
    nested = sum(name == definition.name for _, name in frame.uses)
    if not nested:
        run.report(frame, "E0209", f"blocks stand more than {DEPTH} deep in each other", call.span, "one too deep")
        raise Stop
    run.report(
        frame, "E0210", f"the block `{definition.name}` contains itself without end", call.span, "used here again",
        also=[(definition.name_span, "defined here")],
        notes=[f"blocks may stand {DEPTH} deep in each other; this one was used {nested} times within itself"],
    )  # fmt: skip
    raise Stop


def bind_block(
    run: Run, frame: Frame, stage: BlockStage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans
) -> dict[str, Any] | None:
    """Parameter to value for a use of a block."""
    definition = stage.definition
    bound = bind_params(run, frame, f"block `{definition.name}`", definition.params, args, named, spans)
    if bound is None:
        return None
    return defaults(run, frame, stage, definition.params, bound, spans)


def group(
    run: Run,
    frame: Frame,
    stage: GroupStage,
    args: list[Any],
    named: dict[str, Any],
    call: tree.Expr,
    place: Place,
) -> Any:
    if len(args) != 1 or named:
        run.report(frame, "E0204", f"a group takes 1 input, it gets {len(args)}", call.span, "here")
        return UNKNOWN
    if isinstance(stage.tree, tree.Pipe) and place.label is None:
        return _inline(run, frame, stage, args[0], place)
    number = place.number if place.number is not None else place.fallback
    if place.label is not None or number is not None:
        label = place.label if place.label is not None else str(number)
        path = claim(run, frame, label, place.span or call.span)
    else:
        path = frame.scope.join(frame.scope.free("group"))
    application = Application(
        stage.tree.span, "group", path, stage.tree, {}, frame.application, [], call=call, decisions=[]
    )
    application.again = frame.scope.round > 0
    frame.application.steps.append(application)
    own = Frame(stage.frame.file, application, Scope(path, frame.scope.round), frame.uses, stage.frame)
    known = run.weighted
    application.result = run.values[path] = run.language.steps(run, own, args[0], stage.steps, "numbered")
    if place.label is None and number is None and run.weighted > known:
        run.report(
            frame,
            "E0207",
            "this group holds weights and needs a label",
            stage.tree.span,
            "its weights would have no name",
        )
    return application.result


def _inline(run: Run, frame: Frame, stage: GroupStage, current: Any, place: Place) -> Any:
    """A pipeline in parentheses: its steps stand in the pipeline around it, and take their numbers there."""
    if place is not NOWHERE:
        place.takes_position = False
    own = Frame(stage.frame.file, frame.application, frame.scope, frame.uses, stage.frame)
    naming = "numbered" if place.number is not None else "mixed" if place.fallback is not None else "named"
    return run.language.steps(run, own, current, stage.steps, naming)


def repeat(run: Run, frame: Frame, stage: RepeatStage, current: Any, place: Place) -> Any:
    """A stage some times over: `label.0`, `label.1` under a label, or the next positions of a numbered pipeline."""
    run.room_for(stage.count, frame, stage.call.span)
    spans = no_arguments(stage.call.span)
    if place.label is not None:
        path = claim(run, frame, place.label, place.span or stage.call.span)
        application = Application(
            stage.call.span,
            "group",
            path,
            stage.call,
            {},
            frame.application,
            [],
            call=stage.call,
            decisions=[],
        )
        frame.application.steps.append(application)
        own = Frame(frame.file, application, Scope(path, frame.scope.round), frame.uses, frame)
        current = _copies(run, own, stage, current, spans, Place(number=0))
        application.result = run.values[path] = current
        return current
    if place is not NOWHERE:
        place.takes_position = False
    return _copies(run, frame, stage, current, spans, place)


def _copies(run: Run, frame: Frame, stage: RepeatStage, current: Any, spans: ArgumentSpans, place: Place) -> Any:
    """One copy after the other, each at the next position of the scope."""
    for _ in range(stage.count):
        if current is UNKNOWN:
            return UNKNOWN
        copy = place.next(frame.scope)
        position = frame.scope.position
        current = run.language.apply(run, frame, stage.stage, [current], {}, spans, stage.call, copy)
        if copy.takes_position:
            frame.scope.position = max(frame.scope.position, position + 1)
    return current

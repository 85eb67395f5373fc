"""Pipelines: what flows through steps, and how the steps are called."""

from __future__ import annotations

from dlspec.elaborate.apply import apply
from dlspec.elaborate.arguments import arguments, no_arguments
from dlspec.elaborate.blocks import repeat
from dlspec.elaborate.frame import NOWHERE, Frame, Place
from dlspec.elaborate.labels import labels_no_step
from dlspec.elaborate.named import names
from dlspec.elaborate.names import callee
from dlspec.elaborate.parameters import check_arguments
from dlspec.elaborate.run import Run
from dlspec.elaborate.values import UNKNOWN, Builtin, GroupStage, OpStage, RepeatStage, Stage, kind_of
from dlspec.graph import Tensor
from dlspec.ops import lookup
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any


VALUES = (tree.Name, tree.Attribute)
"""What stands for a value that is there already."""


def pipeline(run: Run, frame: Frame, expr: tree.Pipe, naming: str) -> Any:
    """What comes out of a pipeline; one that begins with a stage is itself a stage."""
    first = expr.steps[0]
    if isinstance(first, tree.Labelled) and isinstance(first.value, VALUES):
        return _mislabelled(run, frame, expr, first)
    source = run.language.evaluate(run, frame, first)
    if isinstance(source, Stage):
        return GroupStage(expr, frame)
    return steps(run, frame, source, expr.steps[1:], naming)


def _mislabelled(run: Run, frame: Frame, expr: tree.Pipe, first: tree.Labelled) -> Any:
    """`e1: image -> conv2d(8, 3)` labels `image`, where the pipeline is meant; it is taken as it is meant."""
    if isinstance(run.language.evaluate(run, frame, first.value), Stage):
        return GroupStage(expr, frame)
    labels_no_step(run, frame, first, expr)
    pipe = tree.Pipe(expr.span, (first.value, *expr.steps[1:]))
    return run.language.evaluate(run, frame, tree.Labelled(expr.span, first.label, pipe))


def steps(run: Run, frame: Frame, current: Any, items: tuple[tree.Expr, ...], naming: str) -> Any:
    """Send a value through steps.

    `naming` is `numbered` (a group, or the whole body of a block: unlabelled steps are 0, 1, 2),
    `network` (the whole body of a network) or `named` (any other pipeline). Among labelled steps, those
    without weights take their operator's name, whatever the naming.
    """
    if naming in ("numbered", "network") and any(isinstance(item, tree.Labelled) for item in items):
        naming = "mixed" if naming == "network" else "named"
    elif naming == "network":
        naming = "numbered"
    for item in items:
        if current is UNKNOWN:
            return _skip(run, frame, items)
        if naming == "named":
            current = step(run, frame, item, current, NOWHERE)
            continue
        position = frame.scope.position
        place = Place(number=position) if naming == "numbered" else Place(fallback=position)
        current = step(run, frame, item, current, place)
        if place.takes_position:
            frame.scope.position = max(frame.scope.position, position + 1)
    return current


def _skip(run: Run, frame: Frame, items: tuple[tree.Expr, ...]) -> Any:
    """After a mistake: the labels further on are known, their values not."""
    for item in items:
        if isinstance(item, tree.Labelled) and item.label.plain is not None:
            frame.stages.setdefault(item.label.plain, UNKNOWN)
        run.lose(*(frame.find(name) for name in names(item) if frame.has(name)))
        _check_names(run, frame, item)
    return UNKNOWN


def _check_names(run: Run, frame: Frame, item: tree.Expr) -> None:
    """Names of stages are still looked up, so that one run reports every unknown operator."""
    if isinstance(item, tree.Labelled):
        item = item.value
    if isinstance(item, tree.Call):
        function = callee(run, frame, item.function)
        if isinstance(function, OpStage) and not any(
            isinstance(a.value, (tree.Pipe, tree.Labelled)) for a in item.args
        ):
            check_arguments(run, frame, function, item)
    elif isinstance(item, tree.Name):
        callee(run, frame, item)
    elif isinstance(item, tree.Group):
        for inner in item.steps:
            _check_names(run, frame, inner)


def step(run: Run, frame: Frame, item: tree.Expr, current: Any, place: Place) -> Any:
    """Apply one step of a pipeline to what flows into it."""
    match item:
        case tree.Labelled():
            label = label_text(run, frame, item.label)
            if label is None:
                return UNKNOWN
            value = step(run, frame, item.value, current, Place(label, span=item.label.span))
            frame.stages[label] = value
            return value
        case tree.Call():
            return _call_step(run, frame, item, current, place)
        case tree.IfExpr():
            chosen = run.language.truth(run, frame, item.test)
            frame.application.decisions.append((item, chosen))
            return step(run, frame, item.then if chosen else item.orelse, current, place)
        case tree.Name():
            stage = callee(run, frame, item)
            if isinstance(stage, Builtin):
                op = lookup(stage.name)
                stage = OpStage(op) if op is not None else stage
        case _:
            stage = run.language.evaluate(run, frame, item)
    return _as_step(run, frame, item, stage, current, place)


def _as_step(run: Run, frame: Frame, item: tree.Expr, stage: Any, current: Any, place: Place) -> Any:
    if stage is UNKNOWN or current is UNKNOWN:
        return UNKNOWN
    if isinstance(stage, RepeatStage):
        return repeat(run, frame, stage, current, place)
    if not isinstance(stage, Stage):
        not_a_stage(run, frame, item, stage)
        return UNKNOWN
    spans = no_arguments(item.span)
    return apply(run, frame, stage, [current], {}, spans, item, place)


def _call_step(run: Run, frame: Frame, item: tree.Call, current: Any, place: Place) -> Any:
    """`x -> f(a)` is `f(x, a)`."""
    function = callee(run, frame, item.function)
    if isinstance(function, Builtin):
        op = lookup(function.name)
        if op is None:
            return _as_step(run, frame, item, run.language.evaluate(run, frame, item), current, place)
        function = OpStage(op)
    args, named, spans = arguments(run, frame, item)
    if function is UNKNOWN or current is UNKNOWN:
        return UNKNOWN
    if not isinstance(function, Stage):
        not_a_stage(run, frame, item.function, function)
        return UNKNOWN
    spans.positional.insert(0, item.function.span)
    return apply(run, frame, function, [current, *args], named, spans, item, place)


def not_a_stage(run: Run, frame: Frame, expr: tree.Expr, value: Any) -> None:
    notes = []
    if isinstance(value, Tensor):
        notes = [
            "a label names the output of its stage; to apply one module in several places, write "
            "`module name = …` and apply `name`"
        ]
    if isinstance(value, list):
        notes = ["a group of steps stands in braces: `{ conv2d(8, 3) -> relu }`"]
    text = expr.span.text.strip()
    text = text if len(text) <= 40 and "\n" not in text else f"{text[:24].split(chr(10))[0]} …"
    run.report(
        frame, "E0211", f"`{text}` cannot be applied", expr.span, f"is {kind_of(value)}, not a stage",
        notes=notes,
    )  # fmt: skip


def label_text(run: Run, frame: Frame, label: tree.LabelName) -> str | None:
    """The text of a label, its computed parts filled in."""
    if label.plain is not None:
        return label.plain
    texts = []
    for piece in label.parts:
        value = piece if isinstance(piece, str) else run.language.evaluate(run, frame, piece)
        if value is UNKNOWN:
            return None
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            run.report(
                frame,
                "E0205",
                "a label is made of words and whole numbers",
                label.span,
                f"is {kind_of(value)}",
            )
            return None
        texts.append(str(value))
    return "".join(texts)

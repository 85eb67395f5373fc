"""Expressions to values: compile-time arithmetic, names, and what flows through pipelines."""

from __future__ import annotations

from dlspec.elaborate import arithmetic
from dlspec.elaborate.apply import apply
from dlspec.elaborate.arguments import arguments, starts_with_tensor
from dlspec.elaborate.builtins import BUILTINS, LONGEST
from dlspec.elaborate.frame import NOWHERE, Frame, Place, Scope
from dlspec.elaborate.labels import claim, labels_no_step
from dlspec.elaborate.misjoined import misjoined
from dlspec.elaborate.names import callee, look_up
from dlspec.elaborate.operators import call_operator, index_tensor, join
from dlspec.elaborate.parts import as_network, list_item, no_part, part
from dlspec.elaborate.pipelines import VALUES, label_text, not_a_stage, pipeline, step, steps
from dlspec.elaborate.run import STEPS, Run
from dlspec.elaborate.values import (
    UNKNOWN,
    Builtin,
    Fields,
    GroupStage,
    NetworkStage,
    OpStage,
    Partial,
    RepeatStage,
    Stage,
    holds_tensor,
    is_unknown,
    kind_of,
)
from dlspec.graph import Application, Tensor
from dlspec.ops import lookup
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Size
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.source import Span


def evaluate(run: Run, frame: Frame, expr: tree.Expr, place: Place = NOWHERE) -> Any:
    """The value of an expression; `place` says how what it makes is called."""
    run.spent += 1
    if run.spent > STEPS:
        run.spend(frame, expr.span)
    return _EVALUATE[type(expr)](run, frame, expr, place)


def _literal(run: Run, frame: Frame, expr: tree.Literal, place: Place) -> Any:
    return expr.value


# Names


def _name(run: Run, frame: Frame, expr: tree.Name, place: Place) -> Any:
    return look_up(run, frame, expr.name, expr.span)


# Lists and records


def _list(run: Run, frame: Frame, expr: tree.ListExpr, place: Place) -> Any:
    if place.label is None:
        return [evaluate(run, frame, item) for item in expr.items]
    return _numbered_list(run, frame, expr, place, [(frame, item) for item in expr.items])


def _comprehension(run: Run, frame: Frame, expr: tree.Comprehension, place: Place) -> Any:
    frames = [frame]
    for loop in expr.loops:
        further = _rounds(run, frames, loop, expr)
        if further is None:
            return UNKNOWN
        frames = further
    inner = [(own, expr.item) for own in frames if expr.condition is None or truth(run, own, expr.condition)]
    if place.label is not None:
        return _numbered_list(run, frame, expr, place, inner)
    for own in frames:
        own.listed = expr.span
    return [evaluate(run, own, item) for own, item in inner]


def _rounds(run: Run, frames: list[Frame], loop: tree.Loop, whole: tree.Comprehension) -> list[Frame] | None:
    """A frame for each round of a loop in each of these frames; None after a mistake."""
    found: list[Frame] = []
    for outer in frames:
        found_rows = rows(run, outer, loop.iterable, loop.targets, whole.span)
        if found_rows is None:
            return None
        if len(found) + len(found_rows) > LONGEST:
            message = f"the loops of the list go round more than {LONGEST:,} times"
            run.report(outer, "E0209", message, whole.span, "too many")
            return None
        for row in found_rows:
            own = Frame(outer.file, outer.application, outer.scope, outer.uses, outer)
            own.env.update(row)
            found.append(own)
    return found


def _numbered_list(run: Run, frame: Frame, expr: tree.Expr, place: Place, items: list[tuple[Frame, tree.Expr]]) -> Any:
    """`name: [a, b]`: the items of a labelled list are `name.0`, `name.1`."""
    path = claim(run, frame, place.label or "", place.span or expr.span)
    application = Application(expr.span, "list", path, expr, {}, frame.application, [], call=expr, decisions=[])
    frame.application.steps.append(application)
    scope = Scope(path, frame.scope.round)
    found = []
    for index, (seen, item) in enumerate(items):
        own = Frame(frame.file, application, scope, frame.uses, seen)
        found.append(evaluate(run, own, item, Place(number=index)))
    application.result = run.values[path] = found
    return found


def rows(
    run: Run, frame: Frame, iterable: tree.Expr, targets: tuple[str, ...], span: Span
) -> list[dict[str, Any]] | None:
    """For each item of what is iterated, the names that it gives values to."""
    value = evaluate(run, frame, iterable)
    if value is UNKNOWN:
        return None
    if isinstance(value, Fields):
        value = [[k, v] for k, v in value.items()] if len(targets) == 2 else list(value.values())
    if not isinstance(value, list):
        run.report(
            frame, "E0205", "`for` goes through a list or a record", iterable.span, f"is {kind_of(value)}",
            notes=["`for i in range(4)` counts"] if isinstance(value, int) else [],
        )  # fmt: skip
        return None
    found: list[dict[str, Any]] = []
    for item in value:
        if len(targets) == 1:
            found.append({targets[0]: item})
        elif isinstance(item, list) and len(item) == len(targets):
            found.append(dict(zip(targets, item)))
        else:
            run.report(
                frame,
                "E0205",
                f"each item must have {len(targets)} parts",
                iterable.span,
                f"an item is {kind_of(item)}",
            )
            return None
    return found


def _record(run: Run, frame: Frame, expr: tree.RecordExpr, place: Place) -> Any:
    return Fields((name, evaluate(run, frame, value)) for name, value in expr.fields)


# Parts


def _attribute(run: Run, frame: Frame, expr: tree.Attribute, place: Place) -> Any:
    value = evaluate(run, frame, expr.value)
    return part(run, frame, value, expr.name, expr)


def _select(run: Run, frame: Frame, expr: tree.Select, place: Place) -> Any:
    value = evaluate(run, frame, expr.value)
    network = as_network(run, frame, value) if isinstance(value, Stage) else None
    if network is not None:
        return NetworkStage(network.definition, network.file, network.given, expr.names)
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, Fields) and all(name in value for name in expr.names):
        return Fields((name, value[name]) for name in expr.names)
    if isinstance(value, Fields):
        missing = next(name for name in expr.names if name not in value)
        return no_part(run, frame, expr, missing, "this record", list(value))
    run.report(frame, "E0220", "`.{ }` takes parts of a record or a network", expr.value.span, f"is {kind_of(value)}")
    return UNKNOWN


def _index(run: Run, frame: Frame, expr: tree.Index, place: Place) -> Any:
    value = evaluate(run, frame, expr.value)
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, Tensor):
        return index_tensor(run, frame, value, expr, place)
    first = expr.indices[0]
    if isinstance(first, tree.Slice):
        ends = [None if e is None else evaluate(run, frame, e) for e in (first.start, first.stop)]
        if isinstance(value, list) and all(e is None or type(e) is int for e in ends):
            return value[ends[0] : ends[1]]
        if not any(map(is_unknown, ends)):
            run.report(frame, "E0205", "a slice takes a list and whole numbers", expr.span, f"of {kind_of(value)}")
        return UNKNOWN
    index = evaluate(run, frame, first)
    if index is UNKNOWN:
        return UNKNOWN
    return list_item(run, frame, expr, value, index)


# Choices and arithmetic


def truth(run: Run, frame: Frame, expr: tree.Expr) -> bool:
    """A condition known at compile time; what cannot be decided is reported and taken as false."""
    value = evaluate(run, frame, expr)
    if isinstance(value, bool):
        return value
    if value is UNKNOWN:
        return False
    if isinstance(value, arithmetic.Open):
        run.report(
            frame, "E0212", "a condition on an open size is not known at compile time", expr.span,
            f"`{value.text}` depends on the input",
        )  # fmt: skip
        return False
    run.report(frame, "E0205", "a condition is true or false", expr.span, f"is {kind_of(value)}")
    return False


def _if_expr(run: Run, frame: Frame, expr: tree.IfExpr, place: Place) -> Any:
    chosen = truth(run, frame, expr.test)
    frame.application.decisions.append((expr, chosen))
    return evaluate(run, frame, expr.then if chosen else expr.orelse, place)


def _unary(run: Run, frame: Frame, expr: tree.Unary, place: Place) -> Any:
    value = evaluate(run, frame, expr.operand)
    if value is UNKNOWN:
        return UNKNOWN
    if expr.operator == "-" and isinstance(value, Tensor):
        return call_operator(run, frame, "neg", [value], [], {}, expr, place)
    return arithmetic.unary(run, frame, expr, value)


def _binary(run: Run, frame: Frame, expr: tree.Binary, place: Place) -> Any:
    chain = [expr]
    while isinstance(chain[-1].left, tree.Binary):
        chain.append(chain[-1].left)
    value = evaluate(run, frame, chain[-1].left)
    for link in reversed(chain):
        value = _link(run, frame, link, value, place if link is expr else NOWHERE)
    return value


_TENSOR_OPERATORS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}


def _link(run: Run, frame: Frame, expr: tree.Binary, left: Any, place: Place) -> Any:
    if expr.operator in ("and", "or"):
        return arithmetic.logic(run, frame, expr, left, lambda: evaluate(run, frame, expr.right))
    right = evaluate(run, frame, expr.right)
    if left is UNKNOWN or right is UNKNOWN:
        run.lose(left, right)
        return UNKNOWN
    if isinstance(left, Stage) or isinstance(right, Stage):
        return _repeat(run, frame, expr, left, right)
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        name = _TENSOR_OPERATORS.get(expr.operator)
        if name is None:
            run.report(
                frame, "E0215", f"`{expr.operator}` does not work on tensors", expr.span,
                f"{kind_of(left)} and {kind_of(right)}",
            )  # fmt: skip
            return UNKNOWN
        value = join(run, frame, name, left, right, expr, place)
        if value is UNKNOWN:
            run.lose(left, right)
        return value
    return arithmetic.binary(run, frame, expr, left, right)


def _repeat(run: Run, frame: Frame, expr: tree.Binary, left: Any, right: Any) -> Any:
    if expr.operator == "*" and isinstance(left, Stage) and type(right) is int and right >= 0:
        return RepeatStage(left, right, expr)
    misjoined(run, frame, expr, left, right)
    run.lose(left, right)
    return UNKNOWN


def _range(run: Run, frame: Frame, expr: tree.RangeExpr, place: Place) -> Any:
    run.report(
        frame,
        "E0216",
        "`..` stands only in what an input declares",
        expr.span,
        "write `range(low, high)` for a list",
    )
    return UNKNOWN


# Calls


def _call(run: Run, frame: Frame, expr: tree.Call, place: Place) -> Any:
    function = callee(run, frame, expr.function)
    args, named, spans = arguments(run, frame, expr)
    if function is UNKNOWN:
        return UNKNOWN
    if isinstance(function, (Builtin, OpStage)) and _is_compile_time(function, args, named):
        return _builtin(run, frame, expr, function, args)
    if isinstance(function, Builtin):
        op = lookup(function.name)
        if op is not None:
            function = OpStage(op)
    if not isinstance(function, Stage):
        not_a_stage(run, frame, expr.function, function)
        return UNKNOWN
    if starts_with_tensor(function, args, named):
        return apply(run, frame, function, args, named, spans, expr, place)
    return Partial(function, args, named, spans, expr)


def _is_compile_time(function: Any, args: list[Any], named: dict[str, Any]) -> bool:
    """Whether `max(a, b)` and its like are meant on numbers: only when something is given, and no tensor in it.

    `zip` and its like, which no operator is called, take lists of tensors as well.
    """
    name = function.name if isinstance(function, Builtin) else function.op.name
    if name not in BUILTINS or (any(map(holds_tensor, args)) and lookup(name) is not None):
        return False
    return isinstance(function, Builtin) or (bool(args) and not named and not (len(args) == 1 and type(args[0]) is int))


def _builtin(run: Run, frame: Frame, expr: tree.Call, function: Any, args: list[Any]) -> Any:
    from dlspec.elaborate.builtins import TooLong

    builtin = function if isinstance(function, Builtin) else BUILTINS[function.op.name]
    if any(map(is_unknown, args)):
        return UNKNOWN
    if builtin.name in ("int", "round") and len(args) == 1 and isinstance(args[0], Size):
        return args[0]
    try:
        return builtin.function(*args)
    except TooLong as error:
        run.report(frame, "E0209", str(error), expr.span, "too long")
    except (TypeError, ValueError, OverflowError) as error:
        run.report(frame, "E0205", f"`{builtin.name}` does not take this", expr.span, _reason(error, args))
    return UNKNOWN


def _reason(error: Exception, args: list[Any]) -> str:
    words = str(error)
    return words if words.startswith("takes") else f"given {', '.join(map(kind_of, args)) or 'nothing'}"


# Pipelines


def _labelled(run: Run, frame: Frame, expr: tree.Labelled, place: Place) -> Any:
    label = label_text(run, frame, expr.label)
    if label is None:
        return UNKNOWN
    value = evaluate(run, frame, expr.value, Place(label, span=expr.label.span))
    if isinstance(value, Stage) or not (holds_tensor(value) or is_unknown(value)):
        run.report(
            frame, "E0216", f"the label `{label}` names nothing", expr.label.span, "stands before a value, not a step",
            notes=["a label names what a step of a pipeline makes; `name = value` names a value"],
        )  # fmt: skip
        return value
    if isinstance(expr.value, VALUES):
        labels_no_step(run, frame, expr, expr)
    frame.stages[label] = value
    return value


def _group(run: Run, frame: Frame, expr: tree.Group, place: Place) -> Any:
    return GroupStage(expr, frame)


def _pipe(run: Run, frame: Frame, expr: tree.Pipe, place: Place) -> Any:
    if place.label is not None or place.number is not None:
        return _nested_pipe(run, frame, expr, place)
    return pipeline(run, frame, expr, "named")


def _nested_pipe(run: Run, frame: Frame, expr: tree.Pipe, place: Place) -> Any:
    """A pipeline that is named as a whole: a scope of its own; one of a single step is that step."""
    source = evaluate(run, frame, expr.steps[0])
    if isinstance(source, Stage):
        return GroupStage(expr, frame)
    if len(expr.steps) == 2:
        return step(run, frame, expr.steps[1], source, place)
    label = place.label if place.label is not None else str(place.number)
    path = claim(run, frame, label, place.span or expr.span)
    application = Application(expr.span, "group", path, expr, {}, frame.application, [], call=expr, decisions=[])
    frame.application.steps.append(application)
    own = Frame(frame.file, application, Scope(path, frame.scope.round), frame.uses, frame)
    application.result = run.values[path] = steps(run, own, source, expr.steps[1:], "numbered")
    return application.result


_EVALUATE: dict[type, Any] = {
    tree.Literal: _literal,
    tree.Name: _name,
    tree.ListExpr: _list,
    tree.Comprehension: _comprehension,
    tree.RecordExpr: _record,
    tree.Attribute: _attribute,
    tree.Select: _select,
    tree.Index: _index,
    tree.IfExpr: _if_expr,
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.RangeExpr: _range,
    tree.Call: _call,
    tree.Labelled: _labelled,
    tree.Group: _group,
    tree.Pipe: _pipe,
}

__all__ = ["apply", "evaluate", "look_up", "pipeline", "rows", "steps", "truth"]
"""What a `Run` calls its language."""

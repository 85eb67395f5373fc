"""Expressions to values: compile-time arithmetic, names, and what flows through pipelines."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate import apply, arithmetic
from dlspec.elaborate.builtins import BUILTINS, LONGEST
from dlspec.elaborate.files import FileScope
from dlspec.elaborate.frame import NOWHERE, Frame, Place, Scope
from dlspec.elaborate.run import STEPS, Run, Stop
from dlspec.elaborate.values import (
    UNKNOWN,
    BlockStage,
    Builtin,
    Fields,
    ForeignStage,
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
from dlspec.ops import lookup, operator_names
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


def look_up(run: Run, frame: Frame, name: str, span: Span) -> Any:
    """The value of a name: of the body, of the file, of every spec."""
    try:
        return frame.find(name)
    except KeyError:
        pass
    if name == "training":
        run.asks_training = True
        return run.training
    found = file_value(run, frame, frame.file, name)
    if found is not None:
        return found
    op = lookup(name)
    if op is not None:
        return OpStage(op)
    if name in BUILTINS:
        return BUILTINS[name]
    if not frame.file.broken:
        _unknown_name(run, frame, name, span)
    return UNKNOWN


def file_value(run: Run, frame: Frame, file: FileScope, name: str) -> Any:
    """What a file defines or imports under a name; None where it does not."""
    found = file.names.get(name)
    if found is None:
        return None
    file.used.add(name)
    if isinstance(found, tuple):
        origin, original = found
        return file_value(run, frame, origin, original)
    if isinstance(found, (tree.Constant, tree.Alias)):
        file.names[name] = UNKNOWN  # a definition that needs itself meets this
        value = evaluate(run, Frame(file, frame.application, frame.scope, frame.uses), found.value)
        if isinstance(found, tree.Alias):
            value = _network_of(run, frame, found, value)
        file.names[name] = value
        return value
    return found


def _network_of(run: Run, frame: Frame, alias: tree.Alias, value: Any) -> Any:
    """The network that an alias stands for: its parameters, by name."""
    if isinstance(value, Partial) and isinstance(value.stage, NetworkStage):
        bound = apply.bind_network(run, frame, value)
        return UNKNOWN if bound is None else bound
    if isinstance(value, NetworkStage) or value is UNKNOWN:
        return value
    run.report(
        frame, "E0205", f"`{alias.name}` is not made of a network", alias.value.span, f"is {kind_of(value)}",
        notes=["write `network name = other(parameters)`"],
    )  # fmt: skip
    return UNKNOWN


def _unknown_name(run: Run, frame: Frame, name: str, span: Span, called: bool = False) -> None:
    from dlspec.diagnostics.near_names import near

    here = [*frame.names(), *frame.file.names, *BUILTINS]
    close = near(name, [*here, *operator_names()])
    fixes = [Fix(f"there is `{n}`", [Edit(span, n)], "safe") for n in close]
    if called:
        run.report(
            frame, "E0111", f"there is no operator or block `{name}`", span, "not known",
            notes=[] if close else ["`dlspec ops` lists the operators"], fixes=fixes,
        )  # fmt: skip
        return
    run.report(frame, "E0110", f"there is no `{name}` here", span, "not known", fixes=fixes)


def callee(run: Run, frame: Frame, expr: tree.Expr) -> Any:
    """The value of what is called or piped into; an unknown name is an unknown operator there."""
    if isinstance(expr, tree.Name):
        try:
            return frame.find(expr.name)
        except KeyError:
            pass
        found = file_value(run, frame, frame.file, expr.name)
        if found is not None:
            return found
        op = lookup(expr.name)
        if op is not None:
            return OpStage(op)
        if expr.name in BUILTINS:
            return BUILTINS[expr.name]
        if not frame.file.broken:
            _unknown_name(run, frame, expr.name, expr.span, called=True)
        return UNKNOWN
    return evaluate(run, frame, expr)


# Lists and records


def _list(run: Run, frame: Frame, expr: tree.ListExpr, place: Place) -> Any:
    if place.label is None:
        return [evaluate(run, frame, item) for item in expr.items]
    return _numbered_list(run, frame, expr, place, [(frame, item) for item in expr.items])


def _comprehension(run: Run, frame: Frame, expr: tree.Comprehension, place: Place) -> Any:
    found_rows = rows(run, frame, expr.iterable, expr.targets, expr.span)
    if found_rows is None:
        return UNKNOWN
    inner = []
    for row in found_rows:
        own = Frame(frame.file, frame.application, frame.scope, frame.uses, frame)
        own.env.update(row)
        if expr.condition is None or truth(run, own, expr.condition):
            inner.append((own, expr.item))
    if place.label is not None:
        return _numbered_list(run, frame, expr, place, inner)
    return [evaluate(run, own, item) for own, item in inner]


def _numbered_list(
    run: Run, frame: Frame, expr: tree.Expr, place: Place, items: list[tuple[Frame, tree.Expr]]
) -> Any:
    """`name: [a, b]`: the items of a labelled list are `name.0`, `name.1`."""
    path = apply.claim(run, frame, place.label or "", place.span or expr.span)
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
                frame, "E0205", f"each item must have {len(targets)} parts", iterable.span, f"an item is {kind_of(item)}"
            )
            return None
    return found


def _record(run: Run, frame: Frame, expr: tree.RecordExpr, place: Place) -> Any:
    return Fields((name, evaluate(run, frame, value)) for name, value in expr.fields)


# Parts


def _attribute(run: Run, frame: Frame, expr: tree.Attribute, place: Place) -> Any:
    value = evaluate(run, frame, expr.value)
    return part(run, frame, value, expr.name, expr)


TENSOR_FACTS = ("channels", "depth", "height", "width", "length", "features", "batch", "shape", "rank", "dtype")


def part(run: Run, frame: Frame, value: Any, name: str, expr: tree.Expr) -> Any:
    """`value.name`: a fact of a tensor, a field of a record, a network up to a node."""
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, Fields):
        if name in value:
            return value[name]
        return _no_part(run, frame, expr, name, "this record", list(value))
    if isinstance(value, Tensor):
        fact = _tensor_fact(value, name)
        if fact is not None:
            return fact
        return _no_part(run, frame, expr, name, f"a tensor of {len(value.shape)} axes", list(TENSOR_FACTS))
    network = _as_network(run, frame, value)
    if network is not None:
        inner = network.upto[0] + "." + name if network.upto else name
        return NetworkStage(network.definition, network.file, network.given, (inner,))
    run.report(frame, "E0220", f"{kind_of(value)} has no parts", expr.span, f"`.{name}` of {kind_of(value)}")
    return UNKNOWN


def _as_network(run: Run, frame: Frame, value: Any) -> NetworkStage | None:
    if isinstance(value, NetworkStage):
        return value
    if isinstance(value, Partial) and isinstance(value.stage, NetworkStage):
        return apply.bind_network(run, frame, value)
    return None


def _tensor_fact(tensor: Tensor, name: str) -> Any:
    shape = tensor.shape
    rank = len(shape)
    spatial = shape[2:]
    names = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}.get(len(spatial), ())
    facts: dict[str, Any] = {
        "shape": list(shape), "rank": rank, "dtype": tensor.dtype, **dict(zip(names, spatial)),
        **({"batch": shape[0], "features": shape[-1]} if rank else {}), **({"channels": shape[1]} if rank > 1 else {}),
    }  # fmt: skip
    return facts.get(name)


def _no_part(run: Run, frame: Frame, expr: tree.Expr, name: str, what: str, names: list[str]) -> Any:
    from dlspec.diagnostics.near_names import near

    close = near(name, names)
    where = expr.span.source.span(expr.span.end - len(name), expr.span.end)
    run.report(
        frame, "E0220", f"{what} has no `{name}`", where, "not known",
        notes=[f"it has {', '.join(f'`{n}`' for n in names)}"] if names else [],
        fixes=[Fix(f"there is `{n}`", [Edit(where, n)], "safe") for n in close],
    )  # fmt: skip
    return UNKNOWN


def _select(run: Run, frame: Frame, expr: tree.Select, place: Place) -> Any:
    value = evaluate(run, frame, expr.value)
    network = _as_network(run, frame, value) if isinstance(value, Stage) else None
    if network is not None:
        return NetworkStage(network.definition, network.file, network.given, expr.names)
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, Fields) and all(name in value for name in expr.names):
        return Fields((name, value[name]) for name in expr.names)
    if isinstance(value, Fields):
        missing = next(name for name in expr.names if name not in value)
        return _no_part(run, frame, expr, missing, "this record", list(value))
    run.report(frame, "E0220", "`.{ }` takes parts of a record or a network", expr.value.span, f"is {kind_of(value)}")
    return UNKNOWN


def _index(run: Run, frame: Frame, expr: tree.Index, place: Place) -> Any:
    value = evaluate(run, frame, expr.value)
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, Tensor):
        return apply.index_tensor(run, frame, value, expr, place)
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
    return _item(run, frame, expr, value, index)


def _item(run: Run, frame: Frame, expr: tree.Index, value: Any, index: Any) -> Any:
    if isinstance(value, Fields) and isinstance(index, str):
        return part(run, frame, value, index, expr)
    if isinstance(value, Fields) and type(index) is int:
        value = list(value.values())
    if not isinstance(value, list) or type(index) is not int or len(expr.indices) > 1:
        run.report(
            frame, "E0205", "an index takes a list and a whole number", expr.span, f"{kind_of(value)} at {kind_of(index)}"
        )
        return UNKNOWN
    if not -len(value) <= index < len(value):
        run.report(
            frame, "E0214", f"the list has {len(value)} item{'s' if len(value) != 1 else ''}, no item {index}",
            expr.indices[0].span, f"is {index}", notes=["items are counted from 0"],
        )  # fmt: skip
        return UNKNOWN
    return value[index]


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
        return apply.call_operator(run, frame, "neg", [value], [], {}, expr, place)
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
        return apply.join(run, frame, name, left, right, expr, place)
    return arithmetic.binary(run, frame, expr, left, right)


def _repeat(run: Run, frame: Frame, expr: tree.Binary, left: Any, right: Any) -> Any:
    if expr.operator == "*" and isinstance(left, Stage) and type(right) is int and right >= 0:
        return RepeatStage(left, right, expr)
    notes = ["a repeat is a stage times a whole number, `block(64) * 3`; between tensors `*` multiplies"]
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        notes = ["apply the stage to its tensor first: `relu(x) * y` multiplies tensors, `x -> unit * 3` repeats a stage"]
    run.report(
        frame, "E0215", f"`{expr.operator}` does not join {kind_of(left)} and {kind_of(right)}", expr.span,
        "neither a repeat nor a product", notes=notes,
    )  # fmt: skip
    return UNKNOWN


def _range(run: Run, frame: Frame, expr: tree.RangeExpr, place: Place) -> Any:
    run.report(
        frame, "E0216", "`..` stands only in what an input declares", expr.span, "write `range(low, high)` for a list"
    )
    return UNKNOWN


# Calls


def _call(run: Run, frame: Frame, expr: tree.Call, place: Place) -> Any:
    function = callee(run, frame, expr.function)
    args, named, spans = apply.arguments(run, frame, expr)
    if function is UNKNOWN:
        return UNKNOWN
    if isinstance(function, (Builtin, OpStage)) and _is_compile_time(function, args, named):
        return _builtin(run, frame, expr, function, args)
    if isinstance(function, Builtin):
        op = lookup(function.name)
        if op is not None:
            function = OpStage(op)
    if not isinstance(function, Stage):
        _not_a_stage(run, frame, expr.function, function)
        return UNKNOWN
    if apply.starts_with_tensor(function, args, named):
        return apply.apply(run, frame, function, args, named, spans, expr, place)
    return Partial(function, args, named, spans, expr)


def _is_compile_time(function: Any, args: list[Any], named: dict[str, Any]) -> bool:
    """Whether `max(a, b)` and its like are meant on numbers: only when something is given, and no tensor in it."""
    name = function.name if isinstance(function, Builtin) else function.op.name
    if name not in BUILTINS or any(map(holds_tensor, args)):
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


def _not_a_stage(run: Run, frame: Frame, expr: tree.Expr, value: Any) -> None:
    notes = []
    if isinstance(value, Tensor):
        notes = [
            "a label names the output of its stage; to apply one module in several places, write "
            "`module name = …` and apply `name`"
        ]
    run.report(
        frame, "E0211", f"`{expr.span.text.strip()}` cannot be applied", expr.span, f"is {kind_of(value)}, not a stage",
        notes=notes,
    )  # fmt: skip


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
    frame.stages[label] = value
    return value


def label_text(run: Run, frame: Frame, label: tree.LabelName) -> str | None:
    """The text of a label, its computed parts filled in."""
    if label.plain is not None:
        return label.plain
    texts = []
    for piece in label.parts:
        value = piece if isinstance(piece, str) else evaluate(run, frame, piece)
        if value is UNKNOWN:
            return None
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            run.report(frame, "E0205", "a label is made of words and whole numbers", label.span, f"is {kind_of(value)}")
            return None
        texts.append(str(value))
    return "".join(texts)


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
    path = apply.claim(run, frame, label, place.span or expr.span)
    application = Application(expr.span, "group", path, expr, {}, frame.application, [], call=expr, decisions=[])
    frame.application.steps.append(application)
    own = Frame(frame.file, application, Scope(path, frame.scope.round), frame.uses, frame)
    application.result = run.values[path] = steps(run, own, source, expr.steps[1:], "numbered")
    return application.result


def pipeline(run: Run, frame: Frame, expr: tree.Pipe, naming: str) -> Any:
    """What comes out of a pipeline; one that begins with a stage is itself a stage."""
    source = evaluate(run, frame, expr.steps[0])
    if isinstance(source, Stage):
        return GroupStage(expr, frame)
    return steps(run, frame, source, expr.steps[1:], naming)


def steps(run: Run, frame: Frame, current: Any, items: tuple[tree.Expr, ...], naming: str) -> Any:
    """Send a value through steps.

    `naming` is `numbered` (a group, or the whole body of a block: unlabelled steps are 0, 1, 2),
    `network` (the whole body of a network) or `named` (any other pipeline). Among labelled steps, those
    without weights take their operator's name, whatever the naming.
    """
    if naming != "named" and any(isinstance(item, tree.Labelled) for item in items):
        naming = "mixed" if naming == "network" else "named"
    elif naming == "network":
        naming = "numbered"
    position = 0
    for item in items:
        if current is UNKNOWN:
            return _skip(run, frame, items)
        count = 1
        if naming == "numbered":
            place = Place(number=position)
        elif naming == "mixed":
            place = Place(fallback=position)
        else:
            place = NOWHERE
        current, count = _counted_step(run, frame, item, current, place)
        position += count
    return current


def _skip(run: Run, frame: Frame, items: tuple[tree.Expr, ...]) -> Any:
    """After a mistake: the labels further on are known, their values not."""
    for item in items:
        if isinstance(item, tree.Labelled) and item.label.plain is not None:
            frame.stages.setdefault(item.label.plain, UNKNOWN)
        _check_names(run, frame, item)
    return UNKNOWN


def _check_names(run: Run, frame: Frame, item: tree.Expr) -> None:
    """Names of stages are still looked up, so that one run reports every unknown operator."""
    if isinstance(item, tree.Labelled):
        item = item.value
    if isinstance(item, tree.Call):
        function = callee(run, frame, item.function)
        if isinstance(function, OpStage) and not any(isinstance(a.value, (tree.Pipe, tree.Labelled)) for a in item.args):
            apply.check_arguments(run, frame, function, item)
    elif isinstance(item, tree.Name):
        callee(run, frame, item)
    elif isinstance(item, tree.Group):
        for inner in item.steps:
            _check_names(run, frame, inner)


def _counted_step(run: Run, frame: Frame, item: tree.Expr, current: Any, place: Place) -> tuple[Any, int]:
    """A step, and how many positions it takes in a numbered pipeline: a repeat takes one for each copy."""
    if isinstance(item, tree.Binary) and item.operator == "*":
        stage = evaluate(run, frame, item)
        if isinstance(stage, RepeatStage):
            return apply.repeat(run, frame, stage, current, place), stage.count
        return (UNKNOWN if stage is UNKNOWN else _as_step(run, frame, item, stage, current, place)), 1
    return step(run, frame, item, current, place), 1


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
            chosen = truth(run, frame, item.test)
            frame.application.decisions.append((item, chosen))
            return step(run, frame, item.then if chosen else item.orelse, current, place)
        case tree.Name():
            stage = callee(run, frame, item)
            if isinstance(stage, Builtin):
                op = lookup(stage.name)
                stage = OpStage(op) if op is not None else stage
        case _:
            stage = evaluate(run, frame, item)
    return _as_step(run, frame, item, stage, current, place)


def _as_step(run: Run, frame: Frame, item: tree.Expr, stage: Any, current: Any, place: Place) -> Any:
    if stage is UNKNOWN or current is UNKNOWN:
        return UNKNOWN
    if isinstance(stage, RepeatStage):
        return apply.repeat(run, frame, stage, current, place)
    if not isinstance(stage, Stage):
        _not_a_stage(run, frame, item, stage)
        return UNKNOWN
    spans = apply.no_arguments(item.span)
    return apply.apply(run, frame, stage, [current], {}, spans, item, place)


def _call_step(run: Run, frame: Frame, item: tree.Call, current: Any, place: Place) -> Any:
    """`x -> f(a)` is `f(x, a)`."""
    function = callee(run, frame, item.function)
    args, named, spans = apply.arguments(run, frame, item)
    if function is UNKNOWN or current is UNKNOWN:
        return UNKNOWN
    if isinstance(function, Builtin):
        op = lookup(function.name)
        if op is None:
            _not_a_stage(run, frame, item.function, function)
            return UNKNOWN
        function = OpStage(op)
    if not isinstance(function, Stage):
        _not_a_stage(run, frame, item.function, function)
        return UNKNOWN
    spans.positional.insert(0, item.function.span)
    return apply.apply(run, frame, function, [current, *args], named, spans, item, place)


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

__all__ = ["LONGEST", "BlockStage", "ForeignStage", "Stop", "callee", "evaluate", "look_up", "pipeline", "step", "truth"]

"""Stages to tensors: each application of an operator, block, group, network or shared module."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate import body
from dlspec.elaborate.foreign import ForeignOp
from dlspec.elaborate.frame import NOWHERE, Frame, Place, Scope
from dlspec.elaborate.reserved import reserved
from dlspec.elaborate.run import DEPTH, Run, Stop
from dlspec.elaborate.values import (
    UNKNOWN,
    ArgumentSpans,
    BlockStage,
    Fields,
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
    kind_of,
    tensors_in,
)
from dlspec.graph import Application, Module, Node, Tensor
from dlspec.ops import lookup
from dlspec.ops.op import At, Mistake, Op, Wrong, spaced
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.source import Span


# Arguments


def no_arguments(span: Span) -> ArgumentSpans:
    """The spans of a stage that is applied by its bare name."""
    return ArgumentSpans(span, [span], {})


def arguments(run: Run, frame: Frame, call: tree.Call) -> tuple[list[Any], dict[str, Any], ArgumentSpans]:
    """The evaluated arguments of a call, with where they stand."""
    from dlspec.elaborate.evaluate import evaluate

    args: list[Any] = []
    named: dict[str, Any] = {}
    spans = ArgumentSpans(call.function.span, [], {})
    for arg in call.args:
        value = evaluate(run, frame, arg.value)
        if arg.name is None:
            if named:
                run.report(frame, "E0205", "an argument by position stands after one by name", arg.span, "put it first")
            args.append(value)
            spans.positional.append(arg.value.span)
        elif arg.name in named:
            run.report(
                frame, "E0205", f"`{arg.name}` is given twice", arg.span, "again here",
                also=[(spans.named[arg.name], "first here")],
            )  # fmt: skip
        else:
            named[arg.name] = value
            spans.named[arg.name] = arg.span
    return args, named, spans


def starts_with_tensor(stage: Stage, args: list[Any], named: dict[str, Any]) -> bool:
    """Whether a call applies its stage now: its first argument is a tensor, or holds some."""
    if isinstance(stage, Partial):
        return bool(args) and holds_tensor(args[0])
    if args and (holds_tensor(args[0]) or is_unknown(args[0])):
        return True
    if isinstance(stage, BlockStage) and not stage.definition.params:
        return True
    return any(holds_tensor(value) for value in named.values()) and not isinstance(stage, OpStage)


# The one way in


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
    match stage:
        case OpStage():
            return _operator(run, frame, stage.op, args, named, spans, call, place)
        case BlockStage():
            return _block(run, frame, stage, args, named, spans, call, place)
        case Partial():
            return _partial(run, frame, stage, args, named, spans, call, place)
        case GroupStage():
            return _group(run, frame, stage, args, named, call, place)
        case RepeatStage():
            return repeat(run, frame, stage, args[0], place)
        case SharedStage():
            return _shared(run, frame, stage, args, named, spans, call)
        case NetworkStage():
            return _network(run, frame, stage, args, named, spans, call, place)
        case FrozenStage():
            return _frozen(run, frame, stage, args, named, spans, call, place)
        case ForeignStage():
            return _foreign(run, frame, stage, args, named, spans, call, place)
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


# Labels


def claim(run: Run, frame: Frame, label: str, span: Span) -> str:
    """Take a label in the scope and give its path; one that is taken or reserved is reported."""
    scope = frame.scope
    first = scope.labels.get(label)
    if first is not None:
        run.report(
            frame, "E0208", f"the label `{label}` is used twice", span, "again here", also=[(first, "first here")],
            notes=["each call makes a module of its own; for one in several places write `module name = …`"],
        )  # fmt: skip
        label = scope.free(label)
    why = reserved(label)
    if why is not None:
        run.report(
            frame, "E0114", f"a stage cannot be called `{label}`", span, why,
            fixes=[Fix(f"call it `{label}_`", [Edit(span, f"{label}_")])] if span.text == label else [],
        )  # fmt: skip
        label = f"{label}_"
    scope.labels[label] = span
    return scope.join(label)


def _path(run: Run, frame: Frame, place: Place, own: str, span: Span, weights: bool) -> str:
    """The path of what is made: by its label, its position, or its own name."""
    if place.label is not None:
        return claim(run, frame, place.label, place.span or span)
    number = place.number if place.number is not None else place.fallback if weights else None
    if number is not None:
        label = str(number)
        if label in frame.scope.labels:
            label = frame.scope.free(label)
        frame.scope.labels[label] = span
        return frame.scope.join(label)
    if weights:
        name = frame.scope.free(own)
        at = span.source.span(span.start, span.start)
        run.report(
            frame, "E0207", f"`{own}` holds weights and needs a label", span, "its weights would have no name",
            notes=["a label is the name of the module, in `state_dict` as in the picture"],
            fixes=[Fix("name it", [Edit(at, f"{name}: ")], "placeholder")],
        )  # fmt: skip
    else:
        name = frame.scope.free(own)
    if reserved(name):
        name = f"{name}_"
    return frame.scope.join(name)


# Operators


def call_operator(
    run: Run, frame: Frame, name: str, tensors: list[Tensor], args: list[Any], named: dict[str, Any], expr: tree.Expr,
    place: Place,
) -> Any:  # fmt: skip
    """Apply an operator that the language spells otherwise: `-x`, `x[:, 0]`."""
    op = lookup(name)
    if op is None:
        raise LookupError(f"the catalogue lacks `{name}`")
    spans = ArgumentSpans(expr.span, [expr.span] * (len(tensors) + len(args)), dict.fromkeys(named, expr.span))
    return _operator(run, frame, op, [*tensors, *args], named, spans, expr, place)


def join(run: Run, frame: Frame, name: str, left: Any, right: Any, expr: tree.Binary, place: Place) -> Any:
    """`+ - * /` with a tensor on one side or on both."""
    op = lookup(name)
    if op is None:
        raise LookupError(f"the catalogue lacks `{name}`")
    spans = ArgumentSpans(expr.span, [expr.left.span, expr.right.span], {"other": expr.right.span})
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return _operator(run, frame, op, [left, right], {}, spans, expr, place)
    tensor, other = (left, right) if isinstance(left, Tensor) else (right, left)
    if isinstance(other, bool) or not isinstance(other, (int, float)):
        run.report(
            frame, "E0215", f"`{expr.operator}` does not join {kind_of(left)} and {kind_of(right)}", expr.span, "here"
        )
        return UNKNOWN
    named = {"other": other} if tensor is left else {"other": other, "reversed": True}
    return _operator(run, frame, op, [tensor], named, spans, expr, place)


def index_tensor(run: Run, frame: Frame, tensor: Tensor, expr: tree.Index, place: Place) -> Any:
    """`x[:, 0]`: a slice or a choice along each axis in turn."""
    from dlspec.elaborate.evaluate import evaluate

    value: Any = tensor
    axis = 0
    jobs: list[tuple[str, dict[str, Any]]] = []
    for index in expr.indices:
        if isinstance(index, tree.Slice):
            ends = [None if e is None else evaluate(run, frame, e) for e in (index.start, index.stop)]
            if any(map(is_unknown, ends)):
                return UNKNOWN
            if ends != [None, None]:
                jobs.append(("slice", {"dim": axis, "start": ends[0] or 0, "end": ends[1]}))
            axis += 1
        else:
            number = evaluate(run, frame, index)
            if is_unknown(number):
                return UNKNOWN
            jobs.append(("select", {"dim": axis, "index": number}))
    for position, (name, named) in enumerate(jobs):
        value = call_operator(
            run, frame, name, [value], [], named, expr, place if position == len(jobs) - 1 else NOWHERE
        )
        if value is UNKNOWN:
            return UNKNOWN
    return value


def _operator(
    run: Run, frame: Frame, op_class: type[Op], args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    if any(map(is_unknown, args)) or any(map(is_unknown, named.values())):
        return UNKNOWN
    bound = _bind(run, frame, op_class, args, named, spans)
    if bound is None:
        return UNKNOWN
    tensors, values, where = bound
    op = op_class(values)
    return make_node(run, frame, op, tensors, where, spans, call, place)


def make_node(
    run: Run, frame: Frame, op: Op, tensors: list[Tensor], where: dict[str, Span], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    """The node of an operator on its tensors, or what is wrong with it."""
    run.room_for(1, frame, call.span)
    at = At(tensors)
    try:
        facts = op.result(at)
        module_needed = place.label is not None or _has_weights(op, at)
        path = _path(run, frame, place, op.name, call.span, _has_weights(op, at))
        run.require(at, frame, call.span, path)
    except Mistake as mistake:
        _say(run, frame, op, mistake, tensors, where, spans, call)
        return UNKNOWN
    node = Node(path, op, tuple(tensors), at, call.span, frame.application)
    node.call = call
    node.outputs = tuple(Tensor(fact.dtype, fact.shape, node, port) for port, fact in enumerate(facts))
    if module_needed or place.number is not None:
        node.module = _module(run, frame, node, call.span)
    run.add(node, frame.application)
    value: Any = node.outputs[0] if len(node.outputs) == 1 else list(node.outputs)
    run.values[node.path] = value
    return value


def _has_weights(op: Op, at: At) -> bool:
    return next(iter(op.weights(at)), None) is not None or next(iter(op.buffers(at)), None) is not None


def _module(run: Run, frame: Frame, node: Node, span: Span) -> Module:
    """The module of a node: made, or found again where its scope is used again."""
    modules = run.graph.modules
    path = node.path
    if not frame.scope.round:
        module = modules[path] = Module(path, node.op, node.at, span)
        module.frozen = run.frozen > 0
        run.weighted += bool(module.weights or module.buffers)
        return module
    module = modules.get(path) or modules.setdefault(path, Module(path, node.op, node.at, span))
    node.path = f"{path}#{frame.scope.round + 1}"
    if tuple(node.op.weights(node.at)) != module.weights:
        _differs(run, frame, node, module)
    return module


def _differs(run: Run, frame: Frame, node: Node, module: Module) -> None:
    first = ", ".join(f"{name} {spaced(shape)}" for name, shape in module.weights)
    here = ", ".join(f"{name} {spaced(shape)}" for name, shape in node.op.weights(node.at))
    run.report(
        frame, "E0219", f"the shared module `{module.path}` cannot take this input", node.span,
        f"gets {spaced(node.inputs[0].shape)}",
        notes=[f"at its first use its weights are {first}; here they would be {here}"],
    )  # fmt: skip


def _bind(
    run: Run, frame: Frame, op: type[Op], args: list[Any], named: dict[str, Any], spans: ArgumentSpans
) -> tuple[list[Tensor], dict[str, Any], dict[str, Span]] | None:
    """Tensors, parameters, and where the parameters stand."""
    count = next((i for i, arg in enumerate(args) if not holds_tensor(arg)), len(args))
    tensors = list(tensors_in(args[:count]))
    places = {}
    rest = args[count:]
    named = dict(named)
    for name in list(named):
        if holds_tensor(named[name]) and name not in op.fields:
            tensors += list(tensors_in(named.pop(name)))
        elif isinstance(named[name], Tensor):
            tensors.append(named.pop(name))
    if not _right_count(run, frame, op, tensors, spans):
        return None
    values: dict[str, Any] = {}
    for (name, value), span in zip(zip(op.fields, rest), spans.positional[count:]):
        values[name], places[name] = value, span
    ok = _refuse_surplus(run, frame, op, rest, spans.positional[count:])
    for name, value in named.items():
        span = spans.named.get(name, spans.call)
        if name not in op.fields:
            ok = _unknown_parameter(run, frame, op, name, span)
        elif name in values:
            run.report(frame, "E0205", f"`{name}` is given twice", span, "again here", also=[(places[name], "first here")])
            ok = False
        else:
            values[name], places[name] = value, span
    ok = _read_values(run, frame, op, values, places) and ok
    return (tensors, values, places) if _complete(run, frame, op, values, spans) and ok else None


def check_arguments(run: Run, frame: Frame, stage: OpStage, call: tree.Call) -> None:
    """The parameters of a call whose tensors are unknown: names and values are judged all the same."""
    args, named, spans = arguments(run, frame, call)
    op = stage.op
    for name, span in spans.named.items():
        if name not in op.fields and not holds_tensor(named[name]) and not is_unknown(named[name]):
            _unknown_parameter(run, frame, op, name, span)
    values = dict(zip(op.fields, args)) | {n: v for n, v in named.items() if n in op.fields}
    places = dict(zip(op.fields, spans.positional)) | spans.named
    values = {n: v for n, v in values.items() if not is_unknown(v) and not holds_tensor(v)}
    _read_values(run, frame, op, values, places)


def _right_count(run: Run, frame: Frame, op: type[Op], tensors: list[Tensor], spans: ArgumentSpans) -> bool:
    variadic = any(name[0] == "*" for name in op.inputs)
    least = sum(not name.endswith("?") and name[0] != "*" for name in op.inputs) + (1 if variadic else 0)
    if len(tensors) >= least and (variadic or len(tensors) <= len(op.inputs)):
        return True
    names = ", ".join(f"`{name.strip('*?')}`" for name in op.inputs)
    wanted = f"at least {least}" if variadic else str(least) if least == len(op.inputs) else f"{least} to {len(op.inputs)}"
    plural = "s" if wanted != "1" else ""
    run.report(
        frame, "E0204", f"`{op.name}` takes {wanted} input{plural} ({names}), it gets {len(tensors)}", spans.call,
        f"gets {len(tensors)}",
    )  # fmt: skip
    return False


def _refuse_surplus(run: Run, frame: Frame, op: type[Op], rest: list[Any], spans: list[Span]) -> bool:
    if len(rest) <= len(op.fields):
        return True
    taken = ", ".join(op.fields) or "no parameters"
    run.report(
        frame, "E0205", f"`{op.name}` takes {len(op.fields)} parameters, {len(rest)} are given",
        spans[len(op.fields)], "one too many", notes=[f"`{op.name}` takes {taken}"],
    )  # fmt: skip
    return False


def _unknown_parameter(run: Run, frame: Frame, op: type[Op], name: str, span: Span) -> bool:
    from dlspec.diagnostics.near_names import near

    where = span.source.span(span.start, span.start + len(name)) if span.text.startswith(name) else span
    inferred = {"in_channels", "in_features", "num_features", "num_channels", "input_size"}
    notes = [f"`{op.name}` takes {', '.join(op.fields) or 'no parameters'}"]
    fixes = [Fix(f"there is `{n}`", [Edit(where, n)], "safe") for n in near(name, list(op.fields))]
    if name in inferred:
        notes = [f"`{name}` is inferred from the input"]
        fixes = [Fix(f"leave out `{name}`", safety="placeholder")]
    run.report(frame, "E0112", f"`{op.name}` has no parameter `{name}`", where, "not a parameter", notes=notes, fixes=fixes)
    return False


def _read_values(run: Run, frame: Frame, op: type[Op], values: dict[str, Any], places: dict[str, Span]) -> bool:
    ok = True
    for name, value in values.items():
        try:
            values[name] = op.read(name, value)
        except Wrong as wrong:
            shown = str(value) if isinstance(value, (int, float, list)) and not isinstance(value, bool) else kind_of(value)
            run.report(
                frame, wrong.code, f"`{name}` of `{op.name}` is {wrong.wanted}, not {shown}", places[name], f"is {shown}"
            )
            ok = False
    return ok


def _complete(run: Run, frame: Frame, op: type[Op], values: dict[str, Any], spans: ArgumentSpans) -> bool:
    missing = [name for name, field in op.fields.items() if field.required and name not in values]
    if missing:
        words = " and ".join(f"`{name}`" for name in missing)
        run.report(
            frame, "E0203", f"`{op.name}` needs {words}", spans.call, f"without {words}",
            notes=[f"`{op.name}` takes {', '.join(op.fields)}"],
        )  # fmt: skip
    return not missing


def _say(
    run: Run, frame: Frame, op: Op, mistake: Mistake, tensors: list[Tensor], where: dict[str, Span],
    spans: ArgumentSpans, call: tree.Expr,
) -> None:  # fmt: skip
    """A mistake of an operator as a diagnostic: at the parameter or input it is about, with the shapes of the inputs."""
    span = spans.call
    if isinstance(call, tree.Binary):
        span = call.span
    if mistake.parameter is not None and mistake.parameter in where:
        span = where[mistake.parameter]
    also = []
    if mistake.input is not None or mistake.code in ("E0301", "E0302", "E0305", "E0307", "E0312"):
        for tensor in tensors:
            origin = _origin(tensor)
            if origin is not None and not (origin.source is span.source and origin.start <= span.start < origin.end):
                also.append((origin, f"gives {spaced(tensor.shape)}"))
    notes = [*mistake.notes, *_shrinking(tensors, mistake)]
    fixes = []
    if mistake.insert:
        at = call.span.source.span(call.span.start, call.span.start)
        fixes.append(Fix(mistake.help or f"put `{mistake.insert}` before", [Edit(at, f"{mistake.insert} -> ")]))
    elif mistake.help:
        fixes.append(Fix(mistake.help, safety="placeholder"))
    label = mistake.label
    if mistake.input is not None and span is spans.call and len(tensors) == 1:
        label = f"gets {spaced(tensors[0].shape)}"
    run.report(frame, mistake.code, mistake.message, span, label, also=also[:4], notes=notes, fixes=fixes)


def _origin(tensor: Tensor) -> Span | None:
    """Where a tensor was made, on its smallest span."""
    call = tensor.node.call
    if isinstance(call, tree.Call):
        return call.function.span
    return tensor.node.span


def _shrinking(tensors: list[Tensor], mistake: Mistake) -> list[str]:
    """For a window that does not fit: how the map came to its size, back to the input."""
    if mistake.code != "E0307" or not tensors:
        return []
    sizes: list[str] = []
    tensor: Tensor | None = tensors[0]
    last = None
    while tensor is not None and len(tensor.shape) > 2 and len(sizes) < 8:
        size = spaced(tensor.shape[2:])
        if size != last:
            where = tensor.node.path if tensor.node.op.family == "input" else f"`{tensor.node.path}`"
            sizes.append(f"{size} ({where})")
            last = size
        tensor = tensor.node.inputs[0] if tensor.node.inputs else None
    return [f"the map, from here back: {', '.join(sizes)}"] if len(sizes) > 1 else []


# Blocks, groups, repeats


def _block(
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
    path = _path(run, frame, place, definition.name, call.span, place.fallback is not None)
    run.spend(frame, call.span)
    application = Application(call.span, "block", path, definition, bound, frame.application, [], call=call, decisions=[])
    application.again = frame.scope.round > 0
    frame.application.steps.append(application)
    uses = (*frame.uses, (spans.call, definition.name))
    own = Frame(stage.file, application, Scope(path, frame.scope.round), uses)
    own.env.update(bound)
    application.result = run.values[path] = body.block_body(run, own, definition)
    unnamed = place.label is None and place.number is None and place.fallback is None
    if unnamed and run.weighted > known:
        _path(run, frame, NOWHERE, definition.name, call.span, True)
    return application.result


def _contains_itself(run: Run, frame: Frame, definition: tree.Block, call: tree.Expr) -> None:
    nested = sum(name == definition.name for _, name in frame.uses)
    if not nested:
        run.report(frame, "E0209", f"blocks stand more than {DEPTH} deep in each other", call.span, "one too deep")
        raise Stop
    run.report(
        frame, "E0210", f"the block `{definition.name}` contains itself without end", call.span, "used here again",
        also=[(definition.name_span, "defined here")],
        notes=[f"blocks may stand {DEPTH} deep in each other; `{definition.name}` was used {nested} times within itself"],
    )  # fmt: skip
    raise Stop


def bind_block(
    run: Run, frame: Frame, stage: BlockStage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans
) -> dict[str, Any] | None:
    """Parameter to value for a use of a block."""
    definition = stage.definition
    bound = _bind_params(run, frame, f"block `{definition.name}`", definition.params, args, named, spans)
    if bound is None:
        return None
    return _defaults(run, frame, stage, definition.params, bound, spans)


def _bind_params(
    run: Run, frame: Frame, what: str, params: tuple[tree.Param, ...], args: list[Any], named: dict[str, Any],
    spans: ArgumentSpans,
) -> dict[str, Any] | None:  # fmt: skip
    names = [param.name for param in params]
    if len(args) > len(names):
        run.report(
            frame, "E0205", f"the {what} takes {len(names)} arguments, {len(args)} are given",
            spans.positional[len(names)] if len(names) < len(spans.positional) else spans.call, "one too many",
            notes=[f"it takes {', '.join(names) or 'none'}"],
        )  # fmt: skip
        return None
    bound = dict(zip(names, args))
    ok = True
    for name, value in named.items():
        span = spans.named[name]
        if name not in names:
            ok = _unknown_argument(run, frame, what, name, span, names)
        elif name in bound:
            run.report(frame, "E0205", f"`{name}` is given twice", span, "again here")
            ok = False
        else:
            bound[name] = value
    return bound if ok else None


def _unknown_argument(run: Run, frame: Frame, what: str, name: str, span: Span, names: list[str]) -> bool:
    from dlspec.diagnostics.near_names import near

    where = span.source.span(span.start, span.start + len(name)) if span.text.startswith(name) else span
    run.report(
        frame, "E0112", f"the {what} has no parameter `{name}`", where, "not a parameter",
        notes=[f"it takes {', '.join(names) or 'none'}"],
        fixes=[Fix(f"there is `{n}`", [Edit(where, n)], "safe") for n in near(name, names)],
    )  # fmt: skip
    return False


def _defaults(
    run: Run, frame: Frame, stage: BlockStage | NetworkStage | ForeignStage, params: tuple[tree.Param, ...],
    bound: dict[str, Any], spans: ArgumentSpans,
) -> dict[str, Any] | None:  # fmt: skip
    from dlspec.elaborate.evaluate import evaluate

    seen = Frame(stage.file, frame.application, frame.scope, frame.uses)
    values: dict[str, Any] = {}
    missing = []
    for param in params:
        if param.name in bound:
            values[param.name] = bound[param.name]
        elif param.default is not None:
            values[param.name] = evaluate(run, seen, param.default)
        else:
            missing.append(param)
        if param.name in values:
            seen.env[param.name] = values[param.name]
    if missing:
        words = " and ".join(f"`{param.name}`" for param in missing)
        run.report(
            frame, "E0203", f"`{stage.definition.name}` needs {words}", spans.call, f"without {words}",
            also=[(missing[0].span, "has no default")],
        )  # fmt: skip
        return None
    return values


def _group(
    run: Run, frame: Frame, stage: GroupStage, args: list[Any], named: dict[str, Any], call: tree.Expr, place: Place
) -> Any:
    from dlspec.elaborate.evaluate import steps

    if len(args) != 1 or named:
        run.report(frame, "E0204", f"a group takes 1 input, it gets {len(args)}", call.span, "here")
        return UNKNOWN
    naming = "numbered"
    number = place.number if place.number is not None else place.fallback
    if place.label is not None or number is not None:
        label = place.label if place.label is not None else str(number)
        path = claim(run, frame, label, place.span or call.span)
    else:
        path = frame.scope.join(frame.scope.free("group"))
    application = Application(stage.tree.span, "group", path, stage.tree, {}, frame.application, [], call=call, decisions=[])
    application.again = frame.scope.round > 0
    frame.application.steps.append(application)
    own = Frame(stage.frame.file, application, Scope(path, frame.scope.round), frame.uses, stage.frame)
    known = run.weighted
    application.result = run.values[path] = steps(run, own, args[0], stage.steps, naming)
    if place.label is None and number is None and run.weighted > known:
        run.report(
            frame, "E0207", "this group holds weights and needs a label", stage.tree.span, "its weights would have no name"
        )
    return application.result


def repeat(run: Run, frame: Frame, stage: RepeatStage, current: Any, place: Place) -> Any:
    """A stage some times over: `label.0`, `label.1` under a label, or the next positions of a numbered pipeline."""
    run.room_for(stage.count, frame, stage.call.span)
    spans = no_arguments(stage.call.span)
    if place.label is not None:
        path = claim(run, frame, place.label, place.span or stage.call.span)
        application = Application(
            stage.call.span, "group", path, stage.call, {}, frame.application, [], call=stage.call, decisions=[]
        )
        frame.application.steps.append(application)
        own = Frame(frame.file, application, Scope(path, frame.scope.round), frame.uses, frame)
        for index in range(stage.count):
            current = _one(run, own, stage, current, spans, Place(number=index))
        application.result = run.values[path] = current
        return current
    first = place.number if place.number is not None else place.fallback
    for index in range(stage.count):
        copy = NOWHERE if first is None else Place(number=first + index)
        current = _one(run, frame, stage, current, spans, copy)
    return current


def _one(run: Run, frame: Frame, stage: RepeatStage, current: Any, spans: ArgumentSpans, place: Place) -> Any:
    if current is UNKNOWN:
        return UNKNOWN
    return apply(run, frame, stage.stage, [current], {}, spans, stage.call, place)


# Shared modules, frozen parts, networks in networks, foreign modules


def _shared(
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
    return apply(run, own, stage.stage, args, named, spans, call, Place(stage.label, span=stage.span))


def _frozen(
    run: Run, frame: Frame, stage: FrozenStage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    run.frozen += 1
    try:
        return apply(run, frame, stage.stage, args, named, spans, call, place)
    finally:
        run.frozen -= 1


def bind_network(run: Run, frame: Frame, partial: Partial) -> NetworkStage | None:
    """A network with the parameters of a call: `resnet(basic, [2, 2, 2, 2])`."""
    stage = partial.stage
    assert isinstance(stage, NetworkStage)
    free = tuple(param for param in stage.definition.params if param.name not in stage.given)
    what = f"network `{stage.definition.name}`"
    bound = _bind_params(run, frame, what, free, partial.args, partial.named, partial.spans)
    if bound is None:
        return None
    return NetworkStage(stage.definition, stage.file, {**stage.given, **bound}, stage.upto)


def network_arguments(
    run: Run, frame: Frame, stage: NetworkStage, given: dict[str, Any], spans: ArgumentSpans
) -> dict[str, Any] | None:
    """Every parameter of a network with its value."""
    return _defaults(run, frame, stage, stage.definition.params, given, spans)


def _network(
    run: Run, frame: Frame, stage: NetworkStage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    """A network as a part of another: its inputs by position, then its parameters."""
    definition = stage.definition
    count = next((i for i, arg in enumerate(args) if not holds_tensor(arg)), len(args))
    partial = Partial(stage, args[count:], named, ArgumentSpans(spans.call, spans.positional[count:], spans.named), call)
    bound = bind_network(run, frame, partial)
    if bound is None:
        return UNKNOWN
    values = network_arguments(run, frame, bound, bound.given, spans)
    if values is None:
        return UNKNOWN
    if len(frame.uses) >= DEPTH or any(name == definition.name for _, name in frame.uses[-8:]):
        run.report(frame, "E0210", f"the network `{definition.name}` contains itself", call.span, "used here again")
        raise Stop
    known = run.weighted
    path = _path(run, frame, place, definition.name, call.span, place.fallback is not None)
    application = Application(
        call.span, "network", path, definition, values, frame.application, [], call=call, decisions=[]
    )
    frame.application.steps.append(application)
    own = Frame(stage.file, application, Scope(path, frame.scope.round), (*frame.uses, (spans.call, definition.name)))
    own.env.update(values)
    outputs = body.network_body(run, own, definition, args[:count], spans)
    if outputs is None:
        return UNKNOWN
    if stage.upto:
        return _upto(run, frame, application, stage, call)
    application.result = next(iter(outputs.values())) if len(outputs) == 1 else Fields(outputs)
    run.values[path] = application.result
    if place.label is None and place.number is None and place.fallback is None and run.weighted > known:
        _path(run, frame, NOWHERE, definition.name, call.span, True)
    return application.result


def _upto(run: Run, frame: Frame, application: Application, stage: NetworkStage, call: tree.Expr) -> Any:
    """What named nodes give; what only comes after them is taken out again."""
    found = Fields()
    for name in stage.upto:
        path = f"{application.path}.{name}"
        if path not in run.values:
            _no_such_node(run, frame, application, name, call)
            return UNKNOWN
        found[name.rpartition(".")[2]] = run.values[path]
    if any(map(is_unknown, found.values())):
        return UNKNOWN
    application.result = next(iter(found.values())) if len(found) == 1 else found
    prune(run, application, [tensor.node for tensor in tensors_in(list(found.values()))])
    run.values[application.path] = application.result
    return application.result


def _no_such_node(run: Run, frame: Frame, application: Application, name: str, call: tree.Expr) -> None:
    from dlspec.diagnostics.near_names import near

    prefix = application.path + "."
    names = [path[len(prefix) :] for path in run.values if path.startswith(prefix)]
    top = [n for n in names if "." not in n]
    close = near(name, names)
    run.report(
        frame, "E0119", f"`{application.definition.name}` has no part `{name}`", call.span, "not found in it",
        notes=[f"there is {' and '.join(f'`{n}`' for n in close)}" if close else f"its parts are {', '.join(top)}"],
    )  # fmt: skip


def prune(run: Run, application: Application, kept: list[Node]) -> None:
    """Take out of an application every node that the kept ones do not need."""
    needed = set()
    stack = list(kept)
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            stack += [tensor.node for tensor in node.inputs]
    mine = set(application.nodes())
    gone = mine - needed
    _drop(application, gone)
    graph = run.graph
    graph.nodes = [node for node in graph.nodes if node not in gone]
    for index, node in enumerate(graph.nodes):
        node.index = index
    alive = {node.module for node in graph.nodes if node.module is not None}
    graph.modules = {path: module for path, module in graph.modules.items() if module in alive}
    graph.requirements = [r for r in graph.requirements if not any(r.path == node.path for node in gone)]


def _drop(application: Application, gone: set[Node]) -> None:
    kept: list[Node | Application] = []
    for item in application.steps:
        if isinstance(item, Application):
            _drop(item, gone)
            if item.steps:
                kept.append(item)
        elif item not in gone:
            kept.append(item)
    application.steps[:] = kept


def _foreign(
    run: Run, frame: Frame, stage: ForeignStage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    definition = stage.definition
    count = next((i for i, arg in enumerate(args) if not holds_tensor(arg)), len(args))
    if any(map(is_unknown, args)):
        return UNKNOWN
    rest = ArgumentSpans(spans.call, spans.positional[count:], spans.named)
    what = f"module `{definition.name}`"
    bound = _bind_params(run, frame, what, definition.params, args[count:], named, rest)
    values = None if bound is None else _defaults(run, frame, stage, definition.params, bound, spans)
    if values is None:
        return UNKNOWN
    tensors = list(tensors_in(args[:count]))
    if len(tensors) != len(definition.takes):
        run.report(
            frame, "E0204", f"`{definition.name}` takes {len(definition.takes)} inputs, it gets {len(tensors)}", spans.call,
            f"gets {len(tensors)}",
        )  # fmt: skip
        return UNKNOWN
    op = ForeignOp(definition, values, lambda expr, sizes: _foreign_size(run, stage, frame, values, expr, sizes))
    return make_node(run, frame, op, tensors, {}, spans, call, place)


def _foreign_size(
    run: Run, stage: ForeignStage, frame: Frame, values: dict[str, Any], expr: tree.Expr, sizes: dict[str, Any]
) -> Any:
    from dlspec.elaborate.evaluate import evaluate

    own = Frame(stage.file, frame.application, frame.scope, frame.uses)
    own.env.update(values)
    own.env.update(sizes)
    return evaluate(run, own, expr)


__all__ = ["apply", "arguments", "bind_network", "claim", "repeat", "starts_with_tensor"]

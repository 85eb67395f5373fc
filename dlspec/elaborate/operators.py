"""Operators applied: a node each, and a module where there are weights or a name."""

from __future__ import annotations

from dlspec.elaborate.frame import NOWHERE, Frame, Place
from dlspec.elaborate.inferred_given import tell_of_inferred
from dlspec.elaborate.instead import operator_instead
from dlspec.elaborate.labels import path_for
from dlspec.elaborate.mistakes import say
from dlspec.elaborate.parameters import bind
from dlspec.elaborate.run import Run
from dlspec.elaborate.values import UNKNOWN, ArgumentSpans, Fields, holds_tensor, is_unknown, kind_of, tensors_in
from dlspec.graph import Failure, Module, Node, Tensor
from dlspec.ops import lookup
from dlspec.ops.fact import beyond_memory
from dlspec.ops.op import At, Mistake, Op, spaced
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.ops.fact import Shape
    from dlspec.source import Span


def call_operator(
    run: Run, frame: Frame, name: str, tensors: list[Tensor], args: list[Any], named: dict[str, Any], expr: tree.Expr,
    place: Place,
) -> Any:  # fmt: skip
    """Apply an operator that the language spells otherwise: `-x`, `x[:, 0]`."""
    op = lookup(name)
    if op is None:
        raise LookupError(f"the catalogue lacks `{name}`")
    spans = ArgumentSpans(expr.span, [expr.span] * (len(tensors) + len(args)), dict.fromkeys(named, expr.span))
    return operator(run, frame, op, [*tensors, *args], named, spans, expr, place)


def join(run: Run, frame: Frame, name: str, left: Any, right: Any, expr: tree.Binary, place: Place) -> Any:
    """`+ - * /` with a tensor on one side or on both."""
    op = lookup(name)
    if op is None:
        raise LookupError(f"the catalogue lacks `{name}`")
    spans = ArgumentSpans(expr.span, [expr.left.span, expr.right.span], {"other": expr.right.span})
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return operator(run, frame, op, [left, right], {}, spans, expr, place)
    tensor, other = (left, right) if isinstance(left, Tensor) else (right, left)
    if isinstance(other, bool) or not isinstance(other, (int, float)):
        run.report(
            frame,
            "E0215",
            f"`{expr.operator}` does not join {kind_of(left)} and {kind_of(right)}",
            expr.span,
            "here",
        )
        return UNKNOWN
    named = {"other": other} if tensor is left else {"other": other, "reversed": True}
    return operator(run, frame, op, [tensor], named, spans, expr, place)


def index_tensor(run: Run, frame: Frame, tensor: Tensor, expr: tree.Index, place: Place) -> Any:
    """`x[:, 0]`: a slice or a choice along each axis in turn."""
    value: Any = tensor
    axis = 0
    jobs: list[tuple[str, dict[str, Any]]] = []
    for index in expr.indices:
        if isinstance(index, tree.Slice):
            ends = [None if e is None else run.language.evaluate(run, frame, e) for e in (index.start, index.stop)]
            if any(map(is_unknown, ends)):
                return UNKNOWN
            if ends != [None, None]:
                jobs.append(("slice", {"dim": axis, "start": ends[0] or 0, "end": ends[1]}))
            axis += 1
        else:
            number = run.language.evaluate(run, frame, index)
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


def operator(
    run: Run, frame: Frame, op_class: type[Op], args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    if any(map(is_unknown, args)) or any(map(is_unknown, named.values())):
        return UNKNOWN
    if op_class.of_several and not named and _are_several(args):
        return _joined(run, frame, op_class.of_several, list(tensors_in(args)), call, place)
    bound = bind(run, frame, op_class, args, named, spans)
    if bound is None:
        return UNKNOWN
    tensors, values, where = bound
    known = len(run.problems)
    value = make_node(run, frame, op_class(values), tensors, where, spans, call, place)
    if len(values) > len(named):
        tell_of_inferred(run, frame, op_class, tensors, values, named, where, known)
    return value


def _are_several(args: list[Any]) -> bool:
    """Whether tensors are given as a list, be it of one, or one after the other."""
    return bool(args) and all(map(holds_tensor, args)) and (len(args) > 1 or isinstance(args[0], list))


def _joined(run: Run, frame: Frame, name: str, tensors: list[Tensor], call: tree.Expr, place: Place) -> Any:
    """The tensors joined one after the other, two at a time."""
    value: Any = tensors[0]
    for position, tensor in enumerate(tensors[1:], 2):
        here = place if position == len(tensors) else NOWHERE
        value = call_operator(run, frame, name, [value, tensor], [], {}, call, here)
        if value is UNKNOWN:
            return UNKNOWN
    return value


def make_node(
    run: Run, frame: Frame, op: Op, tensors: list[Tensor], where: dict[str, Span], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    """The node of an operator on its tensors, or what is wrong with it."""
    run.room_for(1, frame, call.span)
    at = At(tensors, run.sizes, run.graph.found)
    try:
        op.check_lists(at)
        facts = op.result(at)
        module_needed = place.label is not None or has_weights(op, at)
        for name, shape in op.weights(at) if module_needed else ():
            if (size := beyond_memory("float32", shape)) is not None:
                raise _too_large(f"the {name} of `{op.name}`", shape, size)
        path = path_for(run, frame, place, op.name, call.span, has_weights(op, at))
        if path in run.instead:
            other = operator_instead(run, frame, op, path)
            if other is None:
                return UNKNOWN
            op, at = other, At(tensors, run.sizes, run.graph.found)
            facts = op.result(at)
        run.require(at, frame, call.span, path)
        for fact in facts:
            if (size := beyond_memory(fact.dtype, fact.shape)) is not None:
                raise _too_large(f"the result of `{op.name}`", fact.shape, size)
    except Mistake as mistake:
        say(run, frame, op, mistake, tensors, where, spans, call)
        path = place.label or op.name
        path = f"{frame.application.path}.{path}" if frame.application.path else path
        run.graph.failures.append(Failure(path, op, tuple(tensors), mistake.message, call.span, frame.application))
        return UNKNOWN
    node = Node(path, op, tuple(tensors), at, call.span, frame.application)
    node.call = call
    node.outputs = tuple(Tensor(fact.dtype, fact.shape, node, port, fact.count) for port, fact in enumerate(facts))
    if module_needed or place.number is not None:
        node.module = _module(run, frame, node, call.span)
    elif frame.scope.round:
        node.path = f"{path}#{frame.scope.round + 1}"
    run.add(node, frame.application)
    run.values[node.path] = value = _given(node)
    return value


def _given(node: Node) -> Any:
    """What a node stands for: a tensor, a record where its results have names, else a list of several."""
    if node.op.results:
        return Fields(zip(node.op.results, node.outputs))
    return list(node.outputs) if node.op.several or len(node.outputs) > 1 else node.outputs[0]


def _too_large(what: str, shape: Shape, size: str) -> Mistake:
    return Mistake(
        "E0340", f"{what} has at least {size}, more than any tensor can have",
        f"gives {spaced(shape)}" if max(map(len, map(str, shape))) < 24 else "gives far more",
        notes=["the sizes of a tensor and its bytes are counted in 63 bits"],
    )  # fmt: skip


def has_weights(op: Op, at: At) -> bool:
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

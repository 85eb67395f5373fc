"""Networks as parts of networks, whole or up to named nodes."""

from __future__ import annotations

from dlspec.elaborate.arguments import bind_params, defaults
from dlspec.elaborate.frame import NOWHERE, Frame, Place, Scope
from dlspec.elaborate.instead import arguments_instead
from dlspec.elaborate.labels import path_for
from dlspec.elaborate.run import DEPTH, Run, Stop
from dlspec.elaborate.statements import network_body
from dlspec.elaborate.values import (
    UNKNOWN,
    ArgumentSpans,
    Fields,
    NetworkStage,
    Partial,
    holds_tensor,
    is_unknown,
    tensors_in,
)
from dlspec.graph import Application, Node
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any


def bind_network(run: Run, frame: Frame, partial: Partial) -> NetworkStage | None:
    """A network with the parameters of a call: `resnet(basic, [2, 2, 2, 2])`."""
    stage = partial.stage
    assert isinstance(stage, NetworkStage)
    free = tuple(param for param in stage.definition.params if param.name not in stage.given)
    what = f"network `{stage.definition.name}`"
    bound = bind_params(run, frame, what, free, partial.args, partial.named, partial.spans)
    if bound is None:
        return None
    return NetworkStage(stage.definition, stage.file, {**stage.given, **bound}, stage.upto)


def network_arguments(
    run: Run, frame: Frame, stage: NetworkStage, given: dict[str, Any], spans: ArgumentSpans
) -> dict[str, Any] | None:
    """Every parameter of a network with its value."""
    return defaults(run, frame, stage, stage.definition.params, given, spans)


def network(
    run: Run, frame: Frame, stage: NetworkStage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
    call: tree.Expr, place: Place,
) -> Any:  # fmt: skip
    """A network as a part of another: its inputs by position, then its parameters."""
    definition = stage.definition
    count = next((i for i, arg in enumerate(args) if not holds_tensor(arg)), len(args))
    if count < len(args) and args[count] is UNKNOWN:
        return UNKNOWN  # whether it was to be an input or a parameter is not known
    partial = Partial(
        stage, args[count:], named, ArgumentSpans(spans.call, spans.positional[count:], spans.named), call
    )
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
    path = path_for(run, frame, place, definition.name, call.span, place.fallback is not None)
    if path in run.instead and not arguments_instead(run, frame, definition, values, path):
        return UNKNOWN
    application = Application(
        call.span, "network", path, definition, values, frame.application, [], call=call, decisions=[]
    )
    frame.application.steps.append(application)
    own = Frame(stage.file, application, Scope(path, frame.scope.round), (*frame.uses, (spans.call, definition.name)))
    own.env.update(values)
    outputs = network_body(run, own, definition, args[:count], spans)
    if outputs is None:
        return UNKNOWN
    if stage.upto:
        return _upto(run, frame, own, stage, call)
    application.result = next(iter(outputs.values())) if len(outputs) == 1 else Fields(outputs)
    run.values[path] = application.result
    if place.label is None and place.number is None and place.fallback is None and run.weighted > known:
        path_for(run, frame, NOWHERE, definition.name, call.span, True)
    return application.result


def _upto(run: Run, frame: Frame, own: Frame, stage: NetworkStage, call: tree.Expr) -> Any:
    """What named nodes give; what only comes after them is taken out again."""
    application = own.application
    found = Fields()
    for name in stage.upto:
        path = f"{application.path}.{name}"
        if path not in run.values:
            if not any(map(is_unknown, own.env.values())):
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

"""Which expression of a call is written for which parameter."""

from __future__ import annotations

from dlspec.graph import Tensor
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dlspec.graph import Node
    from dlspec.lowering.uses import Step


def written_fields(node: Node) -> dict[str, Any]:
    """Field to expression, for the fields that the call of an operator gives."""
    call: Any = node.call
    given = list(node.op.given)
    if type(call).__name__ == "Binary":
        right_first = type(call.left).__name__ == "Literal" or node.op.given.get("reversed")
        return {"other": call.left if right_first else call.right}
    if type(call).__name__ != "Call":
        return {}
    named = {arg.name: arg.value for arg in call.args if arg.name in given}
    by_position = [name for name in given if name not in named]
    positional = [arg.value for arg in call.args if arg.name is None]
    # Tensors come first, so what is left of them on the right are the fields.
    values = positional[len(positional) - len(by_position) :] if len(by_position) <= len(positional) else []
    return {**dict(zip(by_position, values)), **named}


def written_shape(node: Node, definition: Any) -> dict[str, Any]:
    """The sizes of a learned tensor, as its statement gives them."""
    statements = list(getattr(definition, "body", ()))
    while statements:
        statement = statements.pop()
        if type(statement).__name__ == "Learned" and statement.span == node.span:
            return {"shape": statement.shape}
        statements += [*getattr(statement, "body", ()), *getattr(statement, "orelse", ())]
    return {}


def bound_arguments(step: Step, agrees: Callable[[str, Any], bool]) -> dict[str, Any]:
    """Parameter to expression, for the parameters that the call of a block gives.

    A piped tensor takes the first parameter, one in the call stands among the arguments; `agrees` tells which it is.
    """
    assert step.use is not None
    call: Any = step.call
    if type(call).__name__ != "Call":
        return {}
    names = [param.name for param in getattr(step.use.definition, "params", ())]
    named = {arg.name: arg.value for arg in call.args if arg.name is not None}
    positional = [arg.value for arg in call.args if arg.name is None]
    arguments = step.use.application.arguments
    tensors = sum(isinstance(arguments.get(name), Tensor) for name in names)
    shifts = [1, 0, *range(2, tensors + 1)] if step.use.application.kind == "block" else [0, -1, -2, -3]
    for shift in shifts:
        bound = dict(zip(names[max(shift, 0) :], positional[max(-shift, 0) :]))
        if all(agrees(name, expr) for name, expr in bound.items() if name in step.use.names):
            return {**bound, **named}
    return named

"""How a block writes an argument of an operator in it: `width·4`, where the operator itself has a number."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.graph import Application, Node

LONGEST = 14


def written(node: Node, name: str, block: Application) -> str:
    """The argument `name` of a node in the words of `block`, in which it is; empty where it is a number, or long.

    What an inner block writes with a parameter of its own is followed to what that was given.
    """
    value = _argument(node.call, list(node.op.fields), name)
    inner = _scope(node.application)
    while inner is not block:
        if value is None or inner is None or inner.parent is None:
            return ""
        parameter = getattr(value, "name", None)
        if value.__class__.__name__ != "Name":
            return ""
        if parameter not in inner.arguments:
            if parameter in block.arguments:
                return ""
            break  # a name of the inner block's own
        value = _handed(inner, str(parameter))
        inner = _scope(inner.parent)
    span = getattr(value, "span", None)
    if span is None:
        return ""
    text = " ".join(span.text.split())
    return text.replace(" * ", "·") if len(text) <= LONGEST and not text.replace(".", "").isdigit() else ""


def _scope(application: Application | None) -> Application | None:
    """The block or network whose names are meant there: groups and lists have none of their own."""
    while application is not None and application.kind in ("group", "list"):
        application = application.parent
    return application


def _argument(call: Any, names: list[str], name: str) -> Any:
    """The expression that a call gives for a parameter; None where it gives none."""
    for arg in getattr(call, "args", ()):
        if arg.name == name:
            return arg.value
    places = [arg.value for arg in getattr(call, "args", ()) if arg.name is None]
    index = names.index(name) if name in names else len(places)
    return places[index] if index < len(places) else None


def _handed(inner: Application, name: str) -> Any:
    """The expression that the use of a block gives for a parameter, or the default that stands in the block.

    A pipe gives the first tensor; whether it did is told by what the numbers among the arguments came to.
    """
    params = {param.name: param.default for param in inner.definition.params}
    names = list(params)
    fits = [order for order in (names[1:], names) if _agrees(inner, order)]
    if len(fits) != 1:
        return None
    found = _argument(inner.call, fits[0], name)
    return params[name] if found is None else found


def _agrees(inner: Application, names: list[str]) -> bool:
    """Whether the arguments of a use can be meant for these parameters, in order."""
    args = getattr(inner.call, "args", ())
    places = [arg.value for arg in args if arg.name is None]
    if len(places) > len(names):
        return False
    given = {**dict(zip(names, places)), **{arg.name: arg.value for arg in args if arg.name is not None}}
    for param in inner.definition.params:
        if param.name in names and param.name not in given and param.default is None:
            return False
        text = getattr(getattr(given.get(param.name), "span", None), "text", "")
        if text.isdigit() and int(text) != inner.arguments.get(param.name):
            return False
        outer = _scope(inner.parent)
        known = outer is not None and text in outer.arguments and param.name in inner.arguments
        if outer is not None and known and not _is_same(outer.arguments[text], inner.arguments[param.name]):
            return False
    return True


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values may be one: equal numbers, or both no numbers."""
    numbers = [isinstance(value, (int, float)) for value in (one, other)]
    return bool(one == other) if all(numbers) else not any(numbers)

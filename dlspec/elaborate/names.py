"""Names to values: of the body, of the file, of every spec."""

from __future__ import annotations

from dlspec.elaborate.builtins import BUILTINS
from dlspec.elaborate.frame import Frame
from dlspec.elaborate.networks import bind_network
from dlspec.elaborate.run import Run
from dlspec.elaborate.unknown_names import unknown_name
from dlspec.elaborate.values import UNKNOWN, NetworkStage, OpStage, Partial, kind_of
from dlspec.ops import lookup
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.elaborate.files import FileScope
    from dlspec.source import Span


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
        unknown_name(run, frame, name, span)
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
    if isinstance(found, Circle):
        found.report(run, frame, name)
        return UNKNOWN
    if isinstance(found, (tree.Constant, tree.Alias)):
        file.names[name] = Circle(found)  # a definition that needs itself meets this
        value = run.language.evaluate(run, Frame(file, frame.application, frame.scope, frame.uses), found.value)
        if isinstance(found, tree.Alias):
            value = _network_of(run, frame, found, value)
        file.names[name] = value
        return value
    return found


class Circle:
    """What a definition of a file is while it is being evaluated."""

    def __init__(self, definition: tree.Alias | tree.Constant) -> None:
        self.definition = definition

    def report(self, run: Run, frame: Frame, name: str) -> None:
        run.report(
            frame, "E0224", f"`{name}` is defined by itself", self.definition.span, f"needs `{name}` first",
            notes=["a definition may need others, but not, through them, itself"],
        )  # fmt: skip


def _network_of(run: Run, frame: Frame, alias: tree.Alias, value: Any) -> Any:
    """The network that an alias stands for: its parameters, by name."""
    if isinstance(value, Partial) and isinstance(value.stage, NetworkStage):
        bound = bind_network(run, frame, value)
        return UNKNOWN if bound is None else bound
    if isinstance(value, NetworkStage) or value is UNKNOWN:
        return value
    run.report(
        frame, "E0205", f"`{alias.name}` is not made of a network", alias.value.span, f"is {kind_of(value)}",
        notes=["write `network name = other(parameters)`"],
    )  # fmt: skip
    return UNKNOWN


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
            unknown_name(run, frame, expr.name, expr.span, called=True)
        return UNKNOWN
    return run.language.evaluate(run, frame, expr)

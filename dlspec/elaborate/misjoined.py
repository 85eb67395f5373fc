"""What is said where `+ - * /` stand between what they do not join: a stage that was not applied, most of all."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate.frame import Frame
from dlspec.elaborate.named import parts
from dlspec.elaborate.run import Run
from dlspec.elaborate.values import Stage, kind_of
from dlspec.graph import Tensor
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any


def misjoined(run: Run, frame: Frame, expr: tree.Binary, left: Any, right: Any) -> None:
    """Report an operator with a stage on one side or on both."""
    between_numbers = expr.operator == "*" and not isinstance(left, Tensor) and not isinstance(right, Tensor)
    label = "neither a repeat nor a product" if between_numbers else "a stage is no tensor until it is applied"
    notes, fixes = [], []
    if between_numbers:
        notes = ["a repeat is a stage times a whole number, `block(64) * 3`; between tensors `*` multiplies"]
    elif pipe := _pipe_that_ends_in(frame, expr) if isinstance(left, Stage) else None:
        notes = [f"`->` holds looser than `{expr.operator}`, so this is one step of the pipeline"]
        fixes = _in_parentheses(pipe, expr) if isinstance(right, Tensor) else []
    if not fixes and not between_numbers:
        notes.append(f"apply a stage to its tensor first: `(x -> relu) {expr.operator} y`, or `relu(x)`")
    if "\n" in expr.span.source.text[expr.left.span.end : expr.right.span.start]:
        notes.append(f"a line that begins with `{expr.operator}` goes on with the statement before it")
    run.report(
        frame, "E0215", f"`{expr.operator}` does not join {kind_of(left)} and {kind_of(right)}", expr.span, label,
        notes=notes, fixes=fixes,
    )  # fmt: skip


def _in_parentheses(pipe: tree.Pipe, expr: tree.Binary) -> list[Fix]:
    source = pipe.span.source
    if not source.name.endswith(".dls"):
        return []
    first, last = source.span(pipe.span.start, pipe.span.start), source.span(expr.left.span.end, expr.left.span.end)
    return [Fix("put the pipeline in parentheses", [Edit(first, "("), Edit(last, ")")], "safe")]


def _pipe_that_ends_in(frame: Frame, expr: tree.Binary) -> tree.Pipe | None:
    """The pipeline whose last step begins with the operands of an expression."""
    definition = frame.application.definition
    for node in parts(definition):
        if isinstance(node, tree.Pipe) and len(node.steps) > 1 and _first_link(node.steps[-1]) is expr:
            return node
    return None


def _first_link(step: Any) -> Any:
    if isinstance(step, tree.Labelled):
        step = step.value
    while isinstance(step, tree.Binary) and isinstance(step.left, tree.Binary):
        step = step.left
    return step

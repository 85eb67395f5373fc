"""Edits of a spec's text for a node: a stage put before it, its bias left out, in both spellings."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Node
    from dlspec.source import Span


def put_before(node: Node, stage: str) -> Edit | None:
    """The edit that puts a stage before the step that makes a node; None where the step is not plain to see."""
    span = node.span
    start = _step_start(span)
    line = span.source.text.rfind("\n", 0, start) + 1
    before = span.source.text[line:start]
    at = span.source.span(start, start)
    if before.rstrip().endswith(("->", "=", "{")) or before.strip() == "->":
        return Edit(at, f"{stage} -> ")
    if before.strip() == "-":
        return Edit(at, f"{stage}\n{before}")
    if before.rstrip().endswith(("[", ",")) and span.source.is_yaml:
        return Edit(at, f"{stage}, ")
    return None


def put_behind_each(node: Node, stage: str) -> list[Edit]:
    """The edits that put a stage behind every copy of a step that is repeated, `f(x) * 3`; none where it is not."""
    span = node.span
    text = span.source.text
    if not text[span.end :].lstrip(" ").startswith("*") or text[: span.start].rstrip(" ").endswith(("*", "(")):
        return []
    first, last = span.source.span(span.start, span.start), span.source.span(span.end, span.end)
    return [Edit(first, "("), Edit(last, f" -> {stage})")]


def _step_start(span: Span) -> int:
    """Where a step begins: at its label, if it has one."""
    text, start = span.source.text, span.start
    colon = len(text[:start].rstrip(" "))
    if colon and text[colon - 1] == ":":
        name = colon - 1
        while name and (text[name - 1].isalnum() or text[name - 1] in "_{}"):
            name -= 1
        return name if name < colon - 1 else start
    return start


def bias_left_out(node: Node) -> Edit | None:
    """The edit that sets `bias=false` in the call that makes a node; None where the call is not written out."""
    arguments = getattr(node.call, "args", None)
    if arguments is None or not node.span.text.startswith(node.op.name) or not node.span.text.endswith(")"):
        return None
    for argument in arguments:
        if argument.name == "bias":
            return Edit(argument.value.span, "false")
    end = node.span.source.span(node.span.end - 1, node.span.end - 1)
    return Edit(end, ", bias=false" if arguments else "bias=false")


def argument_of(node: Node, text: str) -> Span | None:
    """Where the call that makes a node is given the value of that text, with its name; None where it is not."""
    arguments = getattr(node.call, "args", ())
    return next((argument.span for argument in arguments if argument.value.span.text == text), None)

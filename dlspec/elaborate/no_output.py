"""What is said of a network that gives nothing, with the output that its last lines would make."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate.frame import Frame
from dlspec.elaborate.run import Run
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from dlspec.source import Span


def no_output(run: Run, frame: Frame, definition: tree.Network) -> None:
    """Report a network without an output."""
    is_yaml = definition.span.source.is_yaml
    last = definition.body[-1] if definition.body else None
    edits = (_in_yaml(last.value) if is_yaml else [_before(last.span)]) if isinstance(last, tree.Evaluate) else []
    spelt = "`outputs: [name]`" if is_yaml else "`output name = value`"
    run.report(
        frame, "E0206", f"the network `{definition.name}` has no output", definition.name_span, "gives nothing",
        notes=[] if edits else [f"write {spelt}"],
        fixes=[Fix("name what it gives", edits, "placeholder")] if edits else [],
    )  # fmt: skip


def _before(span: Span) -> Edit:
    return Edit(span.source.span(span.start, span.start), "output logits = ")


def _in_yaml(value: tree.Expr) -> list[Edit]:
    """The last layer labelled, and `outputs` below the layers; none where they are not a line each."""
    step = value.steps[-1] if isinstance(value, tree.Pipe) else value
    text = step.span.source.text
    line = text.rfind("\n", 0, step.span.start) + 1
    end = text.find("\n", step.span.end)
    end = end if end >= 0 else len(text)
    layers = text.rfind("layers:", 0, step.span.start)
    if layers < 0 or not text[line : step.span.start].strip().startswith("-"):
        return []
    indent = " " * (layers - text.rfind("\n", 0, layers) - 1)
    label = step.label.plain if isinstance(step, tree.Labelled) else None
    edits = [] if label else [Edit(step.span.source.span(step.span.start, step.span.start), "logits: ")]
    at = step.span.source.span(end, end)
    return [*edits, Edit(at, f"\n{indent}outputs: [{label or 'logits'}]")]

"""Where the numbers of a stage come from, for its first use, and what it gives in all of them."""

from __future__ import annotations

from dlspec.graph import Node
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.editor.document import Document
    from dlspec.editor.stages import Stage

WIDTH = 76
"""Columns of a derivation in a hover; more would be broken by most editors."""


def derived(document: Document, value: Any) -> list[str]:
    """Where the numbers of a stage come from, for its first use."""
    from dlspec.analyses.explain import explain_layer
    from dlspec.analyses.table import part_table

    if value is None:
        return []
    wanted = value.span.start, value.span.end
    stage = next((one for one in document.stages if (one.start, one.end) == wanted), None)
    if stage is None or not stage.made:
        return []
    first = stage.made[0]
    summary = document.facts(first.graph.name)
    more = f"{len(stage.made) - 1} more uses in `{first.graph.name}`; " if len(stage.made) > 1 else ""
    if summary is None or first.graph is not summary.graph:
        return [f"{more}{stage_shapes(stage)}"]
    if isinstance(first.part, Node):
        text = explain_layer(summary, first.part, width=WIDTH)
    else:
        text = part_table(summary, first.part, width=WIDTH)
    return [f"```text\n{text}\n```", *([f"{more}{stage_shapes(stage)}"] if more else [])]


def stage_shapes(stage: Stage) -> str:
    """The shapes that the uses of a stage give."""
    shapes = list(dict.fromkeys(made.shape for made in stage.made))
    return "gives " + ", ".join(f"`{shape}`" for shape in shapes[:4]) + (" …" if len(shapes) > 4 else "")

"""The layers of one body that lack a label, told in one diagnostic with a name for each."""

from __future__ import annotations

from dlspec.diagnostics.record import Diagnostic, Fix, Label
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.source import Span

MARKED = 5
"""Layers that are marked in the text; the fix names all of them."""


class Unlabelled:
    """A diagnostic on the first layer without a label, to which the others of its body are added."""

    def __init__(self, told: Diagnostic, span: Span) -> None:
        self.told = told
        self._spans = [span]

    def add(self, span: Span, fix: Fix) -> None:
        """Add a layer, unless it was met in another use of its block."""
        if any(span is known or (span.source is known.source and span.start == known.start) for known in self._spans):
            return
        self._spans.append(span)
        if len(self._spans) <= MARKED:
            self.told.labels.insert(len(self._spans) - 1, Label(span, "nor would these"))
        self.told.message = f"{len(self._spans)} layers here hold weights and need labels"
        edits = [*self.told.fixes[0].edits, *fix.edits]
        self.told.fixes = [Fix("name them", edits, "placeholder")]

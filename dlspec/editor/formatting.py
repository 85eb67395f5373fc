"""The layout of `dlspec fmt`, as one edit; a text that cannot be read whole stays as it is."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.diagnostics.record import SpecError
from dlspec.record import TYPE_CHECKING
from dlspec.syntax.convert import fmt

if TYPE_CHECKING:
    from dlspec.editor.document import Document


def formatting(document: Document) -> list[lsp.TextEdit]:
    """The edit that formats a document, of the lines that change alone, so that the cursor stays elsewhere."""
    try:
        after = fmt(document.source)
    except SpecError:
        return []
    before = document.text
    if after == before:
        return []
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    head = next((i for i, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
    rest = min(len(old), len(new)) - head
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    start = sum(map(len, old[:head]))
    end = len(before) - sum(map(len, old[len(old) - tail :]))
    return [lsp.TextEdit(document.positions.range(start, end), "".join(new[head : len(new) - tail]))]

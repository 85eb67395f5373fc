"""What a check says, as an editor shows it: the primary label underlined, the others beside, notes in the message."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.editor.positions import Positions
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from dlspec.diagnostics.record import Diagnostic
    from dlspec.editor.document import Document
    from dlspec.source import Source, Span

SEVERITY = {"error": lsp.DiagnosticSeverity.Error, "warning": lsp.DiagnosticSeverity.Warning}
UNUSED = ("W0401", "W0403", "W0414")
"""Codes of what is defined and never used; editors show such text faintly."""


def diagnostics(document: Document) -> list[lsp.Diagnostic]:
    """Every problem of a version of a spec."""
    return [diagnostic(document, problem) for problem in document.problems]


def diagnostic(document: Document, problem: Diagnostic) -> lsp.Diagnostic:
    """One problem; of another file it stands at the import that brings it in."""
    return lsp.Diagnostic(
        range=_range(document, problem), message=_message(problem), severity=SEVERITY[problem.severity],
        code=problem.code, source="dlspec", related_information=_related(document, problem),
        tags=[lsp.DiagnosticTag.Unnecessary] if problem.code in UNUSED else None,
    )  # fmt: skip


def _message(problem: Diagnostic) -> str:
    """The message, what the underlined text is, the notes, and repairs that no edit can make."""
    primary = problem.primary
    label = f"\n{primary.text}" if primary is not None and primary.text else ""
    notes = "".join(f"\nnote: {note}" for note in problem.notes)
    help_ = "".join(f"\nhelp: {fix.message}" for fix in problem.fixes)
    return f"{problem.message}{label}{notes}{help_}"


def _range(document: Document, problem: Diagnostic) -> lsp.Range:
    place = problem.place
    if place is None:
        return document.positions.range(0, 0)
    if place.source is document.source:
        return document.positions.of(place)
    return document.positions.of(_import_of(document, place.source) or document.source.span(0, 0))


def _import_of(document: Document, source: Source) -> Span | None:
    """The import that reads a source, or one that leads to it."""
    imports = [item for item in document.tree.items if isinstance(item, tree.Import)]
    for item in imports:
        for name, _ in item.names:
            found = document.spec.scope.names.get(name)
            if isinstance(found, tuple) and found[0].source is source:
                return item.path_span
    return imports[0].path_span if imports else None


def _related(document: Document, problem: Diagnostic) -> list[lsp.DiagnosticRelatedInformation]:
    found = []
    for label in problem.labels:
        elsewhere = label.span.source is not document.source
        if (not label.primary or elsewhere) and (label.text or elsewhere):
            location = _location(document, label.span)
            if location is not None:
                found.append(lsp.DiagnosticRelatedInformation(location, label.text or problem.message))
    return found


def _location(document: Document, span: Span) -> lsp.Location | None:
    if span.source is document.source:
        return lsp.Location(document.uri, document.positions.of(span))
    path = document.other(span.source)
    if path is None:
        return None
    return lsp.Location(path.resolve().as_uri(), Positions(span.source, document.encoding).of(span))

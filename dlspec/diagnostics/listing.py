"""What is done to a list of problems before it is shown: order, no repeats, a count."""

from __future__ import annotations

from collections.abc import Iterable

from dlspec.diagnostics.record import Diagnostic
from dlspec.source import Span


def sort(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """By file, then by place in the file; those without a place come first."""
    return sorted(diagnostics, key=_order)


def unique(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics in their order, without those that repeat an earlier one word for word."""
    found: dict[tuple[object, ...], Diagnostic] = {}
    for diagnostic in diagnostics:
        found.setdefault(_facts(diagnostic), diagnostic)
    return list(found.values())


def tally(diagnostics: Iterable[Diagnostic]) -> str:
    """How many there are: `2 errors, 1 warning`, and `no errors` where there are none."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    counts = [(severities.count(severity), severity) for severity in ("error", "warning")]
    return ", ".join(f"{n:,} {word}{'s' if n > 1 else ''}" for n, word in counts if n) or "no errors"


def _order(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    place = diagnostic.place
    if place is None:
        return "", -1, -1, diagnostic.code, diagnostic.message
    return *_where(place), diagnostic.code, diagnostic.message


def _facts(diagnostic: Diagnostic) -> tuple[object, ...]:
    labels = tuple((*_where(label.span), label.text, label.primary) for label in diagnostic.labels)
    fixes = tuple(
        (fix.message, fix.safety, tuple((*_where(edit.span), edit.text) for edit in fix.edits))
        for fix in diagnostic.fixes
    )
    return diagnostic.code, diagnostic.message, labels, tuple(diagnostic.notes), fixes


def _where(span: Span) -> tuple[str, int, int]:
    return span.source.name, span.start, span.end

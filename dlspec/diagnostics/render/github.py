"""Problems as workflow commands, which GitHub shows as annotations beside the changed lines.

The syntax is that of "Workflow commands for GitHub Actions", the escapes those of actions/toolkit
(`packages/core/src/command.ts`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dlspec.diagnostics.listing import tally
from dlspec.diagnostics.record import Diagnostic
from dlspec.diagnostics.render import concise
from dlspec.source import Span

LIMIT = 10
"""A step shows ten annotations of each severity and drops the others without a word (actions/toolkit#734)."""


def render(diagnostics: Sequence[Diagnostic]) -> str:
    """The first errors, then the first warnings; the others as plain lines of the log."""
    errors = [diagnostic for diagnostic in diagnostics if diagnostic.severity == "error"]
    warnings = [diagnostic for diagnostic in diagnostics if diagnostic.severity == "warning"]
    lines = [_annotation(diagnostic) for diagnostic in errors[:LIMIT] + warnings[:LIMIT]]
    others = errors[LIMIT:] + warnings[LIMIT:]
    if others:
        note = f"{tally(others)} more than GitHub shows here: see the log of this step, or use --format sarif"
        lines.append(_command("notice", {"title": "dlspec"}, note))
        lines += [f"not annotated: {line}" for line in concise.render(others).splitlines()]
    return "".join(f"{line}\n" for line in lines)


def _annotation(diagnostic: Diagnostic) -> str:
    properties = {**_region(diagnostic.place), "title": f"dlspec {diagnostic.code} ({diagnostic.name})"}
    return _command(diagnostic.severity, properties, "\n".join(_sentences(diagnostic)))


def _sentences(diagnostic: Diagnostic) -> Iterator[str]:
    yield diagnostic.message
    for label in diagnostic.labels:
        if label.text:
            yield f"{label.span.source.name}:{label.span.line}: {label.text}"
    for note in diagnostic.notes:
        yield f"note: {note}"
    for fix in diagnostic.fixes:
        yield f"help: {fix.message}"


def _region(span: Span | None) -> dict[str, str]:
    """The place; GitHub takes columns only where the annotation stays on one line."""
    if span is None:
        return {}
    region = {"file": span.source.name, "line": str(span.line), "endLine": str(span.end_line)}
    if span.line == span.end_line:
        region |= {"col": str(span.column), "endColumn": str(max(span.end_column, span.column))}
    return region


def _command(name: str, properties: dict[str, str], message: str) -> str:
    settings = ",".join(f"{key}={_escaped(value, ':', ',')}" for key, value in properties.items())
    return f"::{name} {settings}::{_escaped(message)}"


def _escaped(text: str, *others: str) -> str:
    for character in ("%", "\r", "\n", *others):
        text = text.replace(character, f"%{ord(character):02X}")
    return text

"""Problems as JSON, one object a line, with the keys that `docs/` promises to programs."""

from __future__ import annotations

from collections.abc import Sequence

from dlspec.diagnostics.record import Diagnostic
from dlspec.diagnostics.render import text
from dlspec.source import Span

Entry = dict[str, object]


def render(diagnostics: Sequence[Diagnostic]) -> str:
    """One object a line; lines and columns count from 1 in code points, ends are exclusive.

    A problem without a place has null for its file, lines and columns.
    """
    import json

    return "".join(json.dumps(_problem(diagnostic)) + "\n" for diagnostic in diagnostics)


def _problem(diagnostic: Diagnostic) -> Entry:
    return {
        "code": diagnostic.code,
        "name": diagnostic.name,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        **_region(diagnostic.place),
        "labels": [
            {**_region(label.span), "text": label.text, "primary": label.primary} for label in diagnostic.labels
        ],
        "notes": list(diagnostic.notes),
        "fixes": [
            {
                "message": fix.message,
                "safety": fix.safety,
                "edits": [{**_region(edit.span), "text": edit.text} for edit in fix.edits],
            }
            for fix in diagnostic.fixes
        ],
        "rendered": text.render([diagnostic]),
        "explain": f"dlspec explain {diagnostic.code}",
    }


def _region(span: Span | None) -> Entry:
    if span is None:
        return dict.fromkeys(("file", "line", "column", "end_line", "end_column"))
    return {
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }

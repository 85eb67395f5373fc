"""Problems as SARIF 2.1.0, the format that code scanning services read."""

from __future__ import annotations

from collections.abc import Sequence

from dlspec.diagnostics.codes import CODES
from dlspec.diagnostics.explain import page
from dlspec.diagnostics.record import Diagnostic, Edit, Fix, Label
from dlspec.source import Source, Span

Entry = dict[str, object]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(diagnostics: Sequence[Diagnostic]) -> str:
    """One log with one run; every code is a rule; columns count UTF-16 units."""
    import json

    driver = {"name": "dlspec", "rules": [_rule(code, name) for code, name in CODES.items()]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "results": [_result(diagnostic) for diagnostic in diagnostics],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str, name: str) -> Entry:
    level = "warning" if code.startswith("W") else "error"
    rule: Entry = {
        "id": code,
        "name": name,
        "shortDescription": {"text": name.replace("-", " ")},
        "defaultConfiguration": {"level": level},
    }
    text = page(code)
    if text is not None:
        rule["help"] = {"text": text, "markdown": text}
    return rule


def _result(diagnostic: Diagnostic) -> Entry:
    place = diagnostic.place
    others = [label for label in diagnostic.labels if not label.primary]
    uses = [_frame(label) for label in others if label.text.startswith("in this use of ")]
    result: Entry = {
        "ruleId": diagnostic.code,
        "ruleIndex": list(CODES).index(diagnostic.code),
        "level": diagnostic.severity,
        "message": {"text": "\n".join([diagnostic.message, *diagnostic.notes])},
        "locations": [_location(place)] if place else [],
    }
    if others:
        result["relatedLocations"] = [_labelled(label, number) for number, label in enumerate(others)]
    if uses:
        result["stacks"] = [{"message": {"text": "uses of the block, innermost first"}, "frames": uses}]
    fixes = [_fix(fix) for fix in diagnostic.fixes if fix.edits]
    if fixes:
        result["fixes"] = fixes
    return result


def _location(span: Span) -> Entry:
    return {"physicalLocation": {"artifactLocation": _artifact(span.source), "region": _region(span)}}


def _labelled(label: Label, number: int) -> Entry:
    location: Entry = {"id": number, **_location(label.span)}
    return location | {"message": {"text": label.text}} if label.text else location


def _frame(label: Label) -> Entry:
    return {"location": _location(label.span) | {"message": {"text": label.text}}}


def _fix(fix: Fix) -> Entry:
    sources = {edit.span.source.name: edit.span.source for edit in fix.edits}
    changes = [
        {
            "artifactLocation": _artifact(source),
            "replacements": [_replacement(edit) for edit in fix.edits if edit.span.source.name == name],
        }
        for name, source in sources.items()
    ]
    return {"description": {"text": fix.message}, "artifactChanges": changes}


def _replacement(edit: Edit) -> Entry:
    return {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}


def _artifact(source: Source) -> Entry:
    """The file as a URI reference: relative names stay relative, to be resolved by who reads the log."""
    from pathlib import PurePath
    from urllib.parse import quote

    path = PurePath(source.name)
    return {"uri": path.as_uri() if path.is_absolute() else quote(path.as_posix())}


def _region(span: Span) -> Entry:
    line, column = _position(span.source, span.start)
    end_line, end_column = _position(span.source, span.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _position(source: Source, offset: int) -> tuple[int, int]:
    """Line and column from 1, characters beyond the basic plane counted as two."""
    line, column = source.position(offset)
    start = offset - column + 1
    return line, column + sum(character > "\uffff" for character in source.text[start:offset])

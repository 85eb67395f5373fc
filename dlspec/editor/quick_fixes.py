"""Repairs at the cursor: each fix of a diagnostic that is an edit, and all safe ones at once."""

from __future__ import annotations

import re

from lsprotocol import types as lsp

from dlspec.diagnostics.fixes import chosen
from dlspec.editor.diagnostics import diagnostic
from dlspec.editor.positions import Positions
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.diagnostics.record import Diagnostic, Edit, Fix
    from dlspec.editor.document import Document

WORD = re.compile(r"[\w.-]{1,40}")
FIX_ALL = f"{lsp.CodeActionKind.SourceFixAll.value}.dlspec"


def code_actions(
    document: Document, range: lsp.Range, only: list[lsp.CodeActionKind | str] | None
) -> list[lsp.CodeAction]:
    """What can be repaired in a range; of the whole file where all safe fixes are asked for."""
    wanted = (
        [lsp.CodeActionKind.QuickFix.value, FIX_ALL] if only is None else [str(getattr(k, "value", k)) for k in only]
    )
    found = []
    if any(lsp.CodeActionKind.QuickFix.value.startswith(kind) for kind in wanted):
        found += _quick_fixes(document, range)
    if any(FIX_ALL.startswith(kind) for kind in wanted):
        found += _fix_all(document)
    return found


def _quick_fixes(document: Document, range: lsp.Range) -> list[lsp.CodeAction]:
    start, end = document.positions.offset(range.start), document.positions.offset(range.end)
    actions = []
    for problem in document.problems:
        place = problem.place
        if place is None or place.source is not document.source or place.start > end or place.end < start:
            continue
        fixes = [fix for fix in problem.fixes if _can_be_made(document, fix)]
        safe = [fix for fix in fixes if fix.safety == "safe"]
        actions += [_action(document, problem, fix, preferred=len(safe) == 1 and fix is safe[0]) for fix in fixes]
    return actions


def _can_be_made(document: Document, fix: Fix) -> bool:
    return bool(fix.edits) and all(
        edit.span.source is document.source or document.other(edit.span.source) is not None for edit in fix.edits
    )


def _action(document: Document, problem: Diagnostic, fix: Fix, *, preferred: bool) -> lsp.CodeAction:
    return lsp.CodeAction(
        title=_title(fix), kind=lsp.CodeActionKind.QuickFix, diagnostics=[diagnostic(document, problem)],
        is_preferred=preferred or None, edit=workspace_edit(document, list(fix.edits)),
    )  # fmt: skip


def _title(fix: Fix) -> str:
    """What a fix does: of one that puts a word in place of another both words, which help alone only names."""
    if len(fix.edits) == 1 and "\n" not in fix.edits[0].text:
        old, new = fix.edits[0].span.text.strip(), fix.edits[0].text.strip()
        if WORD.fullmatch(old) and WORD.fullmatch(new):
            return f"change `{old}` to `{new}`"
    return fix.message


def _fix_all(document: Document) -> list[lsp.CodeAction]:
    fixes = [fix for fix in chosen(document.problems, "safe") if _can_be_made(document, fix)]
    if not fixes:
        return []
    edits = [edit for fix in fixes for edit in fix.edits]
    return [lsp.CodeAction("repair all that is safe to repair", FIX_ALL, edit=workspace_edit(document, edits))]


def workspace_edit(document: Document, edits: list[Edit]) -> lsp.WorkspaceEdit:
    """Edits of the diagnostics' kind as an editor makes them, by file."""
    changes: dict[str, list[lsp.TextEdit]] = {}
    for edit in edits:
        source = edit.span.source
        if source is document.source:
            uri, positions = document.uri, document.positions
        else:
            path = document.other(source)
            assert path is not None
            uri, positions = path.resolve().as_uri(), Positions(source, document.encoding)
        changes.setdefault(uri, []).append(lsp.TextEdit(positions.of(edit.span), edit.text))
    return lsp.WorkspaceEdit(changes=changes)

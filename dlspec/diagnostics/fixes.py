"""Applying fixes: which go together, and the texts that come out."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from dlspec.diagnostics.record import Diagnostic, Edit, Fix
from dlspec.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlspec.diagnostics.record import Safety

_ORDER: tuple[Safety, ...] = ("safe", "unsafe", "placeholder")


def apply(diagnostics: Iterable[Diagnostic], safety: Safety = "safe") -> dict[str, str]:
    """The new text of each source that the fixes of `chosen` change, by its name."""
    edits: dict[str, list[Edit]] = {}
    sources: dict[str, Source] = {}
    for fix in chosen(diagnostics, safety):
        for edit in fix.edits:
            source = sources.setdefault(edit.span.source.name, edit.span.source)
            edits.setdefault(source.name, []).append(edit)
    return {name: _edited(source.text, edits[name]) for name, source in sources.items()}


def chosen(diagnostics: Iterable[Diagnostic], safety: Safety = "safe") -> list[Fix]:
    """The fixes as safe as `safety` or safer that can all be applied, at most one a diagnostic.

    A fix is taken whole or not at all; one that touches the text of a fix taken earlier is left
    for the next time, when the problem may be gone.
    """
    allowed = _ORDER[: _ORDER.index(safety) + 1]
    taken: list[Fix] = []
    busy: dict[str, list[Place]] = {}
    for diagnostic in diagnostics:
        fix = next((fix for fix in diagnostic.fixes if fix.edits and fix.safety in allowed), None)
        if fix is None or any(_is_busy(busy.get(edit.span.source.name, []), _place(edit)) for edit in fix.edits):
            continue
        taken.append(fix)
        for edit in fix.edits:
            insort(busy.setdefault(edit.span.source.name, []), _place(edit))
    return taken


Place = tuple[int, int]
"""The offsets at which an edit starts and ends."""


def _place(edit: Edit) -> Place:
    return edit.span.start, edit.span.end


def _is_busy(busy: list[Place], place: Place) -> bool:
    """Whether an edit meets one of those taken, of which only its neighbours can."""
    index = bisect_left(busy, place)
    return any(_meet(place, other) for other in busy[max(0, index - 1) : index + 1])


def _meet(one: Place, other: Place) -> bool:
    """Whether two edits overlap, or touch where one of them inserts, so that their order would matter."""
    (start, end), (other_start, other_end) = one, other
    if start == end or other_start == other_end:
        return start <= other_end and other_start <= end
    return start < other_end and other_start < end


def _edited(text: str, edits: list[Edit]) -> str:
    pieces, position = [], 0
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end)):
        pieces += [text[position : edit.span.start], edit.text]
        position = edit.span.end
    return "".join([*pieces, text[position:]])

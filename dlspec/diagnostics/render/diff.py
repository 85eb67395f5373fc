"""The edits of a fix as a diff: lines removed and lines added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dlspec.diagnostics.record import Edit
from dlspec.diagnostics.render.display import ROOM, View
from dlspec.diagnostics.render.ink import Ink
from dlspec.source import Source


class Hunk:
    """Neighbouring lines of a source that go and those that come, both from line `first` on."""

    __slots__ = ("added", "first", "removed", "source")

    def __init__(self, source: Source, first: int, removed: list[str], added: list[str]) -> None:
        while removed and added and removed[0] == added[0]:
            removed, added, first = removed[1:], added[1:], first + 1
        while removed and added and removed[-1] == added[-1]:
            removed, added = removed[:-1], added[:-1]
        self.source, self.first, self.removed, self.added = source, first, removed, added

    @property
    def last_line(self) -> int:
        return self.first + max(len(self.removed), len(self.added)) - 1

    def rows(self, gutter: int, ink: Ink, room: int = ROOM) -> Iterator[str]:
        for lines, others, sign, style in (
            (self.removed, self.added, "-", "removed"),
            (self.added, self.removed, "+", "added"),
        ):
            for index, line in enumerate(lines):
                other = others[index] if index < len(others) else ""
                text = f"{sign} {View(line, _difference(line, other), room).text}".rstrip()
                yield ink("frame", f"{self.first + index:>{gutter}}") + " " + ink(style, text)


def hunks(edits: Sequence[Edit]) -> list[Hunk]:
    """The edits by source and line; those that touch a line in common are one hunk."""
    sources = {edit.span.source.name: edit.span.source for edit in edits}
    found = [
        _hunk(source, group)
        for name, source in sources.items()
        for group in _grouped([edit for edit in edits if edit.span.source.name == name])
    ]
    return [hunk for hunk in found if hunk.removed or hunk.added]


def _grouped(edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    group: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.span.start, edit.span.end)):
        if group and _touched(edit)[0] >= _after(group):
            yield group
            group = []
        group.append(edit)
    if group:
        yield group


def _touched(edit: Edit) -> tuple[int, int]:
    """The first line that an edit changes and the one after the last; whole lines put in touch none."""
    span = edit.span
    first, last = span.line, span.end_line
    if span.column == span.end_column == 1 and (not edit.text or edit.text.endswith("\n")):
        return first, last
    return first, last + 1


def _after(edits: Sequence[Edit]) -> int:
    """The line after the last that edits change: one more where they take away the end of that one."""
    first, after = _touched(edits[0])[0], max(_touched(edit)[1] for edit in edits)
    text = _edited(edits, first, after)
    return after + 1 if text and not text.endswith(("\n", "\r")) else after


def _hunk(source: Source, edits: Sequence[Edit]) -> Hunk:
    first, after = _touched(edits[0])[0], _after(edits)
    old = source.text[_offset(source, first) : _offset(source, after)]
    return Hunk(source, first, _lines(old), _lines(_edited(edits, first, after)))


def _edited(edits: Sequence[Edit], first: int, after: int) -> str:
    """The lines from `first` up to `after` as the edits leave them."""
    source = edits[0].span.source
    pieces, position = [], _offset(source, first)
    for edit in edits:
        pieces += [source.text[position : edit.span.start], edit.text]
        position = max(position, edit.span.end)
    return "".join([*pieces, source.text[position : _offset(source, after)]])


def _lines(text: str) -> list[str]:
    """The lines of a text by the rule that numbers them; a line end at its end begins no other."""
    source = Source("", text)
    count = len(source.starts) if not text or source.starts[-1] < len(text) else len(source.starts) - 1
    return [source.line(number) for number in range(1, count + 1)] if text else []


def _offset(source: Source, line: int) -> int:
    return source.starts[line - 1] if line <= len(source.starts) else len(source.text)


def _difference(line: str, other: str) -> tuple[int, int]:
    """The columns between which a line differs from another."""
    shorter = min(len(line), len(other))
    start = next((i for i in range(shorter) if line[i] != other[i]), shorter)
    same = next((i for i in range(shorter - start) if line[-1 - i] != other[-1 - i]), shorter - start)
    return start, len(line) - same

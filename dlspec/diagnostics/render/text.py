"""Problems in full, in rustc's anatomy: where, the lines with labels, notes, and help as a diff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dlspec.diagnostics.record import Diagnostic, Fix, Label
from dlspec.diagnostics.render.diff import Hunk, hunks
from dlspec.diagnostics.render.display import CUT, ROOM, shown
from dlspec.diagnostics.render.ink import Ink
from dlspec.diagnostics.render.snippet import Snippet
from dlspec.source import Source, Span

NARROWEST = 40
"""Columns of a source line that even a narrow terminal is given."""


def render(diagnostics: Sequence[Diagnostic], *, colour: bool = False, width: int | None = None) -> str:
    """Each diagnostic with its source lines, an empty line between them; columns are code points.

    Notes longer than `width` columns are broken between words, source lines cut round their labels.
    """
    ink = Ink(colour)
    return "\n".join("".join(f"{row}\n" for row in _rows(diagnostic, ink, width)) for diagnostic in diagnostics)


def _rows(diagnostic: Diagnostic, ink: Ink, width: int | None) -> Iterator[str]:
    snippets = _snippets(diagnostic)
    diffs = [(fix, hunks(fix.edits)) for fix in diagnostic.fixes if fix.edits]
    last_lines = [snippet.last_line for _, snippet in snippets]
    last_lines += [hunk.last_line for _, changed in diffs for hunk in changed]
    gutter = len(str(max(last_lines, default=1)))
    bar = ink("frame", f"{'':>{gutter}} |")
    room = ROOM if width is None else max(NARROWEST, min(ROOM, width - gutter - len(" | ") - 2 * len(CUT)))

    title = ink(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code}]")
    yield title + ink("bold", f": {shown(diagnostic.message)}")
    for index, (span, snippet) in enumerate(snippets):
        if index:
            yield bar
        yield _place(span, ":::" if index else "-->", gutter, ink)
        yield bar
        yield from snippet.rows(gutter, ink, room)
    remarks = [("note", note) for note in diagnostic.notes]
    remarks += [("help", fix.message) for fix in diagnostic.fixes if not fix.edits]
    if remarks or diffs:
        yield bar
    for title, text in remarks:
        yield from _remark(title, text, gutter, ink, width)
    source = snippets[-1][1].source if snippets else None
    for fix, changed in diffs:
        yield from _help(fix, changed, source, gutter, ink, room)
        source = changed[-1].source if changed else source


def _snippets(diagnostic: Diagnostic) -> list[tuple[Span, Snippet]]:
    """A snippet for each source with labels, that of the primary label first, each with its first span."""
    by_source: dict[tuple[str, str], list[Label]] = {}
    for label in sorted(diagnostic.labels, key=lambda label: not label.primary):
        source = label.span.source  # the arguments of two `--set` have the same name
        by_source.setdefault((source.name, source.text), []).append(label)
    return [
        (labels[0].span, Snippet(labels[0].span.source, labels, severity=diagnostic.severity))
        for labels in by_source.values()
    ]


def _place(span: Span, arrow: str, gutter: int, ink: Ink) -> str:
    return " " * gutter + ink("frame", arrow) + f" {shown(span.source.name)}:{span.line}:{span.column}"


def _remark(title: str, text: str, gutter: int, ink: Ink, width: int | None) -> Iterator[str]:
    """A note in the margin; further lines of it stand under the first."""
    margin = gutter + len(title) + 5
    first, *others = _broken(text.split("\n"), width and max(width - margin, 20))
    yield f"{'':>{gutter}} {ink('frame', '=')} {ink('bold', title)}: {shown(first)}"
    for line in others:
        yield f"{'':>{margin}}{shown(line)}".rstrip()


def _broken(lines: list[str], room: int | None) -> list[str]:
    """The lines, those longer than the room broken between words."""
    if room is None or max(map(len, lines)) <= room:
        return lines
    from textwrap import wrap

    return [part for line in lines for part in wrap(line, room, break_long_words=False, break_on_hyphens=False) or [""]]


def _help(fix: Fix, changed: Sequence[Hunk], source: Source | None, gutter: int, ink: Ink, room: int) -> Iterator[str]:
    """A repair as a diff; its file is named where it is not the one shown last, `source`."""
    first, *others = fix.message.split("\n")
    yield f"{ink('help', 'help')}: {shown(first)}"
    for line in others:
        yield f"      {shown(line)}".rstrip()
    if not changed:
        return
    bar = ink("frame", f"{'':>{gutter}} |")
    for hunk in changed:
        if source is None or hunk.source.name != source.name:
            if hunk is not changed[0]:
                yield bar
            yield _place(hunk.source.span(*[_start(hunk)] * 2), "-->", gutter, ink)
            source = hunk.source
            yield bar
        elif hunk is changed[0]:
            yield bar
        yield from hunk.rows(gutter, ink, room)
    yield bar


def _start(hunk: Hunk) -> int:
    starts = hunk.source.starts
    return starts[min(hunk.first, len(starts)) - 1]

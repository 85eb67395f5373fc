"""A difference on a terminal: edits with their places, consequences, totals, weights."""

from __future__ import annotations

from dlspec.analyses.difference_words import (
    GLUE,
    consequence_line,
    edit_line,
    requires_lines,
    shown_totals,
    total_row,
    weight_lines,
)
from dlspec.analyses.table import wrapped
from dlspec.diagnostics.render.display import shown
from dlspec.diagnostics.render.ink import Ink
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlspec.analyses.difference import Difference
    from dlspec.analyses.edits import Edit

STYLES = {"+": "added", "-": "removed", "~": "warning"}
MOST = 40
"""Edits that are listed; a longer list says how many more there are."""
FACET = 17
"""Columns of the titles at the left."""


def text(difference: Difference, *, width: int = 100, colour: bool = False) -> str:
    """The report of one network, in at most `width` columns."""
    ink = Ink(colour)
    lines = _titled("edits", _edits(difference.written, width, ink), ink)
    lines += _titled("which brings", _edits(_telling(difference), width, ink), ink)
    lines += _titled("consequences where nothing was edited", _consequences(difference, width, ink), ink)
    lines += _titled("totals", _totals(difference), ink)
    lines += _titled("weights of the old network", _weights(difference, width), ink)
    return "\n".join(line.rstrip() for line in lines).strip("\n").replace(GLUE, " ")


def _titled(title: str, lines: list[str], ink: Ink) -> list[str]:
    return ["", ink("bold", title), *(f"  {line}" for line in lines)] if lines else []


def _telling(difference: Difference) -> list[Edit]:
    """Parts that came or went because of an edit elsewhere; arguments handed on are among the consequences."""
    return [edit for edit in difference.following if edit.kinds[0] in ("added", "removed", "replaced", "moved")]


def _edits(edits: Sequence[Edit], width: int, ink: Ink) -> list[str]:
    rows = [edit_line(edit) for edit in edits[:MOST]]
    wide = min(max((len(where) for _, where, _ in rows), default=0), 36)
    lines = []
    for edit, (sign, where, what) in zip(edits, rows):
        place = f"{edit.span.source.name.rpartition('/')[2]}:{edit.span.line}"
        room = width - wide - 6
        if len(what) + len(place) + 2 > room:
            room -= len(place) + 2
        pieces = wrapped(shown(what), room) if what else [""]
        if len(where) > wide:
            lines.append(f"{ink(STYLES[sign], f'{sign} {shown(where)}')}")
            head = " " * (wide + 4)
        else:
            head = f"{ink(STYLES[sign], f'{sign} {shown(where):{wide}}')}  "
        last = width - 2 - (wide + 4) - len(pieces[-1]) - len(place)
        for index, piece in enumerate(pieces):
            end = " " * last + ink("dim", place) if index == len(pieces) - 1 and last >= 2 else ""
            lines.append(f"{head if not index else ' ' * (wide + 4)}{piece}{end}")
    if len(edits) > MOST:
        lines.append(f"and {len(edits) - MOST} more")
    return lines


def _consequences(difference: Difference, width: int, ink: Ink) -> list[str]:
    rows = [consequence_line(one) for one in difference.consequences]
    rows += [("requires", f"{sign} {words}") for sign, words in requires_lines(difference)]
    lines, last = [], ""
    for facet, words in rows:
        for index, piece in enumerate(wrapped(shown(words), width - FACET - 3)):
            title = facet if not index and facet != last else ""
            lines.append(f"{title:{FACET}} {'  ' if index else ''}{piece}")
        last = facet
    return lines


def _totals(difference: Difference) -> list[str]:
    rows = [total_row(difference, total) for total in shown_totals(difference)]
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        f"{name:{max(wide[0], FACET)}} {old:>{wide[1]}} → {new:<{wide[2]}}   {change:>{wide[3]}}"
        for name, old, new, change in rows
    ]


def _weights(difference: Difference, width: int) -> list[str]:
    lines = []
    for index, line in enumerate(weight_lines(difference.carried)):
        pieces = wrapped(shown(line), width - 6)
        start = "  " if index else ""
        lines += [f"{start}{'  ' if number else ''}{piece}" for number, piece in enumerate(pieces)]
    return lines

"""A difference as a comment of a pull request: a `diff` block for the edits, tables for the rest."""

from __future__ import annotations

from dlspec.analyses.difference_text import MOST
from dlspec.analyses.difference_words import (
    consequence_line,
    edit_line,
    requires_lines,
    shown_totals,
    total_row,
    weight_lines,
)
from dlspec.diagnostics.render.display import shown
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.analyses.difference import Difference
    from dlspec.analyses.edits import Edit


def markdown(difference: Difference) -> str:
    """The sections of one network, under a heading that the caller writes."""
    parts = [_edits(difference.written), _totals(difference), _consequences(difference), _weights(difference)]
    return "\n\n".join(part for part in parts if part)


def _edits(edits: list[Edit]) -> str:
    if not edits:
        return ""
    rows = [edit_line(edit) for edit in edits[:MOST]]
    wide = min(max(len(where) for _, where, _ in rows), 40)
    lines = [shown(f"{'!' if sign == '~' else sign} {where:{wide}}  {what}").rstrip() for sign, where, what in rows]
    if len(edits) > MOST:
        lines.append(f"# and {len(edits) - MOST} more")
    # A fence longer than any run of backticks in it, so that no text of a spec ends it.
    fence = "`" * (3 + max((len(run) for line in lines for run in _ticks(line)), default=0))
    return "\n".join([f"{fence}diff", *lines, fence])


def _ticks(line: str) -> list[str]:
    import re

    return re.findall("`+", line)


def _totals(difference: Difference) -> str:
    rows = [total_row(difference, total) for total in shown_totals(difference)]
    lines = [f"| {name} | {old} | {new} | {change} |" for name, old, new, change in rows]
    return "\n".join(["| | before | after | |", "|:--|--:|--:|--:|", *lines])


def _consequences(difference: Difference) -> str:
    rows = [consequence_line(one) for one in difference.consequences]
    rows += [("requires", f"{sign} {words}") for sign, words in requires_lines(difference)]
    if not rows:
        return ""
    count = len({path for one in difference.consequences for path, _, _ in one.layers})
    head = f"Consequences in {count} layer{'s' if count != 1 else ''} that nobody edited"
    lines = [f"| {facet} | {_cell(words)} |" for facet, words in rows]
    return "\n".join([f"<details><summary>{head}</summary>", "", "| | |", "|:--|:--|", *lines, "", "</details>"])


def code(text: str) -> str:
    """A text as inline code, whatever backticks and bars are in it."""
    inner = shown(text).replace("|", "\\|")
    ticks = "`" * (1 + max((len(run) for run in _ticks(inner)), default=0))
    return f"{ticks} {inner} {ticks}" if "`" in inner else f"{ticks}{inner}{ticks}"


def _cell(text: str) -> str:
    """A text in a cell of a table: nothing in it is markup."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_|[]<>#~" else letter for letter in shown(text))
    return escaped.replace("&", "&amp;")


def _weights(difference: Difference) -> str:
    first, *others = weight_lines(difference.carried)
    return "\n".join([f"**Old weights:** {_cell(first)}", *(f"- {_cell(line)}" for line in others)])

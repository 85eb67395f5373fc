"""A page of Markdown for a terminal: paragraphs and tables broken to its columns, code as it stands."""

from __future__ import annotations

import re
from textwrap import wrap

from dlspec.diagnostics.render.ink import Ink
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GAP = "  "
NARROWEST = 12
"""Columns that a cell of a table keeps, however many there are."""

_BULLET = re.compile(r"- |\d+\. ")
_STRONG = re.compile(r"\*\*(.+?)\*\*")
_CELLS = re.compile(r"(?<!\\)\|")


def page(markdown: str, *, width: int, colour: bool) -> str:
    """The page in at most `width` columns, but for code, which is not broken."""
    ink = Ink(colour)
    return "\n".join(row for block in _blocks(markdown.strip("\n").split("\n")) for row in _rows(block, width, ink))


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Lines that belong together: a code block, a table, a heading, an item of a list, a paragraph, an empty line."""
    block: list[str] = []
    for line in lines:
        if block and not _goes_on(block, line):
            yield block
            block = []
        block.append(line)
    yield block


def _goes_on(block: list[str], line: str) -> bool:
    if block[0].startswith("```"):
        return len(block) == 1 or block[-1] != "```"
    if block[0].startswith("|"):
        return line.startswith("|")
    alone = not line or line.startswith(("```", "|", "#")) or _BULLET.match(line) is not None
    return not alone and bool(block[0]) and not block[0].startswith("#")


def _rows(block: list[str], width: int, ink: Ink) -> Iterator[str]:
    first = block[0]
    if first.startswith("```"):
        yield from (GAP + ink("frame", line) for line in block[1:-1])
    elif first.startswith("|"):
        yield from _table([_cells(line) for line in block], width, ink)
    elif first.startswith("#"):
        yield ink("bold", first.lstrip("# ").replace("`", "") if ink.colour else first)
    else:
        bullet = _BULLET.match(first)
        margin = " " * len(bullet[0]) if bullet else ""
        text = " ".join(line.strip() for line in block)
        yield from _inked(_broken(text, width, margin), ink, "")


def _broken(text: str, width: int, margin: str = "") -> list[str]:
    return wrap(text, width, subsequent_indent=margin, break_on_hyphens=False) or [""]


def _inked(rows: Sequence[str], ink: Ink, mark: str) -> list[str]:
    """Rows with their code in colour, which may go on in the next row; `mark` stands where its marks stood."""
    if not ink.colour:
        return list(rows)
    inside, inked = False, []
    for row in rows:
        first, *others = row.split("`")
        text = ink("help", first) if inside else _STRONG.sub(lambda strong: ink("bold", strong[1]), first)
        for part in others:
            inside = not inside
            text += mark + (ink("help", part) if inside else part)
        inked.append(text)
    return inked


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _CELLS.split(line.strip())[1:-1]]


def _table(rows: list[list[str]], width: int, ink: Ink) -> Iterator[str]:
    """Cells in columns; those too long are broken, and then rows stand apart."""
    head, _, *body = rows
    widths = _widths([head, *body], width)
    apart = any(len(cell) > room for row in body for cell, room in zip(row, widths, strict=True))
    yield ink("bold", _line(head, widths).rstrip())
    yield ink("dim", "─" * (sum(widths) + len(GAP) * (len(widths) - 1)))
    for number, row in enumerate(body):
        if apart and number:
            yield ""
        yield from _table_row([_broken(cell, room) for cell, room in zip(row, widths, strict=True)], widths, ink)


def _table_row(cells: Sequence[list[str]], widths: Sequence[int], ink: Ink) -> Iterator[str]:
    height = max(map(len, cells))
    columns = []
    for rows, room in zip(cells, widths, strict=True):
        # The marks of code stay in a table, so that colour does not move its columns.
        columns.append(_inked([f"{row:<{room}}" for row in [*rows, *[""] * (height - len(rows))]], ink, "`"))
    yield from (GAP.join(row).rstrip() for row in zip(*columns, strict=True))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(f"{cell:<{room}}" for cell, room in zip(cells, widths, strict=True))


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """As wide as the cells are, the widest columns cut to one measure where the table would not fit."""
    wished = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = width - len(GAP) * (len(wished) - 1)
    most = max(wished)
    while most > NARROWEST and sum(min(wish, most) for wish in wished) > room:
        most -= 1
    return [min(wish, most) for wish in wished]

"""The colours of the terminal, as sparing as rustc's; without colour, the text alone."""

from __future__ import annotations

from itertools import groupby

CODES = {
    "error": "1;31",
    "warning": "1;33",
    "frame": "1;34",
    "help": "1;36",
    "bold": "1",
    "dim": "2",
    "added": "32",
    "removed": "31",
}


class Ink:
    """Writes text in a named style; leaves it as it is unless colour was asked for."""

    __slots__ = ("colour",)

    def __init__(self, colour: bool) -> None:
        self.colour = colour

    def __call__(self, style: str, text: str) -> str:
        if not self.colour or not style or not text.strip():
            return text
        return f"\x1b[{CODES[style]}m{text}\x1b[0m"


class Row:
    """A row of cells, each with a character and a style; what is put later covers what lay there."""

    __slots__ = ("_cells",)

    def __init__(self, length: int = 0) -> None:
        self._cells: list[tuple[str, str]] = [("", " ")] * length

    @property
    def length(self) -> int:
        return len(self._cells)

    def put(self, column: int, text: str, style: str) -> None:
        self._cells += [("", " ")] * (column + len(text) - len(self._cells))
        self._cells[column : column + len(text)] = [(style, character) for character in text]

    def text(self, ink: Ink) -> str:
        runs = groupby(self._cells, key=lambda cell: cell[0])
        return "".join(ink(style, "".join(character for _, character in run)) for style, run in runs)

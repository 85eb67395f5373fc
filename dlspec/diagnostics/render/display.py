"""How text lies on a terminal: the width of characters, and a source line cut round its labels."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

TAB = "    "
CUT = "..."
ROOM = 120
"""Columns of a source line that are printed at most."""

# Text of a spec must neither move the cursor nor change the reading direction: control characters
# are shown by their pictures, the directional ones of Unicode (CVE-2021-42574) by a replacement.
_SHOWN: dict[int, int | str] = {code: 0x2400 + code for code in range(32)}
_SHOWN[9] = TAB
_SHOWN[127] = 0x2421
for _hidden in (range(0x80, 0xA0), range(0x200E, 0x2010), range(0x2028, 0x202F), range(0x2066, 0x206A)):
    _SHOWN |= dict.fromkeys(_hidden, 0xFFFD)


def shown(text: str) -> str:
    """The text with everything in it made visible, on one line."""
    return text if text.isascii() and text.isprintable() else text.translate(_SHOWN)


def width(character: str) -> int:
    """The cells that a character fills on a terminal: 0 for combining ones, 2 for wide ones, else 1.

    A sequence joined to one emoji counts for its parts, as most terminals draw it.
    """
    if character < "\x7f":
        return len(shown(character))
    from unicodedata import category, east_asian_width

    if ord(character) in _SHOWN or character == "\xad":  # the soft hyphen is drawn
        return 1
    if category(character) in ("Mn", "Me", "Mc", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


class View:
    """A source line as it is printed, with the place of each of its columns (all from 0)."""

    __slots__ = ("_length", "_pieces", "_starts", "text")

    def __init__(self, line: str, around: Sequence[int] = (), room: int = ROOM) -> None:
        """Show `line`; where it is longer than `room`, what lies round the columns `around`."""
        kept = [(0, len(line))] if len(line) <= room else _kept(len(line), around, room)
        self._length = len(line)
        self._starts = [start for start, _ in kept]
        self._pieces: list[list[int]] = []
        text, cells = "", 0
        for start, end in kept:
            if start > (kept[0][0] if text else 0):
                text, cells = text + CUT, cells + len(CUT)
            piece = line[start:end]
            self._pieces.append(list(accumulate(map(width, piece), initial=cells)))
            text, cells = text + shown(piece), self._pieces[-1][-1]
        self.text = text + CUT if kept[-1][1] < len(line) else text

    def at(self, column: int) -> int:
        """The cells to the left of a column; one that was cut out lies where the cut is."""
        index = bisect_right(self._starts, column) - 1
        if index < 0:
            return 0
        piece = self._pieces[index]
        return piece[min(column - self._starts[index], len(piece) - 1)]

    def stretch(self, start: int, end: int) -> tuple[int, int]:
        """The cells from column `start` up to `end`, at least one."""
        left, right = self.at(start), self.at(end)
        if right > left:
            return left, right
        is_combining = start < min(end, self._length) and left > 0 and self.at(start + 1) == left
        return (left - 1, left) if is_combining else (left, left + 1)


def _kept(length: int, around: Sequence[int], room: int) -> list[tuple[int, int]]:
    """The stretches of a long line that are printed: one round all columns if it fits, else one each."""
    points = sorted({min(max(point, 0), length) for point in around}) or [0]
    spare = room - (points[-1] - points[0])
    if spare >= 2 * len(CUT):
        start = max(0, min(points[0] - spare // 2, length - room))
        return [(start, start + room)]
    stretches: list[tuple[int, int]] = []
    for point in points:
        start, end = max(0, point - 16), min(length, point + 16)
        if stretches and start <= stretches[-1][1] + len(CUT):
            start, _ = stretches.pop()
        stretches.append((start, end))
    return stretches

"""How wide a text is in Helvetica, so that cards can be made equally wide before anything lays them out.

The widths are Adobe's for Helvetica in thousandths of the size; Arial and Liberation Sans have the same.
"""

from __future__ import annotations

_ASCII = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,  # space to /
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,  # 0 to ?
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,  # @ to O
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,  # P to _
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,  # ` to o
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,  # p to ~
)  # fmt: skip
_BOLD = (
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
    975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
    333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611,
    611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
)  # fmt: skip
_OTHER = {
    "×": 584,
    "·": 278,
    "−": 584,
    "÷": 584,
    "–": 556,
    "⌈": 500,
    "⌉": 500,
    "⌊": 500,
    "⌋": 500,
    "≤": 549,
    "≥": 549,
    "→": 1000,
    "←": 1000,
    "↑": 500,
    "↓": 500,
    "…": 1000,
    "—": 1000,
    "²": 333,
    "³": 333,
    "½": 834,
    "√": 549,
    "∞": 713,
    "\u00a0": 278,
}
_WIDEST = 1000


def width(text: str, size: float, bold: bool = False) -> float:
    """The length of a text in points; letters beyond the table count as a full em."""
    table = _BOLD if bold else _ASCII
    thousandths = sum(
        table[ord(letter) - 32] if " " <= letter <= "~" else _OTHER.get(letter, _WIDEST) for letter in text
    )
    return thousandths * size / 1000


def is_known(text: str) -> bool:
    """Whether the width of every letter is in the tables."""
    return all(" " <= letter <= "~" or letter in _OTHER for letter in text)


def shortened(text: str, size: float, room: float, bold: bool = False) -> str:
    """The text, its middle left out where it does not fit; both ends of a path tell the most."""
    short, kept = text, len(text)
    while width(short, size, bold) > room and kept > 2:
        kept -= 1
        short = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
    return short

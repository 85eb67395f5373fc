"""A window slid over a padded axis, drawn in text, and the positions that no window reads."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.sizes import Window

SHOWN = 4
"""Windows that are drawn from the first on; the last one follows where there are more."""


def taps(window: Window) -> range:
    """Where a window looks, counted from its start."""
    return range(0, window.span, window.apart)


def never_read(window: Window, length: int, count: int) -> list[int]:
    """The positions of an axis that none of `count` windows looks at."""
    looked = taps(window)

    def is_read(position: int) -> bool:
        starts = (position + window.before - tap for tap in looked)
        return any(start % window.step == 0 and 0 <= start < count * window.step for start in starts)

    return [position for position in range(length) if not is_read(position)]


def drawn(window: Window, length: int, count: int, width: int) -> list[str]:
    """The padded axis with the first windows and the last one over it; empty where not even two of them fit.

    An axis that is too long is drawn from its start, as far as it goes.
    """
    cell = 1 + max(2, len(str(length - 1))) if length > 10 else 2
    room = (width - 8) // cell
    total = length + window.before + window.after
    fits = total <= room
    columns = total if fits else room - 1
    starts = range(0, count * window.step, window.step)
    rows = [number for number, start in enumerate(starts) if start + window.span <= columns]
    if not rows or (not fits and len(rows) < min(2, count)):
        return []
    shown = rows if len(rows) <= SHOWN + 1 else [*rows[:SHOWN], *(rows[-1:] if fits else [])]
    unread = set(never_read(window, length, count))
    labels = [_label(index - window.before, length, unread) for index in range(columns)]
    lines = [_row("input", labels if fits else [*labels, "…"], cell)]
    previous = -1
    for number in shown:
        if number > previous + 1:
            lines.append(_row("⋮", [], cell))
        lines.append(_row(f"out {number}", _window_cells(window, starts[number], cell), cell))
        previous = number
    if previous < count - 1:
        lines.append(_row("⋮", [], cell))
    return lines


def _label(position: int, length: int, unread: set[int]) -> str:
    if not 0 <= position < length:
        return "·"
    return "×" if position in unread else str(position)


def _row(title: str, cells: list[str], cell: int) -> str:
    return f"{title:8}" + "".join(f"{text:<{cell}}" if len(text) < cell else text for text in cells).rstrip()


def _window_cells(window: Window, start: int, cell: int) -> list[str]:
    """The positions that a window looks at, joined by lines over those it passes."""
    looked = set(taps(window))
    cells = [" " * cell] * start
    for tap in range(window.span):
        mark = "■" if tap in looked else "─"
        cells.append(mark + ("─" * (cell - 1) if tap < window.span - 1 else ""))
    return cells

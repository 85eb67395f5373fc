"""A network without branches in scale: its stages side by side, with their costs aligned under them."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

from dlspec.drawing.figure.slab import Scale
from dlspec.drawing.metrics import width
from dlspec.drawing.words import count_text
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.canvas import Canvas
    from dlspec.drawing.figure.items import Item, Stages
    from dlspec.drawing.figure.slab import Stack
    from dlspec.drawing.figure.words import Costs, Words

WIDEST = 1060
"""Points that a row of stages is wide; more go on in a second row, as smaller print is not read across a page."""
ARROW = 26
"""Points between stages, at least, for the arrow between them."""
BAR = 64
"""Points of a bar that is full."""
MARGIN = 28
SIDE = 62
"""Points left of the table, for the names of its rows."""
ONWARD = 30
"""Points of the arrow from a row to the next."""
LOOSE = 110
"""Points that stages may stand farther apart to be as wide as what is drawn under them."""


class Column:
    """A stage with its place."""

    __slots__ = ("centre", "costs", "item", "stack", "width", "x")

    def __init__(self, item: Item, stack: Stack, costs: Costs, widest: float) -> None:
        self.item = item
        self.stack = stack
        self.costs = costs
        self.width = widest
        self.x = 0.0
        self.centre = 0.0


def strip(canvas: Canvas, made: Stages, words: Words, top: float) -> float:
    """Draw the stages from left to right under `top`; returns where the drawing ends below. Widens the canvas."""
    scale = Scale(made.items, words.sizes)
    columns = [_column(item, scale, words) for item in made.items]
    rows = _rows(columns)
    right = max([canvas.width - MARGIN, *(row[-1].x + row[-1].width for row in rows)])
    for row in rows:
        _spread(row, right)
    for number, row in enumerate(rows):
        top = _row(canvas, row, columns, words, top + (14 if number else 0))
    if any(column.costs.exceeds for column in columns):
        canvas.text(canvas.width - MARGIN, top + 2, "red: a unit sees more than the input", 9.5, "repeat", "end")
        top += 8
    return top


def _rows(columns: list[Column]) -> list[list[Column]]:
    """The columns in as few rows as are wide enough, each about as long as the others."""
    _place(columns)
    total = columns[-1].x + columns[-1].width
    count = ceil(total / WIDEST)
    if count == 1:
        return [columns]
    rows: list[list[Column]] = [[]]
    for column in columns:
        if rows[-1] and column.x + column.width > total * len(rows) / count + 20 and len(rows) < count:
            rows.append([])
        rows[-1].append(column)
    for row in rows:
        _place(row)
    return rows


def _spread(columns: list[Column], right: float) -> None:
    """Moves the stages of a row apart, up to where the drawing ends on the right."""
    free = right - columns[-1].x - columns[-1].width
    if free <= 0 or len(columns) == 1:
        return
    step = min(free / (len(columns) - 1), LOOSE)
    for number, column in enumerate(columns):
        column.x += number * step
        column.centre += number * step


def _row(canvas: Canvas, columns: list[Column], everything: list[Column], words: Words, top: float) -> float:
    """Draw one row of stages with its table; returns where it ends."""
    tallest = max(column.stack.height for column in columns)
    middle = top + tallest / 2
    for column in columns:
        column.stack.draw(canvas, column.centre - column.stack.width / 2, middle)
    for one, other in pairwise(columns):
        start = one.centre + one.stack.width / 2 + 4
        end = other.centre - other.stack.width / 2 - 4
        canvas.arrow([(start, middle), (end, middle)], "wrong" if other.item.failed else "line")
    first, last = columns[0], columns[-1]
    if first is not everything[0]:
        start = first.centre - first.stack.width / 2 - 4
        canvas.arrow([(start - ONWARD, middle), (start, middle)])
    if last is not everything[-1]:
        start = last.centre + last.stack.width / 2 + 4
        canvas.arrow([(start, middle), (start + ONWARD, middle)])
        canvas.width = max(canvas.width, start + ONWARD + MARGIN / 2)
    canvas.width = max(canvas.width, last.x + last.width + MARGIN)
    below = _labels(canvas, columns, words, top + tallest + 22)
    return _table(canvas, columns, everything, below + 20)


def _column(item: Item, scale: Scale, words: Words) -> Column:
    stack = scale.stack(item)
    texts = [width(_named(item, words), 12, True), width(words.detail(item), 10), width(words.result(item), 11)]
    return Column(item, stack, words.costs(item), max(*texts, stack.width + 4, BAR))


def _named(item: Item, words: Words) -> str:
    count = words.count(item)
    return words.name(item) + (f" ×{count}" if count > 1 else "")


def _place(columns: list[Column]) -> None:
    """Columns as close as their labels and the arrows between their stacks allow."""
    x = float(MARGIN + SIDE)
    before: Column | None = None
    for column in columns:
        column.x = x
        column.centre = x + column.width / 2
        if before is not None:
            free = (column.centre - column.stack.width / 2) - (before.centre + before.stack.width / 2)
            column.x += max(0, ARROW + 8 - free)
            column.centre = column.x + column.width / 2
        x = column.x + column.width + 14
        before = column


def _labels(canvas: Canvas, columns: list[Column], words: Words, y: float) -> float:
    for column in columns:
        name, count = words.name(column.item), words.count(column.item)
        times = f" ×{count}" if count > 1 else ""
        start = column.centre - width(name + times, 12, True) / 2
        canvas.text(start, y, name, 12, "wrong" if column.item.failed else "ink", bold=True)
        if times:
            canvas.text(start + width(f"{name} ", 12, True), y, times.strip(), 12, "repeat", bold=True)
        canvas.text(column.centre, y + 15, words.detail(column.item), 10, "grey", "middle")
        canvas.text(column.centre, y + 31, words.result(column.item), 11, "ink", "middle")
    return y + 31


def _table(canvas: Canvas, columns: list[Column], everything: list[Column], y: float) -> float:
    """Rows of bars for parameters and MACs, and one of receptive fields."""
    rows = (("parameters", "parameters"), ("MACs", "macs"))
    for name, facet in rows:
        total = sum(getattr(column.costs, facet) for column in everything)
        if total:
            canvas.text(MARGIN, y + 7, name, 10, "grey")
            for column in columns:
                _bar(canvas, column, getattr(column.costs, facet), total, facet, y)
            y += 34
    if any(column.costs.field for column in columns):
        is_image = len(everything[0].item.result.shape) >= 4
        canvas.text(MARGIN, y + 6, "sees (px)" if is_image else "sees", 10, "grey")
        for column in columns:
            colour = "repeat" if column.costs.exceeds else "ink"
            text = column.costs.field or "–"
            canvas.text(column.centre, y + 6, text, 10, colour if column.costs.field else "faint", "middle")
        y += 18
    return y + 8


def _bar(canvas: Canvas, column: Column, count: int, total: int, facet: str, y: float) -> None:
    if not count:
        canvas.text(column.centre, y + 7, "–", 10, "faint", "middle")
        return
    left = column.centre - BAR / 2
    canvas.box(left, y, BAR, 7, "track", radius=3.5)
    canvas.box(left, y, max(BAR * count / total, 3), 7, facet, radius=min(3.5, max(BAR * count / total, 3) / 2))
    share = round(100 * count / total)
    text = count_text(count) + (f" · {share} %" if share else "")
    canvas.text(column.centre, y + 18, text, 9.5, "grey", "middle")

"""Source lines with labels under them, laid out as rustc does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dlspec.diagnostics.record import Label
from dlspec.diagnostics.render.display import ROOM, View, shown
from dlspec.diagnostics.render.ink import Ink, Row
from dlspec.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlspec.diagnostics.record import Severity

HEAD, TAIL = 4, 2
"""Of a label over many lines, the first HEAD and the last TAIL are printed."""


class Mark:
    """A label with its ends: lines from 1, columns from 0; a line end at its end is not counted.

    One over several lines, a tall one, is drawn in a slot left of the code.
    """

    __slots__ = ("end", "end_line", "primary", "slot", "start", "start_line", "text")

    def __init__(self, label: Label) -> None:
        span = label.span
        self.text = shown(label.text)
        self.primary = label.primary
        self.slot = 0
        self.start_line, column = span.source.position(span.start)
        self.end_line, self.start, self.end = self.start_line, column - 1, column - 1
        if span.end > span.start:
            self.end_line, self.end = span.source.position(span.end - 1)

    @property
    def pen(self) -> str:
        return "^" if self.primary else "-"


Place = tuple[int, int, Mark]
"""The cells that a mark underlines."""


class Snippet:
    """The lines of one source that its labels touch."""

    def __init__(self, source: Source, labels: Sequence[Label], *, severity: Severity) -> None:
        marks = [Mark(label) for label in labels]
        self.source = source
        self.severity = severity
        self.flat = [mark for mark in marks if mark.start_line == mark.end_line]
        self.tall = [mark for mark in marks if mark.start_line != mark.end_line]
        slots = _give_slots(self.tall)
        self.margin = slots + 1 if slots else 0
        self.last_line = max(mark.end_line for mark in marks)

    def rows(self, gutter: int, ink: Ink, room: int = ROOM) -> Iterator[str]:
        """The printed rows; `gutter` is the width of a line number, `room` that of a source line."""
        previous = 0
        for number in self._numbers():
            if previous and number == previous + 2:
                yield from self._line(previous + 1, gutter, ink, room)
            elif previous and number > previous + 2:
                open_marks = [mark for mark in self.tall if mark.start_line <= previous < mark.end_line]
                yield (ink("frame", "...") + " " * gutter + self._bars(open_marks, Row()).text(ink)).rstrip()
            yield from self._line(number, gutter, ink, room)
            previous = number

    def _numbers(self) -> list[int]:
        """The lines to print, but for single ones between two of them."""
        numbers = {mark.start_line for mark in self.flat}
        for mark in self.tall:
            numbers.update(range(mark.start_line, min(mark.start_line + HEAD, mark.end_line)))
            numbers.update(range(max(mark.end_line - TAIL + 1, mark.start_line), mark.end_line + 1))
        return sorted(numbers)

    def _line(self, number: int, gutter: int, ink: Ink, room: int) -> Iterator[str]:
        """A source line and the rows of marks under it."""
        line = self.source.line(number)
        flat = [mark for mark in self.flat if mark.start_line == number]
        opening = [mark for mark in self.tall if mark.start_line == number]
        closing = [mark for mark in self.tall if mark.end_line == number]
        around = [mark.start for mark in flat + opening] + [mark.end for mark in flat + closing]
        view = View(line, around, room)

        slanted = [mark for mark in opening if not line[: mark.start].strip()]
        active = [mark for mark in self.tall if mark.start_line < number <= mark.end_line]
        row = self._bars(active, Row(self.margin))
        for mark in slanted:
            row.put(mark.slot, "/", self._style(mark))
        yield framed(str(number), row.text(ink) + view.text, gutter, ink)

        active += slanted
        for row in self._underlines([(*view.stretch(mark.start, mark.end), mark) for mark in flat]):
            yield framed("", self._bars(active, row).text(ink), gutter, ink)
        for mark in opening:
            if mark not in slanted:
                row = self._hook(mark, view.stretch(mark.start, mark.start + 1)[0], active)
                yield framed("", row.text(ink), gutter, ink)
                active.append(mark)
        for mark in sorted(closing, key=lambda mark: -mark.slot):
            row = self._hook(mark, view.stretch(mark.end - 1, mark.end)[1] - 1, active)
            row.put(row.length + 1, mark.text, self._style(mark))
            yield framed("", row.text(ink), gutter, ink)
            active.remove(mark)

    def _underlines(self, places: list[Place]) -> Iterator[Row]:
        """The marks under a line, the last one's words beside it, and the rows of the others' words."""
        if not places:
            return
        row = Row()
        for start, end, mark in sorted(places, key=lambda place: place[2].primary):
            row.put(self.margin + start, mark.pen * (end - start), self._style(mark))
        places.sort(key=lambda place: (place[0], place[1], place[2].primary))
        hanging = [place for place in places if place[2].text]
        if hanging and _stands_free(hanging[-1], places):
            _, end, mark = hanging.pop()
            row.put(self.margin + end + 1, mark.text, self._style(mark))
        yield row
        if hanging:
            yield self._hanging(hanging)
        while hanging:
            start, _, mark = hanging.pop()
            row = self._hanging(hanging)
            row.put(self.margin + start, mark.text, self._style(mark))
            yield row

    def _hanging(self, places: Sequence[Place]) -> Row:
        """A bar under the start of each mark whose words are still to come."""
        row = Row()
        for start, _, mark in places:
            row.put(self.margin + start, "|", self._style(mark))
        return row

    def _hook(self, mark: Mark, cell: int, active: Sequence[Mark]) -> Row:
        """The row that leads from the slot of a tall mark to its first or last character."""
        row = Row()
        row.put(mark.slot + 1, "_" * (self.margin + cell - mark.slot - 1), self._style(mark))
        row.put(self.margin + cell, mark.pen, self._style(mark))
        return self._bars(active, row)

    def _bars(self, marks: Sequence[Mark], row: Row) -> Row:
        """The row with the slots of these tall marks drawn into it."""
        for mark in marks:
            row.put(mark.slot, "|", self._style(mark))
        return row

    def _style(self, mark: Mark) -> str:
        return self.severity if mark.primary else "frame"


def framed(number: str, code: str, gutter: int, ink: Ink) -> str:
    """A row behind its line number and the bar; without trailing blanks."""
    return (ink("frame", f"{number:>{gutter}} |") + " " + code).rstrip()


def _stands_free(last: Place, places: Sequence[Place]) -> bool:
    """Whether the words of the last mark fit beside it: nothing else reaches into or beyond it."""
    start, end, _ = last
    return all(place[1] <= start or place[:2] == (start, end) for place in places)


def _give_slots(tall: Sequence[Mark]) -> int:
    """Give marks that share a line different slots, outer ones further left; the number of slots."""
    free_after: list[int] = []
    for mark in sorted(tall, key=lambda mark: (mark.start_line, -mark.end_line)):
        mark.slot = next((i for i, line in enumerate(free_after) if line < mark.start_line), len(free_after))
        free_after[mark.slot : mark.slot + 1] = [mark.end_line]
    return len(free_after)

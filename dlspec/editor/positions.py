"""Places at the border: editors count lines from 0, and columns in units of an encoding, usually UTF-16."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlspec.source import Source, Span

    Encoding = lsp.PositionEncodingKind | str


class Positions:
    """Turns offsets of one source into the positions of an editor and back."""

    def __init__(self, source: Source, encoding: Encoding = lsp.PositionEncodingKind.Utf16) -> None:
        self.source = source
        self._units = _UNITS[lsp.PositionEncodingKind(encoding)]

    def position(self, offset: int) -> lsp.Position:
        """The position of an offset."""
        line, column = self.source.position(max(0, min(offset, len(self.source.text))))
        start = self.source.starts[line - 1]
        return lsp.Position(line - 1, self._width(self.source.text[start : start + column - 1]))

    def range(self, start: int, end: int) -> lsp.Range:
        """The range from one offset up to and without another."""
        return lsp.Range(self.position(start), self.position(end))

    def of(self, span: Span) -> lsp.Range:
        """The range of a span of this source."""
        return self.range(span.start, span.end)

    def whole(self) -> lsp.Range:
        """The range of all of the text."""
        return self.range(0, len(self.source.text))

    def offset(self, position: lsp.Position) -> int:
        """The offset of a position; one beyond a line's end is its end, one beyond the text the end of that."""
        starts = self.source.starts
        if position.line >= len(starts):
            return len(self.source.text)
        line = self.source.line(position.line + 1)
        return starts[position.line] + self._column(line, position.character)

    def _width(self, text: str) -> int:
        return len(text) if text.isascii() else sum(map(self._units, text))

    def _column(self, line: str, character: int) -> int:
        if line.isascii():
            return min(character, len(line))
        units = 0
        for column, letter in enumerate(line):
            if units >= character:
                return column
            units += self._units(letter)
        return len(line)


_UNITS: dict[lsp.PositionEncodingKind, Callable[[str], int]] = {
    lsp.PositionEncodingKind.Utf8: lambda letter: len(letter.encode("utf-8", "surrogatepass")),
    lsp.PositionEncodingKind.Utf16: lambda letter: 1 + (letter > "\uffff"),
    lsp.PositionEncodingKind.Utf32: lambda letter: 1,
}
"""Units that a character takes."""

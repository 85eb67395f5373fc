"""Where text comes from: a file's text, its lines, and spans of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

YAML_SUFFIXES = (".yaml", ".yml")

_FIRST_LINE = re.compile(r"\ufeff?(?:[ \t\r]*(?:#[^\n]*)?\n)*[ \t]*")
_YAML_BEGINS = re.compile(r"""---|%YAML|-\s|\{|["']?\w+["']?\s*:(?:\s|$)""")


class Source:
    """A text with a name; turns offsets (code points) into lines and columns, both from 1."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._starts: list[int] | None = None

    @classmethod
    def read(cls, path: Path, name: str | None = None) -> Source:
        """The text of `path`, without a byte order mark, as UTF-8.

        Raises OSError or UnicodeDecodeError; the caller words the diagnostic.
        """
        return cls(name or str(path), path.read_text(encoding="utf-8-sig"))

    @property
    def is_yaml(self) -> bool:
        """Whether it is YAML: the suffix of a file tells, and the first line of a text such as `<stdin>`."""
        if not self.name.startswith("<"):
            return self.name.endswith(YAML_SUFFIXES)
        first = _FIRST_LINE.match(self.text)
        return first is not None and _YAML_BEGINS.match(self.text, first.end()) is not None

    @property
    def starts(self) -> list[int]:
        """The offset at which each line begins; lines end as editors end them, at LF, CR LF and CR."""
        if self._starts is None:
            lines = self.text.replace("\r\n", " \n").replace("\r", "\n").split("\n")
            self._starts = list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))
        return self._starts

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset, both counted from 1."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, without its end."""
        starts = self.starts
        if not 1 <= number <= len(starts):
            return ""
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")

    def span(self, start: int, end: int) -> Span:
        return Span(self, start, end)


class Span:
    """A stretch of a source, from `start` up to and without `end`."""

    __slots__ = ("end", "source", "start")

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.start = start
        self.end = end

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def end_line(self) -> int:
        return self.source.position(self.end)[0]

    @property
    def end_column(self) -> int:
        """The column after the last character."""
        return self.source.position(self.end)[1]

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of the other."""
        return Span(self.source, self.start, other.end)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Span)
            and self.source is other.source
            and (self.start, self.end) == (other.start, other.end)
        )

    def __hash__(self) -> int:
        return hash((id(self.source), self.start, self.end))

    def __repr__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

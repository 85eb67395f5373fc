"""Writes lines: with indentation, with the span of the spec that each comes from, and broken where they are long.

A line is broken as formatters break it once and for all: every argument on a line of its own with a comma behind
it. Such code stays as it is under `ruff format` and `black` at any line length from 88 on.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.source import Span

WIDTH = 88
"""Characters in a line: the default of the formatters."""

_OPENING = {")": "(", "]": "[", "}": "{"}


class Emitter:
    """The five verbs that all code is written with."""

    def __init__(self, level: int = 0) -> None:
        self.lines: list[str] = []
        self.spans: list[Span | None] = []
        self._level = level

    def line(self, text: str, span: Span | None = None) -> None:
        """A statement; broken where it is too long."""
        margin = " " * (4 * self._level)
        for part in broken(text, WIDTH - len(margin)):
            self.lines.append((margin + part).rstrip())
            self.spans.append(span)

    def indent(self) -> None:
        self._level += 1

    def dedent(self) -> None:
        self._level -= 1

    def extend(self, other: Emitter) -> None:
        """The lines of another, as they are."""
        self.lines += other.lines
        self.spans += other.spans

    def blank(self, count: int = 1) -> None:
        """Empty lines."""
        self.lines += [""] * count
        self.spans += [None] * count

    def docstring(self, paragraphs: list[str]) -> None:
        """Paragraphs of prose, each of one line or more; what would end the string is taken apart."""
        safe = [part.replace("\\", "/").replace('"""', "'''").strip() for part in paragraphs]
        first, *rest = [line for part in safe for line in ("", *_wrapped(part, self.room - 6))][1:]
        if not rest:
            self.line(f'"""{first}"""' if not first.endswith('"') else f'"""{first} """')
            return
        self._raw(f'"""{first}')
        for line in rest:
            self._raw(line)
        self._raw('"""')

    def _raw(self, text: str) -> None:
        self.lines.append((" " * (4 * self._level) + text).rstrip())
        self.spans.append(None)

    @property
    def room(self) -> int:
        """Characters left for a line here."""
        return WIDTH - 4 * self._level

    @property
    def source(self) -> str:
        return "\n".join(self.lines) + "\n"


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for given in text.split("\n"):
        lines.append("")
        for word in given.split():
            if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
                lines.append("")
            lines[-1] += f" {word}" if lines[-1] else word
    return lines


def broken(text: str, width: int) -> Iterator[str]:
    """The lines of a statement, indented among themselves."""
    if len(text) <= width:
        yield text
        return
    if text.startswith("return ") and len(split(text)) > 1:
        text = f"return ({text.removeprefix('return ')})"
    if (ends := _last_brackets(text)) is None:
        yield text
        return
    start, end = ends
    head, inner, tail = text[: start + 1], text[start + 1 : end], text[end:]
    yield head
    parts = split(inner)
    generator = _generator(inner) if len(parts) == 1 else -1
    if generator > 0:
        # What is repeated is broken too: a comprehension takes no comma behind it that would hold its lines apart.
        repeated, rest = inner[:generator], inner[generator + 1 :]
        lines = [*broken(repeated, min(width - 4, len(repeated) - 1)), *broken(rest, width - 4)]
    else:
        comma = "" if _groups(text, start, end) else ","
        lines = [line for part in parts for line in broken(part + comma, width - 4)]
    yield from ("    " + line for line in lines)
    yield tail


def _groups(text: str, start: int, end: int) -> bool:
    """Whether brackets hold a term together, as in `(a + b) // 2`: a comma would make a tuple of it."""
    called = start > 0 and (text[start - 1].isalnum() or text[start - 1] in "_)]")
    inner = text[start + 1 : end].rstrip()
    return text[start] == "(" and not called and not inner.endswith(",") and len(split(inner)) == 1


def _generator(text: str) -> int:
    """Where the `for` of a comprehension stands that fills brackets; -1 where there is none."""
    inside = [(start, end) for start, end, depth in _brackets(text) if depth == 0]
    place = text.find(" for ")
    while place >= 0 and any(start < place < end for start, end in inside):
        place = text.find(" for ", place + 1)
    return place


def _last_brackets(text: str) -> tuple[int, int] | None:
    """Where the last brackets of a text stand that hold something; of a function its arguments."""
    pairs = [(start, end) for start, end, depth in _brackets(text) if depth == 0 and end > start + 1]
    if not pairs:
        return None
    return pairs[0] if text.startswith("def ") else pairs[-1]


def _brackets(text: str) -> Iterator[tuple[int, int, int]]:
    """The start, end and depth of each pair of brackets, as they close."""
    open_at: list[int] = []
    quoted = escaped = False
    for index, letter in enumerate(text):
        if quoted:
            quoted = letter != '"' or escaped
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter in "([{":
            open_at.append(index)
        elif letter in _OPENING:
            start = open_at.pop()
            yield start, index, len(open_at)


def split(text: str) -> list[str]:
    """The parts between commas that stand outside of brackets and strings."""
    inside = [(start, end) for start, end, depth in _brackets(text) if depth == 0]
    parts, start, quoted, escaped = [], 0, False, False
    spans = iter(inside)
    current = next(spans, None)
    for index, letter in enumerate(text):
        if current is not None and index > current[1]:
            current = next(spans, None)
        if quoted:
            quoted = letter != '"' or escaped
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            quoted = True
        elif letter == "," and (current is None or not current[0] < index < current[1]):
            parts.append(text[start:index].strip())
            start = index + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts

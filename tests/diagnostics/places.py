"""Finding places in the sources of these tests by what is written there."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit
from dlspec.source import Source, Span


def at(source: Source, text: str, inside: str = "") -> Span:
    """The span of `text`; with `inside`, the first `text` in the first place where that stands."""
    start = source.text.index(text, source.text.index(inside))
    return source.span(start, start + len(text))


def line(source: Source, number: int) -> Span:
    """A whole line with its end."""
    starts = [*source.starts, len(source.text)]
    return source.span(starts[number - 1], starts[number])


def before(source: Source, number: int, text: str) -> Edit:
    """Put `text` in front of a line."""
    start = source.starts[number - 1]
    return Edit(source.span(start, start), text)

"""Where the names stand that the tree holds as text: found between what it has the spans of, in both spellings."""

from __future__ import annotations

import re

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.source import Span
    from dlspec.syntax import tree


def name_before(name: str, within: Span, end: int) -> Span | None:
    """The last place in a span before `end` where a name stands as a word, comments aside."""
    return _word(name, within, within.start, end, last=True)


def last_word(name: str, within: Span) -> Span | None:
    """The last place in a span where a name stands as a word."""
    return _word(name, within, within.start, within.end, last=True)


def argument_name(argument: tree.Arg) -> Span | None:
    """Where the name of an argument stands: at its beginning, `stride=2` or `stride: 2`."""
    assert argument.name is not None
    return _word(argument.name, argument.span, argument.span.start, argument.value.span.start, last=False)


def output_name(output: tree.Output) -> Span | None:
    """Where an output without a value is named: behind the word `output`, or alone."""
    start = output.span.start
    keyword = re.compile(r"(?:-[ \t]+)?output[ \t:]+").match(output.span.source.text, start, output.span.end)
    return _word(output.name, output.span, keyword.end() if keyword else start, output.span.end, last=False)


def _word(name: str, within: Span, start: int, end: int, *, last: bool) -> Span | None:
    text = within.source.text
    at = text.rfind(name, start, end) if last else text.find(name, start, end)
    while at >= 0:
        after = at + len(name)
        alone = not (_is_of_word(text[at - 1 : at]) or _is_of_word(text[after : after + 1]))
        if alone and not _in_comment(text, start, at):
            return within.source.span(at, after)
        at = text.rfind(name, start, after - 1) if last else text.find(name, at + 1, end)
    return None


def _is_of_word(letter: str) -> bool:
    return letter == "_" or (letter.isascii() and letter.isalnum())


def _in_comment(text: str, start: int, offset: int) -> bool:
    """Whether a `#` stands before an offset on its line; names stand before the strings that may hold one."""
    return text.rfind("#", max(start, text.rfind("\n", 0, offset) + 1), offset) >= 0

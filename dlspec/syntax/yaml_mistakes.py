"""Mistakes of YAML itself in words: what its scanner says, and what most likely led there."""

from __future__ import annotations

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.source import Source

_QUOTE = "put quotes round a value that holds brackets, commas, `: ` or ` #`"
_INDENT = "give keys of one mapping, and items of one list, the same indentation"

# what the scanner says (a part of it) -> message, label, help
ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("did not find expected ',' or '}'", "a mapping in braces is not closed, or misses a comma", "expected `,` or `}` before this", _QUOTE),
    ("did not find expected ',' or ']'", "a list in brackets is not closed, or misses a comma", "expected `,` or `]` before this", _QUOTE),
    ("mapping values are not allowed", "a second `:` stands in one line, or a key is indented too far", "no key can stand here", _QUOTE),
    ("did not find expected key", "a key is expected here", "not at the column of the keys above", _INDENT),
    ("did not find expected '-' indicator", "an item of the list is expected here", "not at the column of the items above", _INDENT),
    ("block sequence entries are not allowed", "a list cannot begin here", "not at the start of a line", "begin the list on a line of its own"),
    ("could not find expected ':'", "a key has no `:`", "expected `: ` and a value", "write `key: value`"),
    ("found unexpected end of stream", "a quote is not closed", "the file ends here", "close the quote"),
    ("found unknown escape character", "the escape means nothing", "not an escape", r"write `\\` for a backslash, or use single quotes"),
    ("did not find expected node content", "a value is missing", "expected a value", "write the value"),
    ("did not find expected <document start>", "text stands after the end of the spec", "not part of the mapping above", _INDENT),
    ("did not find expected alphabetic", "a name is missing after `&` or `*`", "expected a name", _QUOTE),
    ("did not find expected comment or line break", "text stands after `|` or `>`", "the value begins on the next line", "begin the value on a line of its own"),
    ("found character that cannot start any token", "`{}` cannot begin a value", "means nothing in YAML here", _QUOTE),
)  # fmt: skip


def describe(error: Any, source: Source, shift: int) -> Diagnostic:
    """The diagnostic for what PyYAML raised."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return _unreadable(error, source, shift)
    start = min(mark.index + shift, len(source.text))
    found = source.text[start : start + 1]
    span = source.span(start, start + (1 if found and not found.isspace() else 0))
    if found == "\t":
        return problem(
            "E0103", "a tab indents this line", source.span(start, start + 1), "YAML indents by spaces",
            fixes=[Fix("write two spaces", [Edit(source.span(start, start + 1), "  ")], "safe")],
        )  # fmt: skip
    if found in ("}", "]") and source.text[:start].rstrip()[-1:] in ("}", "]"):
        fix = Fix(f"remove the `{found}`", [Edit(span, "")], "safe")
        return problem("E0103", f"this `{found}` closes nothing", span, "none is open here", fixes=[fix])
    words = str(getattr(error, "problem", "") or "")
    also = _opening(error, source, shift, start)
    for part, message, label, help_ in ROWS:
        if part in words:
            fix = Fix(help_, safety="placeholder")
            return problem("E0103", message.replace("{}", found), span, label, also=also, fixes=[fix])
    return problem("E0103", words or "this is not YAML", span, "here", also=also)


def _opening(error: Any, source: Source, shift: int, start: int) -> list[tuple[Any, str]]:
    """Where the bracket or quote stands that was not closed."""
    mark = getattr(error, "context_mark", None)
    if mark is None or mark.index + shift >= start or source.text[mark.index + shift] not in "[{\"'":
        return []
    begin = mark.index + shift
    return [(source.span(begin, begin + 1), "opened here")]


def _unreadable(error: Any, source: Source, shift: int) -> Diagnostic:
    """A control character: PyYAML tells its place in bytes."""
    position = getattr(error, "position", 0) or 0
    text = source.text[shift:]
    before = text.encode("utf-8")[:position].decode("utf-8", "ignore")
    start = min(len(before) + shift, len(source.text))
    code = ord(source.text[start]) if start < len(source.text) else 0
    return problem(
        "E0103",
        f"the control character {code:#04x} stands in the text",
        source.span(start, start + 1),
        "not text",
    )

"""Numbers and text as they are written: suffixes, separators, escapes, and how long a number may be."""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Diagnostic, problem
from dlspec.record import TYPE_CHECKING
from dlspec.source import Span

if TYPE_CHECKING:
    from collections.abc import Callable

SUFFIXES = {"k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
BINARY_SUFFIXES = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "/": "/", "0": "\0"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
DIGITS = 40
"""Digits that a whole number may have; far beyond every count, far below where Python refuses to read them."""


def bounded(text: str, read: Callable[[str], int | float], span: Span, problems: list[Diagnostic]) -> int | float:
    """The value of a number; of one with more than `DIGITS` digits a mistake, and 0."""
    value = read(text) if len(text) <= 2 * DIGITS else 10**DIGITS
    if isinstance(value, int) and abs(value) >= 10**DIGITS:
        problems.append(problem("E0202", f"the number has more than {DIGITS} digits", span, "too long"))
        return 0
    return value


def number(text: str) -> int | float:
    """The value of a number as written: `64`, `1e-3`, `30M`, `8Gi`, `1_000`."""
    is_binary = text[-1] == "i"
    letter = text[-2] if is_binary else text[-1]
    scale = BINARY_SUFFIXES[letter] if is_binary else SUFFIXES.get(letter)
    body = text[: -1 - is_binary] if scale else text
    value: int | float = float(body) if any(mark in body for mark in ".eE") else int(body)
    scaled = value * (scale or 1)
    return int(scaled) if scale and scaled % 1 == 0 else scaled


def unquoted(text: str) -> str:
    """The characters that a quoted string stands for.

    Raises UnicodeDecodeError where an escape is half of a surrogate pair.
    """

    def escape(match: re.Match[str]) -> str:
        body = match.group(1)
        if body[0] == "u" and len(body) == 5:
            return chr(int(body[1:], 16))
        return _ESCAPES.get(body, "\\" + body)

    value = _ESCAPE.sub(escape, text[1:-1])
    if "\\u" in text:
        value = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    return value

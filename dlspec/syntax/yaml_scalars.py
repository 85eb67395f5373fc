"""Text as YAML scalars: plain where YAML reads it as itself, in quotes elsewhere."""

from __future__ import annotations

import re

_INDICATORS = "-?:,[]{}#&*!|>'\"%@`"
_WORDS = frozenset(("Null", "NULL", "True", "TRUE", "False", "FALSE"))
"""Names of the language that YAML reads as null, true or false."""
_TEXT = re.compile(r"[A-Za-z0-9_](?:[\w ./()+=<>~-]*[\w./()+=<>~-])?", re.ASCII)
"""Text that is plain inside flow collections too."""
_NO_TEXT = re.compile(r"[^\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Characters that a YAML text cannot hold as they are, or that end a line in it."""


def expression_scalar(text: str, *, flow: bool = False) -> str:
    """An expression of the language as a scalar."""
    return text if is_plain(text, flow=flow) else _in_quotes(text)


def is_plain(text: str, *, flow: bool = False) -> bool:
    """Whether an expression can stand without quotes; inside a flow collection less can."""
    if text in _WORDS or ": " in text or " #" in text or text[-1] == ":" or text[0] in _INDICATORS:
        return bool(re.fullmatch(r"-[0-9][0-9.eE+-]*", text))
    return not (flow and any(mark in text for mark in ",[]{}:"))


def _in_quotes(text: str) -> str:
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def text_scalar(text: str) -> str:
    """A text that stands for itself: a key, a path, a reason."""
    if _TEXT.fullmatch(text):
        return text
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + _NO_TEXT.sub(_escape, inner) + '"'


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def comment_text(spelt: str) -> str:
    """A comment without the characters that YAML cannot hold."""
    return _NO_TEXT.sub(_escape, spelt)

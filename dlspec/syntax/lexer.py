"""Words of a text, one at a time: what lark's contextual lexer would take, and where a statement ends.

A token is the first pattern, by priority, that the automaton accepts where it stands.
"""

from __future__ import annotations

import re

from dlspec.syntax import _tables as tables

RESERVED = frozenset(("if", "else", "for", "in", "and", "or", "not", "true", "false", "null"))
"""Words that no name is spelt as."""

_GAP = re.compile(r"(?:[ \t\r\f]+|\n|#[^\n]*)+")
CONTINUES = re.compile(
    r"->|(?:else|and|or|in|not)\b|[-+*/%<>=!.,})\]]"
    r"|(?:where|when|takes|gives)(?=[ \t]+(?:not(?![ \t]+in\b)\b|-[^ \t>]|[\"(\[{]"
    r"|(?!(?:if|else|for|in|and|or|not)\b)[A-Za-z0-9_]))"
)
"""What at the start of a line makes it go on with the statement before it: an operator or closing bracket, or
a word such as `where` with the begin of an expression after it (`where = 3` is a statement of its own)."""
_OPEN_ENDED = frozenset(
    ("LPAR", "LSQB", "LBRACE", "COMMA", "__ANON_0", "__ANON_1", "EQUAL", "COLON", "PLUS", "MINUS", "STAR", "SLASH",
     "POWER", "COMPARE", "OR", "AND", "NOT", "IN", "ELSE", "IF", "FOR")
)  # fmt: skip
CLOSER = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
CLOSERS = frozenset(CLOSER.values())

_SKIPPED = ("_NL", "COMMENT", "__IGNORE_1")
_LEXED = [(name, pattern) for name, pattern in tables.PATTERNS if name not in _SKIPPED]
_SIGNS = sorted((word for word in tables.WORDS if not word[0].isalpha()), key=len, reverse=True)
_MASTER = re.compile("|".join([f"({p})" for _, p in _LEXED] + ["(" + "|".join(map(re.escape, _SIGNS)) + ")"]))
_KINDS = [None, *(name for name, _ in _LEXED), "SIGN"]
_ALONE: dict[str, re.Pattern[str]] = {}


class Token:
    """A word of the text: its kind, and from where to where."""

    __slots__ = ("end", "kind", "start", "text")

    def __init__(self, kind: str, text: str, start: int, end: int) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = end


class Lexer:
    """Gives one token at a time, knowing which kinds would be taken.

    In a `leaf` line ends mean nothing: it may be folded over lines of a YAML file.
    """

    def __init__(self, text: str, start: int, end: int, *, leaf: bool = False) -> None:
        self.text = text
        self.leaf = leaf
        self.at = start
        self.end = end
        self.brackets: list[str] = []
        self.last = "LBRACE"
        self.gaps: list[tuple[int, int]] = []

    def next(self, accepted: dict[str, int]) -> Token:
        """The next token that counts, `_NL` and `$END` among them."""
        gap = _GAP.match(self.text, self.at, self.end)
        if gap is not None:
            start, self.at = self.at, gap.end()
            self.gaps.append((start, self.at))
            if self._ends_statement(start):
                return self._give(Token("_NL", "\n", start, self.at))
        if self.at >= self.end:
            return Token("$END", "", self.end, self.end)
        return self._give(self._word(accepted))

    def _ends_statement(self, start: int) -> bool:
        return (
            self.at < self.end
            and not self.leaf
            and self.last not in _OPEN_ENDED
            and (not self.brackets or self.brackets[-1] == "LBRACE")
            and self.text.find("\n", start, self.at) >= 0
            and not CONTINUES.match(self.text, self.at, self.end)
        )

    def _word(self, accepted: dict[str, int]) -> Token:
        match = _MASTER.match(self.text, self.at, self.end)
        if match is None:
            return self._unknown()
        kind = _KINDS[match.lastindex or 0] or ""
        if kind in accepted and kind != "NAME":
            return Token(kind, match.group(), self.at, match.end())
        return self._by_context(accepted, kind, match)

    def _by_context(self, accepted: dict[str, int], kind: str, match: re.Match[str]) -> Token:
        text = match.group()
        if kind in ("NAME", "SIGN"):
            word = tables.WORDS.get(text, kind)
            if word in accepted or kind == "SIGN" or "NAME" not in accepted or text in RESERVED:
                return Token(word, text, self.at, match.end())
            return Token("NAME", text, self.at, match.end())
        for name, pattern in _LEXED:
            if name in accepted:
                alone = _ALONE.setdefault(name, re.compile(pattern))
                other = alone.match(self.text, self.at, self.end)
                if other is not None:
                    word = tables.WORDS.get(other.group(), name) if name == "NAME" else name
                    chosen = word if word in accepted or other.group() in RESERVED else name
                    return Token(chosen, other.group(), self.at, other.end())
        sign = next((sign for sign in _SIGNS if self.text.startswith(sign, self.at)), None)
        if sign is not None and tables.WORDS[sign] in accepted:
            return Token(tables.WORDS[sign], sign, self.at, self.at + len(sign))
        if kind == "LABEL" and text.isidentifier():
            return Token(tables.WORDS.get(text, "NAME"), text, self.at, match.end())
        return Token(kind, text, self.at, match.end())

    def _unknown(self) -> Token:
        """A character of no token; with an open quote goes the rest of its line, so that no line is read twice."""
        end = self.at + 1
        if self.text[self.at] == '"':
            line_end = self.text.find("\n", self.at, self.end)
            end = line_end if line_end >= 0 else self.end
        return Token("UNKNOWN", self.text[self.at], self.at, end)

    def _give(self, token: Token) -> Token:
        kind = token.kind
        if kind in CLOSER:
            self.brackets.append(kind)
        elif kind in CLOSERS and self.brackets:
            self.brackets.pop()
        self.at = token.end
        self.last = kind
        return token


ANY: dict[str, int] = {name: 0 for name, _ in _LEXED if name != "LABEL"} | dict.fromkeys(tables.WORDS.values(), 0)
"""Every kind of token that is not told by what stands around it."""

"""Text to tree: a contextual lexer and an LALR(1) automaton over the tables of the grammar.

A token is what lark's contextual lexer would take: the first pattern, by priority, that the
automaton accepts where it stands. A mistake is reported, the rest of its statement skipped, and
reading goes on, so that one run reports all of them.
"""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Diagnostic, problem
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source, Span
from dlspec.syntax import _tables as tables
from dlspec.syntax.build import BUILDERS, Builder
from dlspec.syntax.tree import Broken, Comment

if TYPE_CHECKING:
    from typing import Any

NESTING = 100
"""How deep brackets may nest; far beyond any real spec, far below Python's own limit."""

_GAP = re.compile(r"(?:[ \t\r\f]+|\n|#[^\n]*)+")
_COMMENT = re.compile(r"#[^\n]*")
_CONTINUES = re.compile(r"->|(?:else|where|when|and|or|in|not)\b|[-+*/%<>=!.,})\]]")
_OPEN_ENDED = frozenset(
    ("LPAR", "LSQB", "LBRACE", "COMMA", "__ANON_0", "__ANON_1", "EQUAL", "COLON", "PLUS", "MINUS", "STAR", "SLASH",
     "POWER", "COMPARE", "OR", "AND", "NOT", "IN", "ELSE", "IF", "FOR")
)  # fmt: skip
_OPENERS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
_CLOSERS = frozenset(_OPENERS.values())

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
    """Gives one token at a time, knowing which kinds would be taken."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self.text = text
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
            and self.last not in _OPEN_ENDED
            and (not self.brackets or self.brackets[-1] == "LBRACE")
            and self.text.find("\n", start, self.at) >= 0
            and not _CONTINUES.match(self.text, self.at, self.end)
        )

    def _word(self, accepted: dict[str, int]) -> Token:
        match = _MASTER.match(self.text, self.at, self.end)
        if match is None:
            return Token("UNKNOWN", self.text[self.at], self.at, self.at + 1)
        kind = _KINDS[match.lastindex or 0] or ""
        if kind in accepted and kind != "NAME":
            return Token(kind, match.group(), self.at, match.end())
        return self._by_context(accepted, kind, match)

    def _by_context(self, accepted: dict[str, int], kind: str, match: re.Match[str]) -> Token:
        text = match.group()
        if kind in ("NAME", "SIGN"):
            word = tables.WORDS.get(text, kind)
            if word in accepted or kind == "SIGN" or "NAME" not in accepted:
                return Token(word, text, self.at, match.end())
            return Token("NAME", text, self.at, match.end())
        for name, pattern in _LEXED:
            if name in accepted:
                alone = _ALONE.setdefault(name, re.compile(pattern))
                other = alone.match(self.text, self.at, self.end)
                if other is not None:
                    word = tables.WORDS.get(other.group(), name) if name == "NAME" else name
                    chosen = word if word in accepted else name
                    return Token(chosen, other.group(), self.at, other.end())
        sign = next((sign for sign in _SIGNS if self.text.startswith(sign, self.at)), None)
        if sign is not None and tables.WORDS[sign] in accepted:
            return Token(tables.WORDS[sign], sign, self.at, self.at + len(sign))
        if kind == "LABEL" and text.isidentifier():
            return Token(tables.WORDS.get(text, "NAME"), text, self.at, match.end())
        return Token(kind, text, self.at, match.end())

    def _give(self, token: Token) -> Token:
        kind = token.kind
        if kind in _OPENERS:
            self.brackets.append(kind)
        elif kind in _CLOSERS and self.brackets:
            self.brackets.pop()
        self.at = token.end
        self.last = kind
        return token


class Failure:
    """Where the automaton could not go on: its state, the token, what it would have taken."""

    __slots__ = ("expected", "state", "token")

    def __init__(self, state: int, token: Token) -> None:
        self.state = state
        self.token = token
        self.expected = [kind for kind in tables.STATES[state] if not kind[0].islower() and kind[:3] != "__i"]


class Parser:
    """One run of the automaton over a stretch of a source."""

    def __init__(self, source: Source, start: int = 0, end: int | None = None) -> None:
        self.source = source
        self.lexer = Lexer(source.text, start, len(source.text) if end is None else end)
        self.builder = Builder(source)
        self.failures: list[Failure] = []
        self.too_deep: Token | None = None
        self._reset_at = -1

    def run(self, start: str) -> Any:
        """The tree that `start` stands for, or None where nothing could be made of the text."""
        states = [tables.STARTS[start]]
        end_state = tables.ENDS[start]
        values: list[Any] = []
        begins: list[int] = []
        ends: list[int] = []
        table, rules = tables.STATES, tables.RULES
        token = self.lexer.next(table[states[-1]])
        while True:
            actions = table[states[-1]]
            action = actions.get(token.kind)
            if action is None:
                self.failures.append(Failure(states[-1], token))
                resumed = self._recover(states, values, begins, ends, token)
                if resumed is None:
                    return None
                token = resumed
            elif action >= 0:
                if len(self.lexer.brackets) > NESTING:
                    self.too_deep = token
                    return None
                states.append(action)
                values.append(token)
                begins.append(token.start)
                ends.append(token.end)
                token = self.lexer.next(table[action])
            else:
                self._reduce(rules[-1 - action], states, values, begins, ends, token)
                if states[-1] == end_state and token.kind == "$END":
                    return values[-1]

    def _reduce(
        self, rule: tuple, states: list[int], values: list[Any], begins: list[int], ends: list[int], token: Token
    ) -> None:
        origin, size, name, expand, picks = rule
        if size:
            begin, end = begins[-size], ends[-1]
            taken = values[-size:]
            del states[-size:], values[-size:], begins[-size:], ends[-size:]
        else:
            begin = end = ends[-1] if ends else token.start
            taken = []
        children: list[Any] = []
        for pick in picks:
            if pick >= 0:
                children.append(taken[pick])
            elif pick == -1:
                children.append(None)
            else:
                children.extend(taken[-2 - pick])
        value: Any = children
        if name is not None and not (expand and len(children) == 1):
            build = BUILDERS.get(name)
            if build is not None:
                value = build(self.builder, children, Span(self.source, begin, end))
        elif name is not None:
            value = children[0]
        states.append(tables.STATES[states[-1]][origin])
        values.append(value)
        begins.append(begin)
        ends.append(end)

    def _recover(
        self, states: list[int], values: list[Any], begins: list[int], ends: list[int], token: Token
    ) -> Token | None:
        """Skip the rest of the statement, entry or item with the mistake; None where there is none to skip."""
        depth = sum(isinstance(v, Token) and v.kind == "LBRACE" for v in values)
        while states:
            found = next((kind for kind in ("statement", "entry", "item") if kind in tables.STATES[states[-1]]), None)
            if found is not None:
                kept = sum(isinstance(v, Token) and v.kind == "LBRACE" for v in values)
                stop = self._skip(token, depth - kept)
                if stop.start == self._reset_at:
                    return None
                self._reset_at = stop.start
                self.lexer.brackets = ["LBRACE"] * kept
                if stop.kind == "RBRACE" and kept:
                    self.lexer.brackets.pop()
                states.append(tables.STATES[states[-1]][found])
                values.append(Broken(self.source.span(token.start, stop.start)))
                begins.append(token.start)
                ends.append(token.start)
                return stop
            if len(states) == 1:
                return None
            states.pop()
            values.pop()
            begins.pop()
            ends.pop()
        return None

    def _skip(self, token: Token, depth: int) -> Token:
        """The end of the statement that `token` lies in, `depth` braces up."""
        lexer = self.lexer
        while True:
            if token.kind == "LBRACE":
                depth += 1
            elif token.kind == "RBRACE":
                if depth <= 0:
                    return token
                depth -= 1
            elif (token.kind == "_NL" and depth <= 0) or token.kind == "$END":
                return token
            if not lexer.brackets or lexer.brackets[-1] != "LBRACE":
                lexer.brackets = ["LBRACE"]
            lexer.last = "NAME"
            token = lexer.next(_ANY)

    def comments(self) -> tuple[Comment, ...]:
        """The comments met between tokens, in order."""
        found = []
        text = self.source.text
        for start, end in self.lexer.gaps:
            for match in _COMMENT.finditer(text, start, end):
                line = text.rfind("\n", 0, match.start()) + 1
                alone = not text[line : match.start()].strip()
                found.append(Comment(Span(self.source, match.start(), match.end()), match.group()[1:].strip(), alone))
        return tuple(found)


_ANY: dict[str, int] = {name: 0 for name, _ in _LEXED if name != "LABEL"} | {name: 0 for name in tables.WORDS.values()}


def parse(source: Source, start: str, begin: int = 0, end: int | None = None) -> tuple[Any, list[Diagnostic], Parser]:
    """Read a stretch of a source from a start rule: the tree, what was wrong, and the run itself."""
    parser = Parser(source, begin, end)
    tree = parser.run(start)
    problems = list(parser.builder.problems)
    if parser.failures:
        from dlspec.syntax.mistakes import describe

        problems += [describe(failure, source, start) for failure in parser.failures]
    if parser.too_deep is not None:
        where = parser.too_deep
        problems.append(
            problem("E0209", f"brackets nest more than {NESTING} deep", source.span(where.start, where.end), "here")
        )
    return tree, problems, parser

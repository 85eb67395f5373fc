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
from dlspec.syntax.tree import Broken, Comment, Node

if TYPE_CHECKING:
    from typing import Any

NESTING = 100
"""How deep brackets, and nodes of the tree, may nest; far beyond any real spec, far below Python's own limit."""
MISTAKES = 100
"""Syntax mistakes that are told of one file; what has more is no spec."""
RESERVED = frozenset(("if", "else", "for", "in", "and", "or", "not", "true", "false", "null"))
"""Words that no name is spelt as."""

_GAP = re.compile(r"(?:[ \t\r\f]+|\n|#[^\n]*)+")
_COMMENT = re.compile(r"#[^\n]*")
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
_CLOSERS = frozenset(CLOSER.values())
_ITEM = re.compile(r"(?:block|network|plan|foreign)[ \t]+[A-Za-z_]\w*[ \t]*(?:[({=])")

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
        elif kind in _CLOSERS and self.brackets:
            self.brackets.pop()
        self.at = token.end
        self.last = kind
        return token


class Failure:
    """Where the automaton could not go on: its state, the token, what it would have taken."""

    __slots__ = ("before_else", "expected", "item", "openers", "outdented", "state", "token")

    def __init__(self, state: int, token: Token, openers: list[Token], text: str) -> None:
        self.state = state
        self.token = token
        self.openers = openers
        """The brackets that are open there, the innermost last."""
        self.outdented = (
            token.kind == "_NL" and bool(openers) and indent_at(text, token.end) <= indent_at(text, openers[-1].start)
        )
        """Whether the line ends inside a bracket, and the next one stands no deeper than the line that opens it."""
        self.before_else = (
            token.kind == "ELSE"
            and bool(openers)
            and openers[-1].kind == "LBRACE"
            and not text[text.rfind("\n", 0, token.start) + 1 : token.start].strip()
        )
        """Whether a line begins with `else` inside the braces that it should follow."""
        self.item = _item_at(text, token.start, openers)
        """Where the line begins, if a block, network or plan begins there while something before it is open."""
        self.expected = [kind for kind in tables.STATES[state] if kind == kind.upper()]


def begins_line(text: str, at: int) -> bool:
    """Whether only blanks stand before a place on its line."""
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


def indent_at(text: str, at: int) -> int:
    """How far the line of a place is indented."""
    line = text[text.rfind("\n", 0, at) + 1 :]
    return len(line) - len(line.lstrip(" \t"))


def _item_at(text: str, at: int, openers: list[Token]) -> int | None:
    line = text.rfind("\n", 0, at) + 1
    return line if openers and openers[-1].start < line and _ITEM.match(text, line) else None


class _Stack:
    """What was read and waits to become part of something larger, with its place and its height as a tree."""

    __slots__ = ("begins", "ends", "heights", "states", "values")

    def __init__(self, state: int) -> None:
        self.states = [state]
        self.values: list[Any] = []
        self.begins: list[int] = []
        self.ends: list[int] = []
        self.heights: list[int] = []

    def push(self, state: int, value: Any, begin: int, end: int, height: int = 0) -> None:
        self.states.append(state)
        self.values.append(value)
        self.begins.append(begin)
        self.ends.append(end)
        self.heights.append(height)

    def drop(self, count: int) -> None:
        del (
            self.states[-count:],
            self.values[-count:],
            self.begins[-count:],
            self.ends[-count:],
            self.heights[-count:],
        )

    def drop_whole(self) -> None:
        """Drop the last value; of something in braces all of it, so that reading does not go on inside."""
        depth = 0
        while True:
            value = self.values[-1]
            self.drop(1)
            if isinstance(value, Token) and value.kind in ("LBRACE", "RBRACE"):
                depth += 1 if value.kind == "RBRACE" else -1
            if depth <= 0 or not self.values:
                return

    def openers(self) -> list[Token]:
        """The brackets that are open, the innermost last."""
        found: list[Token] = []
        for value in self.values:
            if isinstance(value, Token) and value.kind in CLOSER:
                found.append(value)
            elif isinstance(value, Token) and value.kind in _CLOSERS:
                found.pop()
        return found

    def braces(self) -> int:
        """How many braces are open."""
        return sum(opener.kind == "LBRACE" for opener in self.openers())


class Parser:
    """One run of the automaton over a stretch of a source."""

    def __init__(self, source: Source, begin: int = 0, end: int | None = None, *, leaf: bool = False) -> None:
        self.source = source
        self.lexer = Lexer(source.text, begin, len(source.text) if end is None else end, leaf=leaf)
        self.builder = Builder(source)
        self.failures: list[Failure] = []
        self.too_deep: Token | None = None
        self._resumed_at = -1

    def run(self, start: str) -> Any:
        """The tree that `start` stands for, or None where nothing could be made of the text."""
        stack = _Stack(tables.STARTS[start])
        states, table, end_state = stack.states, tables.STATES, tables.ENDS[start]
        token = self.lexer.next(table[states[-1]])
        while True:
            action = table[states[-1]].get(token.kind)
            if action is None:
                self.failures.append(Failure(states[-1], token, stack.openers(), self.source.text))
                resumed = self._recover(stack, token)
                if resumed is None:
                    return None
                token = resumed
            elif action >= 0:
                if len(self.lexer.brackets) > NESTING:
                    self.too_deep = token
                    return None
                stack.push(action, token, token.start, token.end)
                token = self.lexer.next(table[action])
            else:
                if _UNIT[-1 - action]:
                    states[-1] = _climbed(states[-2], states[-1], token.kind)
                else:
                    self._reduce(_RULES[-1 - action], stack, token)
                    if stack.heights[-1] > NESTING:
                        self.too_deep = token
                        return None
                if states[-1] == end_state and token.kind == "$END":
                    return stack.values[-1]

    def _reduce(self, rule: _Rule, stack: _Stack, token: Token) -> None:
        origin, size, name, expand, picks = rule
        begin = end = stack.ends[-1] if stack.ends else token.start
        height, taken = 0, []
        if size:
            begin, end, height = stack.begins[-size], stack.ends[-1], max(stack.heights[-size:])
            taken = stack.values[-size:]
            stack.drop(size)
        value: Any = _children(picks, taken)
        if name is not None:
            build = BUILDERS.get(name)
            if expand and len(value) == 1:
                value = value[0]
            elif build is not None:
                value = build(self.builder, value, Span(self.source, begin, end))
                height += isinstance(value, Node)
        stack.push(tables.STATES[stack.states[-1]][origin], value, begin, end, height)

    def _recover(self, stack: _Stack, token: Token) -> Token | None:
        """Skip the rest of the statement, entry or item with the mistake; None where there is none to skip."""
        if len(self.failures) >= MISTAKES or token.kind == "$END":
            return None
        failure = self.failures[-1]
        depth = 0 if failure.outdented else stack.braces()
        item = None if self.lexer.leaf else failure.item
        if failure.before_else:
            stack.drop(len(stack.values) - stack.values.index(failure.openers[-1]))
            depth = stack.braces()
        while True:
            actions = tables.STATES[stack.states[-1]]
            kinds = ("statement", "entry", "item") if item is None else ("item",)
            found = next((kind for kind in kinds if kind in actions), None)
            if found is not None:
                break
            if not stack.values:
                return None
            stack.drop_whole()
        kept = stack.braces()
        stop = self._skip(token, max(0, depth - kept)) if item is None else self._reread(item)
        if stop.start == self._resumed_at:
            return None
        self._resumed_at = stop.start
        self.lexer.brackets = ["LBRACE"] * (kept - (stop.kind == "RBRACE" and kept > 0))
        stack.push(actions[found], Broken(self.source.span(token.start, stop.start)), token.start, token.start)
        return stop

    def _reread(self, item: int) -> Token:
        """The end of the line before an item, which is read again: what was open before it was never closed."""
        self.lexer.at = item
        self.lexer.last = "_NL"
        return Token("_NL", "\n", item, item)

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


_ANY: dict[str, int] = {name: 0 for name, _ in _LEXED if name != "LABEL"} | dict.fromkeys(tables.WORDS.values(), 0)
_Rule = tuple[str, int, "str | None", bool, tuple[int, ...]]
_RULES: tuple[_Rule, ...] = tables.RULES
_UNIT = [size == 1 and name is not None and expand and picks == (0,) for _, size, name, expand, picks in _RULES]
"""Which rules only pass a value on, as `sum` passes on a `product`."""
_CLIMBED: dict[tuple[int, int, str], int] = {}


def _climbed(below: int, top: int, kind: str) -> int:
    """The state after all rules in turn that only pass a value on: a number climbs eleven before it is an argument."""
    known = _CLIMBED.get((below, top, kind))
    if known is not None:
        return known
    state = top
    while True:
        action = tables.STATES[state].get(kind, 0)
        if action >= 0 or not _UNIT[-1 - action]:
            break
        state = tables.STATES[below][_RULES[-1 - action][0]]
    _CLIMBED[below, top, kind] = state
    return state


def _children(picks: tuple[int, ...], taken: list[Any]) -> list[Any]:
    """The values of a reduction that become children; a list that only grows is taken over, not copied."""
    children: list[Any] = []
    for pick in picks:
        if pick >= 0:
            children.append(taken[pick])
        elif pick == -1:
            children.append(None)
        elif children:
            children += taken[-2 - pick]
        else:
            children = taken[-2 - pick]
    return children


def parse(source: Source, start: str, begin: int = 0, end: int | None = None) -> tuple[Any, list[Diagnostic], Parser]:
    """Read a stretch of a source from a start rule: the tree, what was wrong, and the run itself."""
    parser = Parser(source, begin, end, leaf=start != "start")
    tree = parser.run(start)
    problems = list(parser.builder.problems)
    if parser.failures:
        from dlspec.syntax.mistakes import describe

        problems += [describe(failure, source, start) for failure in parser.failures]
    if parser.too_deep is not None:
        where = source.span(parser.too_deep.start, parser.too_deep.end)
        problems.append(problem("E0209", f"this nests more than {NESTING} deep", where, "too deep here"))
    return tree, problems, parser

"""Text to tree: a contextual lexer and an LALR(1) automaton over the tables of the grammar.

A mistake is reported, the rest of its statement skipped, and
reading goes on, so that one run reports all of them.
"""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Diagnostic, problem
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source, Span
from dlspec.syntax import _tables as tables
from dlspec.syntax.build import BUILDERS, Builder
from dlspec.syntax.failures import Failure
from dlspec.syntax.lexer import ANY, CLOSER, CLOSERS, Lexer, Token
from dlspec.syntax.tree import Broken, Comment, Node

if TYPE_CHECKING:
    from typing import Any

NESTING = 100
"""How deep brackets, and nodes of the tree, may nest; far beyond any real spec, far below Python's own limit."""
MISTAKES = 100
"""Syntax mistakes that are told of one file; what has more is no spec."""
_COMMENT = re.compile(r"#[^\n]*")


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
            elif isinstance(value, Token) and value.kind in CLOSERS:
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
            token = lexer.next(ANY)

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


def parse_expression(text: str) -> Any:
    """The tree of an expression that stands in no file, as a resolved plan keeps it."""
    return parse(Source("expression", text), "expression")[0]

"""Where reading stopped: what would have been taken there, what is open, and whether the lines tell what was meant."""

from __future__ import annotations

import re

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import _tables as tables

if TYPE_CHECKING:
    from dlspec.syntax.lexer import Token

_ITEM = re.compile(r"(?:block|network|plan|foreign)[ \t]+[A-Za-z_]\w*[ \t]*(?:[({=])")


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

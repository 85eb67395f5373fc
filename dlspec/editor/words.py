"""The words of the language as highlighters need them, from the tables of the grammar and from the catalogue."""

from __future__ import annotations

import re

from dlspec.syntax import _tables as tables
from dlspec.syntax.lexer import RESERVED

CONSTANTS = ("false", "null", "true")
LOGIC = ("and", "in", "not", "or")
DEFINERS = ("block", "foreign", "network", "plan")
"""What a name is defined after."""
CONTROL = tuple(sorted(RESERVED - {*CONSTANTS, *LOGIC}))
"""`if`, `else`, `for`."""
TYPES = ("bool", "bfloat16", "boxes", "list", *(f"float{bits}" for bits in (16, 32, 64)), "int32", "int64", "uint8")


def statement_words() -> list[str]:
    """The words that begin a statement or item and are names anywhere else: `input`, `network`, `allow`."""
    return sorted(
        word[0]
        for name, pattern in tables.PATTERNS
        if name.lstrip("_") != "LABEL" and (word := re.match(r"[a-z]+(?=\(\?=)", pattern))
    )


def behind_words() -> list[str]:
    """The words that stand behind something: `from`, `where`, `when`, `takes`, `gives`."""
    return sorted(word for word in tables.WORDS if word.isalpha() and word not in RESERVED)


def pattern(name: str) -> str:
    """The pattern of a kind of token, as the parser has it."""
    return next(text for kind, text in tables.PATTERNS if kind == name)


def operators() -> list[str]:
    """Every operator, longer names before those that begin them."""
    from dlspec.ops import operator_names

    return sorted(operator_names(), key=lambda name: (-len(name), name))


def functions() -> list[str]:
    """The functions of compile-time values, and the starts of learned tensors."""
    from dlspec.elaborate.builtins import BUILTINS
    from dlspec.elaborate.statements import STARTS

    return sorted({*BUILTINS, *STARTS})

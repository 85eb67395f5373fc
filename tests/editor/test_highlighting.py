"""Grammars and lexer know the words of the language and every operator, and what is checked in is what they give."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename
from pygments.token import Error, Keyword, Name, Number, String

from dlspec.editor import words
from dlspec.editor.highlighting import grammar, yaml_grammar
from dlspec.editor.lexer import DlspecLexer
from dlspec.ops import operator_names
from dlspec.places import GRAMMAR, ZOO

SYNTAXES = Path(__file__).parents[2] / "editors" / "vscode" / "syntaxes"


@pytest.mark.parametrize(("name", "made"), [("dlspec", grammar), ("dlspec-yaml", yaml_grammar)])
def test_the_grammar_that_is_checked_in_is_fresh(name: str, made: object) -> None:
    """`python -m dlspec.editor.highlighting` writes it."""
    assert json.loads((SYNTAXES / f"{name}.tmLanguage.json").read_text()) == made()  # type: ignore[operator]


def test_every_word_of_the_grammar_is_a_word_of_the_highlighters() -> None:
    text = re.sub(r"//.*", "", (GRAMMAR / "dlspec.lark").read_text(encoding="utf-8"))
    written = set(re.findall(r'"([a-z]+)"', text)) | set(re.findall(r"^_?[A-Z]+\.3: /([a-z]+)", text, re.MULTILINE))
    known = {*words.statement_words(), *words.behind_words(), *words.CONTROL, *words.LOGIC, *words.CONSTANTS}
    assert known == written


def patterns(rule: object) -> list[str]:
    if isinstance(rule, dict):
        own = [text for key, text in rule.items() if key in ("match", "begin", "end") and isinstance(text, str)]
        return own + [text for value in rule.values() for text in patterns(value)]
    return [text for value in rule for text in patterns(value)] if isinstance(rule, list) else []


def test_every_operator_is_a_function_of_the_library() -> None:
    rules = grammar()["repository"]["expression"]["patterns"]
    rule = next(rule for rule in rules if rule.get("name") == "support.function.operator.dls")
    for name in operator_names():
        found = re.search(rule["match"], f"x -> {name}")
        assert found is not None
        assert found.group() == name


def test_every_pattern_can_be_read() -> None:
    for made in (grammar(), yaml_grammar()):
        for text in patterns(made):
            re.compile(text.replace(r"(?<=[-:,\[{][ ]|[\[{])", ""))  # Python's own wants one width behind


def test_pygments_finds_the_lexer_by_name_and_by_file() -> None:
    assert isinstance(get_lexer_by_name("dls"), DlspecLexer)
    assert isinstance(get_lexer_for_filename("resnet.dls"), DlspecLexer)


@pytest.mark.parametrize("path", sorted(ZOO.glob("*.dls")), ids=lambda path: path.stem)
def test_the_zoo_has_a_colour_everywhere(path: Path) -> None:
    assert [text for kind, text in DlspecLexer().get_tokens(path.read_text()) if kind is Error] == []


def test_words_have_the_colour_of_what_they_are() -> None:
    text = 'network n {\n  input x: float32[N, 3]\n  y = input -> conv1: conv2d(64, stride=2) -> unit(3)  # "one"\n  allow l: "why"\n}\n'
    found = {word: kind for kind, word in DlspecLexer().get_tokens(text) if word.strip()}
    assert found["network"] is Keyword.Declaration
    assert found["float32"] is Keyword.Type
    assert found["conv1"] is Name.Label
    assert found["conv2d"] is Name.Builtin
    assert found["stride"] is Name.Attribute
    assert found["64"] is Number
    assert found["unit"] is Name.Function
    assert found['"why"'] is String
    assert found["input"] is Name  # the last one, a name

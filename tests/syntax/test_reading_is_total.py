"""Whatever comes in, only a tree and diagnostics come out, in bounded time; and the driver reads what lark reads."""

from __future__ import annotations

import random
from pathlib import Path

import lark
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlspec.checking import Spec, check_spec
from dlspec.diagnostics.codes import CODES
from dlspec.places import ZOO
from dlspec.source import Source
from dlspec.syntax import _tables, tables
from dlspec.syntax.lexer import Token
from dlspec.syntax.mistakes import ROWS
from dlspec.syntax.parser import Parser
from dlspec.syntax.read import read

FOLDER = Path(__file__).parent.parent
DSL = sorted([*ZOO.glob("*.dls"), *(FOLDER / "architectures").glob("*.dls")])
YAML = sorted([*ZOO.glob("*.yaml"), *(FOLDER / "architectures").glob("*.yaml")])
TEXTS = [(path.name, path.read_text(encoding="utf-8")) for path in (*DSL, *YAML)]
SUFFIXES = ("spec.dls", "spec.dlspec.yaml")
PIECES = (
    "{", "}", "(", ")", "[", "]", "->", "=", ":", ",", "\n", " ", '"', "#", "if", "else", "for", "in", "network n",
    "block f(x)", "input x: float32[N, 3]", "output y", "x", "conv2d(8, 3)", "relu", "1e9", "* 3", "&a", "*a", "- ", "? ",
    "\t", "\0", "é", "\ud800", "plan p", 'import a from "b"', "parameter t: [1]", "9" * 50,
)  # fmt: skip


def only_diagnostics(name: str, text: str) -> None:
    """Reading and checking end, and what they say has codes."""
    problems = check_spec(Spec(Source(name, text), None))
    assert {problem.code for problem in problems} <= set(CODES)
    for problem in problems:
        for label in problem.labels:
            assert 0 <= label.span.start <= label.span.end <= len(label.span.source.text)


@given(st.text(max_size=200), st.sampled_from(SUFFIXES))
def test_any_text_is_read(text: str, name: str) -> None:
    only_diagnostics(name, text)


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.sampled_from(SUFFIXES))
def test_any_heap_of_words_is_read(pieces: list[str], name: str) -> None:
    only_diagnostics(name, " ".join(pieces))


@given(st.integers(0, 2**32))
def test_a_damaged_spec_is_read(seed: int) -> None:
    chosen = random.Random(seed)
    name, text = chosen.choice(TEXTS)
    for _ in range(chosen.randint(1, 6)):
        at, length = chosen.randrange(len(text) + 1), chosen.choice((0, 1, 1, 2, 8, 40))
        text = text[:at] + chosen.choice((*PIECES, "", "")) + text[at + length :]
    only_diagnostics(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("spec.dls", "network n { x = " + "(" * 100_000),
        ("spec.dls", "network n { x = " + "-" * 100_000 + "1 }"),
        ("spec.dls", "network n { x = 1" + " + 1" * 20_000 + " }"),
        ("spec.dls", "network n { x = a" + ".b" * 20_000 + " }"),
        ("spec.dls", "network n { x = " + "[" * 50_000),
        ("spec.dls", "x = 9" + "9" * 100_000),
        ("spec.dls", 'x = "' + "a" * 100_000),
        ("spec.dlspec.yaml", "network: " + "[" * 20_000),
        ("spec.dlspec.yaml", "network: " + "{a: " * 20_000),
        ("spec.dlspec.yaml", "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(3_000))),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_text_made_to_hang_does_not(name: str, text: str) -> None:
    only_diagnostics(name, text)


def test_an_alias_bomb_is_refused() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    _, problems = read(Source("spec.dlspec.yaml", "\n".join(levels) + "\nnetwork: *a11\n"))
    assert "E0107" in {problem.code for problem in problems}


def test_the_tables_are_made_from_the_grammar() -> None:
    assert tables.TABLES.read_text(encoding="utf-8") == tables.tables_source(tables.grammar_text())


def tokens(text: str) -> list[Token]:
    """The tokens that our driver shifts."""
    parser = Parser(Source("spec.dls", text))
    taken: list[Token] = []
    take = parser.lexer.next

    def noted(accepted: dict[str, int]) -> Token:
        token = take(accepted)
        taken.append(token)
        return token

    parser.lexer.next = noted  # type: ignore[method-assign]
    parser.run("start")
    assert not parser.failures
    return taken


@pytest.mark.parametrize("path", DSL, ids=[path.name for path in DSL])
def test_lark_itself_accepts_the_tokens_that_the_driver_takes(path: Path) -> None:
    interactive = tables.automaton(tables.grammar_text()).parse_interactive(start="start")
    for token in tokens(path.read_text(encoding="utf-8")):
        if token.kind != "$END":
            interactive.feed_token(lark.Token(token.kind, token.text))
    assert interactive.feed_eof() is not None


def test_every_row_of_known_mistakes_is_reached() -> None:
    from dlspec.syntax.parser import parse

    for message, _, _, examples in ROWS:
        said = set()
        for example in examples:
            _, problems, _ = parse(Source("example.dls", example), "start")
            said |= {problem.message for problem in problems}
        assert message in said


def test_words_of_the_tables_are_those_of_the_grammar() -> None:
    assert {"if", "else", "for", "->"} <= set(_tables.WORDS)

"""A mistake of form points at what caused it, and the repair that it offers gives a text that can be read."""

from __future__ import annotations

import pytest

from dlspec.diagnostics.fixes import apply
from dlspec.source import Source
from dlspec.syntax.read import read


def in_body(lines: str) -> str:
    return f"block f(x, y) {{\n  {lines}\n}}\n"


REPAIRED = {
    "y = x => relu": "y = x -> relu",
    "y = x |> relu": "y = x -> relu",
    "y := x -> relu": "y = x -> relu",
    "z = x + fc: linear(y, g(2))": "z = x + (fc: linear(y, g(2)))",
    "z = x * act: relu": "z = x * (act: relu)",
    "conv2d(x, 8 3)": "conv2d(x, 8, 3)",
    "concat([x y], dim=1)": "concat([x, y], dim=1)",
    "x -> relu tanh": "x -> relu -> tanh",
    "return x": "x",
    "let y = x": "y = x",
    "if a && b { x }": "if a and b { x }",
    "if a || b { x }": "if a or b { x }",
    "if !a { x }": "if not a { x }",
    "y = x; relu(y)": "y = x\n relu(y)",
    "if a { x } elif b { y }": "if a { x } else if b { y }",
    "relu(x))": "relu(x)",
    "if x.rank == 2: { relu(x) }": "if x.rank == 2 { relu(x) }",
    "for i in range(3): { relu(x) }": "for i in range(3) { relu(x) }",
}


@pytest.mark.parametrize(("wrong", "right"), REPAIRED.items(), ids=REPAIRED)
def test_the_repair_gives_what_was_meant(wrong: str, right: str) -> None:
    source = Source("made.dls", in_body(wrong))
    _, problems = read(source)
    assert len(problems) == 1
    repaired = apply(problems, "unsafe")["made.dls"]
    assert repaired == in_body(right)
    assert read(Source("made.dls", repaired))[1] == []


@pytest.mark.parametrize(
    ("text", "opener"),
    [
        ("block f(x) {\n  conv2d(x, [3, 3)\n}\n", 25),
        ("block f(x) {\n  y = conv2d(x, 3\n  relu(y)\n}\n", 25),
        ("block f(x) {\n  x -> { relu\n  relu(x)\n}\n", 20),
        ("block f(x) {\n  relu(x)\n\nblock g(x) {\n  x\n}\n", 11),
        ("block f(x) {\n  relu(x)\n", 11),
    ],
)
def test_an_open_bracket_is_told_once_and_shown_where_it_opens(text: str, opener: int) -> None:
    _, problems = read(Source("made.dls", text))
    assert [problem.message.endswith("is not closed") for problem in problems] == [True]
    assert [label.span.start for label in problems[0].labels if not label.primary] == [opener]


def test_an_open_bracket_in_yaml_is_shown_where_it_opens() -> None:
    text = "network:\n  name: n\n  inputs:\n    x: float32[N, 8]\n  layers:\n    - conv2d(8, 3\n"
    _, problems = read(Source("made.yaml", text))
    assert [label.span.text for label in problems[0].labels if not label.primary] == ["("]

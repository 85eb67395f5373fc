"""Sizes and counts as the picture writes them: short, and still exactly what they stand for."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlspec.drawing.metrics import shortened, width
from dlspec.drawing.words import Shapes, count_text, names_text
from tests.drawing.pictures import graph_of

STEPS = st.sampled_from([
    "max_pool2d(2)", "max_pool2d(3, stride=2, padding=1)", "avg_pool2d(3, stride=1)", "max_pool2d(5, stride=4)",
    "interpolate(scale_factor=2)", "interpolate(scale_factor=3)", "max_pool2d(2, stride=3, padding=1)",
])  # fmt: skip


def value(text: str, height: int) -> Fraction:
    """The number that a written size is for a height."""
    for written, python in (("⌈", "ceil("), ("⌉", ")"), ("⌊", "floor("), ("⌋", ")"), ("·", "*"), ("−", "-")):
        text = text.replace(written, python)
    text = re.sub(r"//(\d+)", r"// Fraction(\1)", text.replace("H", "Fraction(H)"))
    return Fraction(eval(text, {"Fraction": Fraction, "ceil": ceil, "floor": floor, "H": height}))


@given(
    steps=st.lists(STEPS, min_size=1, max_size=4),
    multiple=st.sampled_from([None, 2, 12, 32]),
    seed=st.integers(9, 40),
)
def test_a_written_size_is_the_size_for_every_input(steps: list[str], multiple: int | None, seed: int) -> None:
    declared = f" where H % {multiple} == 0, H >= 200" if multiple else " where H >= 200"
    spec = f"network n {{ input x: float32[N, 3, H, 500]{declared}\n output y = x -> {' -> '.join(steps)} }}"
    graph = graph_of(spec)
    shapes = Shapes(graph)
    size = graph.outputs["y"].shape[2]
    height = seed * 32 * 3 if multiple else seed * 30
    assert value(shapes.size(size), height) == size.evaluate({"H": height})


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (999, "999"), (1000, "1K"), (9536, "9.54K"), (999_499, "999K"), (999_500, "1M"), (25_557_032, "25.6M"),
     (4_089_184_256, "4.09G"), (10**16, "10P")],
)  # fmt: skip
def test_counts_have_three_digits(count: int, text: str) -> None:
    assert count_text(count) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["1"], "1"),
        (["1", "2", "3"], "1–3"),
        (["layer_0", "layer_1"], "layer_0–1"),
        (["first", "second"], "first … second"),
        (["a1", "b2"], "a1 … b2"),
    ],
)
def test_labels_of_a_repeat_go_from_the_first_to_the_last(names: list[str], text: str) -> None:
    assert names_text(names) == text


@given(st.text(min_size=4, max_size=60), st.floats(40, 200))
def test_a_shortened_text_fits_and_keeps_both_ends(text: str, room: float) -> None:
    short = shortened(text, 9, room)
    assert width(short, 9) <= room
    assert short == text or (short[0], short[-1]) == (text[0], text[-1])


def test_widths_are_those_of_the_font() -> None:
    # Adobe's AFM file of Helvetica: a is 556, i is 222, W is 944, the blank 278 thousandths.
    assert width("a iW", 1000) == 556 + 278 + 222 + 944

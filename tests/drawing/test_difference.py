"""The picture of a difference: edits where they were made, consequences where they follow, nothing over anything."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

import dlspec
from dlspec.analyses.difference import Difference
from dlspec.cli import main
from dlspec.drawing.canvas import Canvas, Line
from dlspec.drawing.difference import difference_figure
from tests.drawing.pictures import UNET, graph_of
from tests.drawing.test_figure import overlaps, rectangle, segments, texts

CHANGED = UNET.replace("enc2: double(32)", "enc2: double(48)").replace("conv2: conv2d(width, 3, padding=1) -> relu",
                                                                      "conv2: conv2d(width, 5, padding=2) -> relu")  # fmt: skip


def picture(old: str, new: str) -> Canvas:
    return difference_figure([Difference(graph_of(old), graph_of(new))])


def words(canvas: Canvas) -> set[str]:
    return {text.text for text in texts(canvas)}


def colours(canvas: Canvas) -> dict[str, str]:
    return {text.text: text.colour for text in texts(canvas)}


def test_what_was_is_struck_and_what_is_stands_under_it() -> None:
    canvas = picture(UNET, CHANGED)
    found = colours(canvas)
    assert found["Conv 3×3, 16"] == "gone.ink"
    assert found["Conv 5×5, 16"] == "new.ink"
    struck = [shape for shape in canvas.shapes if isinstance(shape, Line) and shape.colour == "gone.ink"]
    assert len(struck) == sum(colour == "gone.ink" for colour in (text.colour for text in texts(canvas)))


def test_stages_that_nobody_touched_tell_what_became_of_them() -> None:
    found = colours(picture("network n {\n  input x: float32[N, 8]\n  output y = x -> a: linear(4) -> relu -> b: linear(2)\n}",
                            "network n {\n  input x: float32[N, 8]\n  output y = x -> a: linear(6) -> relu -> b: linear(2)\n}"))  # fmt: skip
    assert found["Linear, 4"] == "gone.ink"
    assert found["Linear, 6"] == "new.ink"
    assert found["b"] == "ink"
    assert found["+4"] == "repeat"  # two more inputs for two units
    assert found["14 parameters"] == "grey"


STEPS = """\
network n {{
  input x: float32[N, 3, 8, 8]
  output y = x -> {} -> relu -> flatten -> fc: linear(4)
}}
"""


def test_another_name_and_another_place_are_told() -> None:
    found = words(picture(STEPS.format("stem: conv2d(8, 3) -> a: conv2d(8, 3, padding=1)"),
                          STEPS.format("entry: conv2d(8, 3) -> a: conv2d(8, 3, padding=1)")))  # fmt: skip
    assert {"stem → ", "entry"} <= found
    before = "a: conv2d(8, 3, padding=1) -> p: avg_pool2d(3, stride=1, padding=1) -> b: conv2d(16, 5, padding=2)"
    after = "b: conv2d(16, 5, padding=2) -> a: conv2d(8, 3, padding=1) -> p: avg_pool2d(3, stride=1, padding=1)"
    assert any("moved here" in text for text in words(picture(STEPS.format(before), STEPS.format(after))))


def test_long_names_are_shortened_to_the_width_of_their_card() -> None:
    name = "a_name_that_is_much_too_long_for_a_card"
    canvas = picture(STEPS.format(f"a: conv2d(8, 3) -> {name}: conv2d(8, 1)"),
                     STEPS.format(f"{name}: conv2d(8, 3) -> a: conv2d(8, 1)"))  # fmt: skip
    places = [(text.text, rectangle(text)) for text in texts(canvas)]
    assert [(a, b) for (a, one), (b, other) in combinations(places, 2) if overlaps(one, other)] == []


def test_blocks_that_came_are_one_line() -> None:
    found = words(difference_figure([Difference(dlspec.load("resnet34").graph, dlspec.load("resnet50").graph)]))
    assert {"basic ×6", "bottleneck ×6"} <= found
    assert not {text for text in found if text.startswith("+ Conv")}


@pytest.mark.parametrize(("old", "new"), [("resnet34", "resnet50"), ("lenet", "lenet5"), ("vgg11", "vgg16_bn")])
def test_nothing_lies_on_anything(old: str, new: str) -> None:
    check(difference_figure([Difference(dlspec.load(old).graph, dlspec.load(new).graph)], old, new))


def test_nothing_lies_on_anything_where_scales_branch() -> None:
    check(picture(UNET, CHANGED))


def check(canvas: Canvas) -> None:
    places = [(text.text, rectangle(text)) for text in texts(canvas)]
    assert [(a, b) for (a, one), (b, other) in combinations(places, 2) if overlaps(one, other)] == []
    for text, (left, top, right, bottom) in places:
        assert min(left, top, canvas.width - right, canvas.height - bottom) >= 0, text
    arrows = [piece for piece in segments(canvas) if piece[0][1] != piece[1][1] or abs(piece[0][0] - piece[1][0]) > 1]
    struck = {shape.points[0] for shape in canvas.shapes if isinstance(shape, Line) and shape.colour == "gone.ink"}
    for (x0, y0), (x1, y1) in arrows:
        if (x0, y0) not in struck:
            line = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
            assert [text for text, box in places if overlaps(line, box)] == []


def test_the_command_draws_beside_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["diff", "resnet18", "resnet34", "-o", "diff.svg"]) == 1
    assert "resnet18" in capsys.readouterr().out
    assert "<svg" in Path("diff.svg").read_text(encoding="utf-8")
    assert main(["diff", "resnet18", "resnet34", "-o", "diff.mmd"]) == 2
    assert "the layout `figure` is not written as `.mmd`" in capsys.readouterr().err

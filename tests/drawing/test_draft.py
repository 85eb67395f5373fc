"""A network with mistakes is drawn as far as it could be made, with what failed in red."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlspec.checking import Spec
from dlspec.cli import main
from dlspec.drawing.figure import figure
from dlspec.graph import Graph
from dlspec.source import Source
from tests.drawing.pictures import UNET
from tests.drawing.test_figure import segments, texts

TOO_WIDE = """
network n {
  input image: float32[N, 1, 28, 28]
  output logits = image -> conv1: conv2d(6, 5) -> relu -> conv2: conv2d(16, 35) -> flatten -> fc: linear(10)
}
"""


def draft(text: str) -> Graph:
    graph = Spec(Source("spec.dls", text), Path("spec.dls").resolve()).draft()
    assert graph is not None
    return graph


def test_what_came_before_is_as_it_is_and_what_failed_is_red_with_what_it_was_given() -> None:
    canvas = figure(draft(TOO_WIDE))
    found = {text.text: text.colour for text in texts(canvas)}
    assert found["conv1"] == "ink"
    assert found["conv2"] == "wrong"
    assert found["conv2d gets"] == "grey"
    assert "6×24×24" in found
    assert "conv2: the window of conv2d is larger than its input" in found
    assert "fc" not in found


def test_both_shapes_stand_where_a_join_fails_and_both_edges_are_red() -> None:
    canvas = figure(draft(UNET.replace("conv1: conv2d(width, 3, padding=1)", "conv1: conv2d(width, 3)")))
    found = {text.text for text in texts(canvas)}
    assert "32×109×109, 32×104×104" in found, sorted(found)
    assert "does not fit" in found
    red = [shape for shape in canvas.shapes if getattr(shape, "colour", "") == "wrong" and hasattr(shape, "points")]
    assert len(red) >= 3  # two edges, and the one of the legend
    assert list(segments(canvas))


def test_the_command_draws_and_tells_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.dls").write_text(TOO_WIDE, encoding="utf-8")
    assert main(["draw", "wrong.dls", "-o", "wrong.svg"]) == 1
    err = capsys.readouterr().err
    assert "error[E0307]" in err
    assert "drawn as far as it goes: wrong.svg" in err
    assert "conv2" in Path("wrong.svg").read_text(encoding="utf-8")
    assert main(["draw", "wrong.dls", "-o", "wrong.dot"]) == 1
    assert not Path("wrong.dot").exists()


def test_a_spec_of_which_nothing_can_be_made_is_not_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.dls").write_text("network n {\n  input image: flot32[N]\n}\n", encoding="utf-8")
    assert main(["draw", "wrong.dls", "-o", "wrong.svg"]) == 1
    assert not Path("wrong.svg").exists()
    assert "error[" in capsys.readouterr().err


def test_a_stage_in_which_something_fails_is_red_whatever_it_holds_besides() -> None:
    graph = draft(
        "block unit(x) {\n  y = x -> c1: conv2d(8, 3, padding=1) -> c2: conv2d(4, 1)\n  x + y\n}\n"
        "network n {\n  input x: float32[N, 3, 8, 8]\n  output y = x -> a: conv2d(8, 1) -> b: unit\n}\n"
    )
    found = {text.text: text.colour for text in texts(figure(graph))}
    assert found["b"] == "wrong"
    assert found["8×8×8, 4×8×8"] == "ink"

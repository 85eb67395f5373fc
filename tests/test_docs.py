"""The specs that README and language reference show are clean, and the figure is the one that is drawn today."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import dlspec
from dlspec.checking import check_text
from dlspec.drawing import svg_or_none

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(dls|yaml)\n(.*?)^```", re.S | re.M)
CASES = [
    (f"{file.name}:{number}", kind, text)
    for file in (ROOT / "README.md", ROOT / "docs" / "language.md")
    for number, (kind, text) in enumerate(BLOCK.findall(file.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize(("kind", "text"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_spec_that_is_shown_is_clean(kind: str, text: str) -> None:
    assert [d.message for d in check_text(text, ".dls" if kind == "dls" else ".dlspec.yaml")] == []


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_the_figure_shows_what_is_drawn_today() -> None:
    words = re.compile(r"<text[^>]*>([^<]*)</text>")
    shown = (ROOT / "docs" / "images" / "lenet.svg").read_text(encoding="utf-8")
    drawn = svg_or_none(dlspec.load("lenet").graph)
    assert words.findall(shown) == words.findall(drawn or "")

"""Writing a picture into a file: by its suffix, whole or not at all, with and without graphviz."""

from __future__ import annotations

import re
import shutil
import sys
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import Any

import pytest

from dlspec.diagnostics.record import Diagnostic, SpecError
from dlspec.drawing import dot_source, draw, figure_svg, mermaid
from dlspec.drawing.graphviz import rendered
from dlspec.graph import Graph
from tests.drawing.pictures import body, zoo

SIGNATURES = {
    "svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "tex": b"% lenet", "dot": b"digraph", "mmd": b"---\ntitle"
}  # fmt: skip
GRAPHS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "mmd": b"---\ntitle"}


@pytest.fixture
def graph() -> Graph:
    return zoo("lenet")


@pytest.fixture
def no_graphviz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def refusal(graph: Graph, out: Path, layout: str | None = None) -> Diagnostic:
    with pytest.raises(SpecError) as caught:
        draw(graph, str(out), layout=layout)
    (diagnostic,) = caught.value.diagnostics
    return diagnostic


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_the_suffix_chooses_the_format(graph: Graph, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"net.{suffix}"
    draw(graph, str(out))
    assert out.read_bytes().startswith(SIGNATURES[suffix])
    assert [*tmp_path.iterdir()] == [out]


@pytest.mark.parametrize("suffix", GRAPHS)
def test_the_layout_may_be_a_graph(graph: Graph, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"net.{suffix}"
    draw(graph, str(out), layout="graph")
    assert out.read_bytes().startswith(GRAPHS[suffix])


@pytest.mark.parametrize("asked", [{"depth": 1}, {"full": True}])
def test_depth_and_full_ask_for_a_graph(graph: Graph, tmp_path: Path, asked: dict[str, Any]) -> None:
    out = tmp_path / "net.svg"
    draw(graph, str(out), **asked)
    assert out.read_bytes().startswith(GRAPHS["svg"])


@pytest.mark.parametrize(("layout", "suffix"), [("figure", "dot"), ("figure", "mmd"), ("graph", "tex")])
def test_a_layout_is_refused_where_the_format_has_another(
    graph: Graph, tmp_path: Path, layout: str, suffix: str
) -> None:
    found = refusal(graph, tmp_path / f"net.{suffix}", layout)
    assert found.message == f"the layout `{layout}` is not written as `.{suffix}`"


def test_a_suffix_may_be_in_capitals(graph: Graph, tmp_path: Path) -> None:
    draw(graph, str(tmp_path / "net.SVG"))
    assert (tmp_path / "net.SVG").read_bytes().startswith(b"<svg")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("net.gif", "pictures are not written as `.gif`"),
        ("net", "has no suffix to tell what to draw"),
        ("folder.svg/net", "has no suffix to tell what to draw"),
    ],
)
def test_another_suffix_is_refused_with_those_there_are(graph: Graph, tmp_path: Path, name: str, message: str) -> None:
    found = refusal(graph, tmp_path / name)
    assert message in found.message
    assert found.notes == ["there is `.svg`, `.png`, `.pdf`, `.tex`, `.html`, `.dot`, `.mmd`"]


def test_a_place_that_cannot_be_written_is_named(graph: Graph, tmp_path: Path) -> None:
    out = tmp_path / "missing" / "net.dot"
    assert refusal(graph, out).message == f"`{out}` cannot be written: No such file or directory"


def test_a_picture_that_fails_leaves_the_old_one(graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "net.svg"
    out.write_text("the old one")
    monkeypatch.setenv("PATH", "")
    refusal(graph, out, "graph")
    assert out.read_text() == "the old one"
    assert [*tmp_path.iterdir()] == [out]


@pytest.mark.usefixtures("no_graphviz")
@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_without_graphviz_the_message_says_what_still_works_and_how_to_install_it(
    graph: Graph, tmp_path: Path, suffix: str
) -> None:
    found = refusal(graph, tmp_path / f"net.{suffix}", "graph")
    assert found.message == f"a graph as {suffix.upper()} is laid out by graphviz, whose program `dot` is not found"
    assert "--layout figure" in found.notes[0]
    assert ".mmd" in found.notes[0]
    assert ".dot" in found.notes[0]
    assert "apt install graphviz" in found.fixes[0].message


@pytest.mark.usefixtures("no_graphviz")
def test_without_graphviz_dot_and_mermaid_are_written(graph: Graph, tmp_path: Path) -> None:
    draw(graph, str(tmp_path / "net.dot"))
    draw(graph, str(tmp_path / "net.mmd"))
    assert (tmp_path / "net.dot").read_text() == dot_source(graph)
    assert (tmp_path / "net.mmd").read_text() == mermaid(graph)


@pytest.mark.usefixtures("no_graphviz")
@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "tex"])
def test_without_graphviz_the_figure_is_drawn(graph: Graph, tmp_path: Path, suffix: str) -> None:
    draw(graph, str(tmp_path / f"net.{suffix}"))
    assert (tmp_path / f"net.{suffix}").read_bytes().startswith(SIGNATURES[suffix])


@pytest.mark.parametrize(("library", "suffix"), [("resvg_py", "png"), ("reportlab", "pdf")])
def test_without_the_library_of_a_format_the_message_says_how_to_get_it(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, suffix: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    found = refusal(graph, tmp_path / f"net.{suffix}")
    assert found.message == f"{suffix.upper()} is written by `{library}`, which is not installed"
    assert "dlspec[draw]" in found.fixes[0].message


def test_a_graphviz_that_fails_is_our_mistake_and_not_silent(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'syntax error in line 1' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(RuntimeError, match="syntax error in line 1"):
        draw(graph, str(tmp_path / "net.svg"), layout="graph")


def test_a_graphviz_without_the_format_is_told_as_such(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'Format: \"pdf\" not recognized. Use one of: dot svg' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert refusal(graph, tmp_path / "net.pdf", "graph").message == "this graphviz cannot write PDF"


def svg_of(graph: Graph) -> str:
    return rendered(dot_source(graph), "svg").decode()


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_the_words_of_a_graph_are_text(graph: Graph) -> None:
    words = [element.text for element in xml.fromstring(svg_of(graph)).iter("{http://www.w3.org/2000/svg}text")]
    assert {"lenet", "Conv 5×5", "6×28×28", "features", "logits"} <= set(words)


def test_the_words_of_a_figure_are_text(graph: Graph) -> None:
    words = [element.text for element in xml.fromstring(figure_svg(graph)).iter("{http://www.w3.org/2000/svg}text")]
    assert {"lenet", "conv 5×5", "6×28×28", "logits"} <= set(words)


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_titles_tell_the_path_of_every_node_on_a_card() -> None:
    svg = svg_of(body("y = x -> hidden: linear(4) -> relu"))
    assert re.search(r'xlink:title="hidden: Linear, relu: ReLU"', svg)


def test_the_heading_has_the_totals_of_one_image(graph: Graph) -> None:
    # Weights 6·25, 16·150, 120·400, 84·120, 10·84 with biases; the first two run at 28·28 and 10·10 places.
    assert 156 + 2416 + 48120 + 10164 + 850 == 61706
    assert 150 * 784 + 2400 * 100 + 48000 + 10080 + 840 == 416520
    assert "61.71K parameters · 416.5K MACs · input 1×28×28" in dot_source(graph)

"""The figure: what its stages are, that nothing in it overlaps, and that every format shows the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dlspec
from dlspec.analyses.typical import typical_sizes
from dlspec.drawing.canvas import Box, Canvas, Line, Polygon, Text
from dlspec.drawing.document import pdf_bytes
from dlspec.drawing.figure import figure
from dlspec.drawing.figure.stages import stages
from dlspec.drawing.figure.template import templates
from dlspec.drawing.metrics import width
from dlspec.drawing.raster import ZOOM, png_bytes
from dlspec.drawing.svg import svg_text
from dlspec.drawing.tikz import tikz_text
from dlspec.graph import Graph
from tests.drawing.pictures import SIAMESE, UNET, VIT, body, graph_of

ROOT = Path(__file__).parents[2]
ZOO = [
    "linear_regression", "linear_classifier", "perceptron", "mlp", "lenet", "lenet5", "alexnet", "alexnet_2012", "vgg16_bn",
    "resnet18", "resnet152", "plain34", "googlenet", "densenet121", "mobilenet_v2", "mobilenet_v3_large", "unet", "vit_b_16",
]  # fmt: skip
OTHERS = [
    "tests/architectures/detector.dls",
    "tests/architectures/siamese.dls",
    "fcn8s",
    "fcn_resnet50",
    "fasterrcnn_digits",
    "maskrcnn_resnet50_fpn",
]


def network(name: str) -> Graph:
    return dlspec.load(str(ROOT / name) if name.endswith(".dls") else name).graph


def labels(graph: Graph) -> list[str]:
    return [item.label for item in stages(graph, typical_sizes(graph)).items]


def slabs(graph: Graph) -> dict[str, int]:
    return {item.label: len(item.slices) for item in stages(graph, typical_sizes(graph)).items}


# Stages


def test_a_repeated_block_is_a_slab_for_each_use() -> None:
    found = slabs(network("resnet50"))
    assert {name: found[name] for name in ("layer1", "layer2", "layer3", "layer4")} == {
        "layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3
    }  # fmt: skip


def test_layers_at_one_size_that_nobody_named_are_one_stage() -> None:
    found = slabs(network("vgg16"))
    assert [*found] == [
        "image", "features.0–2", "features.4–7", "features.9–14", "features.16–21", "features.23–28", "features.30",
        "classifier",
    ]  # fmt: skip
    assert [*found.values()] == [1, 2, 3, 4, 4, 4, 1, 3]  # a pooling begins what follows it


def test_a_label_of_the_author_keeps_layers_apart() -> None:
    assert labels(body("y = x -> first: linear(8) -> relu -> second: linear(8)")) == ["x", "first", "second"]


def test_the_levels_of_a_u_net_are_stages_and_its_poolings_edges() -> None:
    graph = graph_of(UNET)
    made = stages(graph, typical_sizes(graph))
    found = {(link.source.label, link.target.label): link for link in made.links}
    assert found["enc1", "enc2"].through is not None
    assert found["enc1", "enc2"].through.op.name == "max_pool2d"
    assert found["enc2", "up2.conv"].role == "concat"
    assert found["enc3", "up2.reduce"].through.op.name == "interpolate"


def test_every_node_is_in_one_stage_and_costs_add_up() -> None:
    for name in ("resnet18", "unet", "vit_b_16", "googlenet", *OTHERS):
        graph = network(name)
        inside = [node for item in stages(graph, typical_sizes(graph)).items for node in item.nodes]
        assert sorted(node.index for node in inside) == [node.index for node in graph.nodes]


# Layout


def texts(canvas: Canvas) -> list[Text]:
    return [shape for shape in canvas.shapes if isinstance(shape, Text) and shape.text]


def rectangle(text: Text) -> tuple[float, float, float, float]:
    left = text.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[text.anchor] * text.width
    return left, text.y - 0.72 * text.size, left + text.width, text.y + 0.2 * text.size


def overlaps(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def overlapping(canvas: Canvas) -> list[tuple[str, str]]:
    """The texts that lie on each other."""
    places = [(text.text, rectangle(text)) for text in texts(canvas)]
    return [(a, b) for (a, one), (b, other) in combinations(places, 2) if overlaps(one, other)]


def outside(canvas: Canvas) -> list[str]:
    """The texts that lie outside of the picture."""
    places = [(text.text, rectangle(text)) for text in texts(canvas)]
    return [text for text, (left, top, right, bottom) in places
            if left < 0 or top < 0 or right > canvas.width or bottom > canvas.height]  # fmt: skip


@pytest.mark.parametrize("name", [*ZOO, *OTHERS])
def test_no_text_lies_on_another_or_outside(name: str) -> None:
    canvas = figure(network(name))
    assert overlapping(canvas) == []
    assert outside(canvas) == []


def segments(canvas: Canvas) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    for shape in canvas.shapes:
        if isinstance(shape, Line) and shape.colour not in ("rule", "web"):
            yield from pairwise(shape.points)


def crossed(canvas: Canvas) -> list[tuple[float, float, float, float]]:
    """The fronts of slabs, the cards and the texts that a line runs over."""
    fronts = [shape.points for shape in canvas.shapes if isinstance(shape, Polygon) and shape.fill.endswith(".face")]
    boxes = [(min(x for x, _ in points), min(y for _, y in points), max(x for x, _ in points), max(y for _, y in points))
             for points in fronts]  # fmt: skip
    boxes += [rectangle(text) for text in texts(canvas)]
    boxes += [(box.x, box.y, box.x + box.width, box.y + box.height) for box in canvas.shapes if isinstance(box, Box)]
    lines = [(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)) for (x0, y0), (x1, y1) in segments(canvas)]
    return [box for line in lines for box in boxes if overlaps(line, box)]


@pytest.mark.parametrize("name", [*ZOO, *OTHERS])
def test_no_arrow_crosses_a_slab_or_a_text(name: str) -> None:
    assert crossed(figure(network(name))) == []


@pytest.mark.parametrize("name", ["googlenet", "densenet121", "resnet152"])
def test_a_figure_stays_as_narrow_as_a_page_can_show(name: str) -> None:
    assert figure(network(name)).width <= 1300


def test_a_figure_of_fixed_sizes_is_the_same_every_time() -> None:
    assert svg_text(figure(network("lenet"))) == svg_text(figure(network("lenet")))


def test_open_sizes_are_shown_at_a_size_that_the_network_takes() -> None:
    text = svg_text(figure(graph_of("network n {\n  input x: float32[N, 3, H, W] where H % 100 == 0\n"
                                    "  output y = x -> conv: conv2d(4, 3, padding=1)\n}")))  # fmt: skip
    assert "input 3×300×224" in text


def test_attention_over_a_sequence_has_a_figure() -> None:
    assert {"conv_proj", "image"} <= {*labels(graph_of(VIT))}


# Formats


def test_the_widths_of_letters_are_those_of_the_font_that_is_embedded() -> None:
    from reportlab.pdfbase.ttfonts import TTFont

    from dlspec.drawing.fonts import BOLD, REGULAR

    for path, bold in ((REGULAR, False), (BOLD, True)):
        font = TTFont("measured", str(path))
        for text in ("layer1 ×3", "64×112×112", "conv 7×7 /2", "25.6M parameters · 4.09G MACs"):
            assert width(text, 10, bold) == pytest.approx(font.stringWidth(text, 10), rel=0.01)


def test_a_png_has_the_size_of_the_canvas_and_is_not_empty() -> None:
    from io import BytesIO

    from PIL import Image

    canvas = figure(network("lenet"))
    picture = Image.open(BytesIO(png_bytes(canvas)))
    assert picture.size == (pytest.approx(canvas.width * ZOOM, abs=2), pytest.approx(canvas.height * ZOOM, abs=2))
    assert len(picture.convert("RGB").getcolors(1 << 24)) > 50


def test_a_pdf_embeds_its_fonts_and_has_the_words_of_the_figure() -> None:
    picture = pdf_bytes(figure(network("lenet")))
    assert len(re.findall(rb"/FontFile2 ", picture)) == len(re.findall(rb"/BaseFont ", picture)) >= 2
    assert picture == pdf_bytes(figure(network("lenet")))


def test_light_and_dark_differ_in_colours_alone() -> None:
    canvas = figure(network("lenet"))
    light, dark = svg_text(canvas, "light"), svg_text(canvas, "dark")
    assert light != dark
    assert re.sub(r"#[0-9A-F]{6}", "", light) == re.sub(r"#[0-9A-F]{6}", "", dark)
    assert "prefers-color-scheme" in svg_text(canvas, "auto")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_latex_takes_the_picture(tmp_path: Path) -> None:
    (tmp_path / "net.tex").write_text(tikz_text(figure(network("unet"))), encoding="utf-8")
    (tmp_path / "main.tex").write_text(
        "\\documentclass{article}\\usepackage[T1]{fontenc}\\usepackage{tikz}\\begin{document}\n\\input{net}\n\\end{document}\n"
    )
    done = subprocess.run(["pdflatex", "-halt-on-error", "-interaction=batchmode", "main"], cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert (tmp_path / "main.pdf").stat().st_size > 5000


def test_every_special_sign_of_latex_is_escaped() -> None:
    canvas = Canvas("t")
    canvas.text(0, 0, "a_b 50 % {x} #1 & $ \\ ~ ^", 10)
    body = tikz_text(canvas).split("\\selectfont ")[1]
    assert "a\\_b 50 \\% \\{x\\} \\#1 \\& \\$ \\textbackslash{} \\textasciitilde{} \\textasciicircum{}" in body


def test_every_label_takes_the_room_that_it_was_given_whatever_font_a_reader_has() -> None:
    svg = svg_text(figure(network("resnet18")))
    labels = re.findall(r"<text ([^>]*)>([^<]{2,})</text>", svg)
    assert len(labels) > 40
    for attributes, text in labels:
        size = float(re.search(r'font-size="([\d.]+)"', attributes)[1])  # type: ignore[index]
        given = float(re.search(r'textLength="([\d.]+)"', attributes)[1])  # type: ignore[index]
        assert given == pytest.approx(width(text, size, "bold" in attributes), abs=0.06)


# The end


def test_a_network_that_ends_in_light_steps_shows_what_it_gives() -> None:
    assert labels(network("lenet5"))[-2:] == ["f6", "rbf"]
    assert labels(body("h = x -> fc: linear(5)\ny = sum(h, dim=1)"))[-1] == "sum"
    assert labels(body("y = x -> fc: linear(5) -> softmax(dim=1)"))[-1] == "fc"


# Networks that nobody thought of


@st.composite
def branching_specs(draw: st.DrawFn) -> str:
    """A network of maps that go down and up in scale, branch, join again, repeat, and end as maps or as scores."""
    inputs = draw(st.integers(1, 2))
    lines = [f"input {name}: float32[N, 3, 64, 64]" for name in "ab"[:inputs]]
    known = [(name, 64) for name in "ab"[:inputs]]
    for number in range(draw(st.integers(2, 9))):
        (one, side), (other, far) = draw(st.sampled_from(known)), draw(st.sampled_from(known))
        kind = draw(st.sampled_from(["same", "down", "up", "join", "block", "pool", "gate"]))
        name, label = f"v{number}", f"a_stage_of_{number}" if draw(st.booleans()) else f"s{number}"
        if kind == "down" and side > 4:
            made, side = f"{one} -> {label}: conv2d(8, 3, stride=2, padding=1) -> relu", side // 2
        elif kind == "pool" and side > 4:
            made, side = f"{one} -> max_pool2d(2) -> {label}: conv2d(16, 1)", side // 2
        elif kind == "up" and side < 64:
            made, side = f"{one} -> interpolate(scale_factor=2) -> {label}: conv2d(8, 3, padding=1)", side * 2
        elif kind == "join" and side == far and one != other:
            made = f"concat([{one}, {other}], dim=1) -> {label}: conv2d(8, 1)"
        elif kind == "block":
            made = f"{one} -> {label}: {{ unit * {draw(st.integers(1, 3))} }}"
        elif kind == "gate":
            made = f"{one} * ({one} -> adaptive_avg_pool2d(1) -> {label}: conv2d({one}.channels, 1) -> sigmoid)"
        else:
            made = f"{one} -> {label}: conv2d(8, 3, padding=1)"
        lines.append(f"{name} = {made}")
        known.append((name, side))
    last = known[-1][0]
    end = draw(st.sampled_from([f"{last} -> head: conv2d(5, 1)", f"{last} -> flatten -> head: linear(5)", last]))
    lines.append(f"output y = {end}")
    block = (
        "block unit(x) { relu(x + (x -> c1: conv2d(x.channels, 3, padding=1) -> relu -> c2: conv2d(x.channels, 1))) }"
    )
    return "\n".join([block, "network n {", *lines, "}"])


@settings(max_examples=30, deadline=None)
@given(branching_specs())
def test_nothing_overlaps_in_the_figure_of_any_network(text: str) -> None:
    graph = graph_of(text)
    canvas = figure(graph)
    assert overlapping(canvas) == []
    assert outside(canvas) == []
    assert crossed(canvas) == []
    made = stages(graph, typical_sizes(graph))
    heads = [shape for shape in canvas.shapes if isinstance(shape, Polygon) and len(shape.points) == 3]
    assert len(heads) >= len(made.links), "every link has an arrow"


# Branches

DECODER = """
block layer(x, memory) {
  x = x + (attends: multihead_attention(x, memory, memory, 2))
  x + (x -> wide: linear(32) -> relu -> narrow: linear(x.features))
}
network reader {
  input text: float32[N, S, 16]
  input start: float32[N, T, 16]
  memory = text -> read: linear(16)
  y = start -> begin: linear(16)
  for i in range(3) { y = layer_{i}: layer(y, memory) }
  output scores = y -> head: linear(5)
}
"""


def test_layers_that_all_read_the_same_memory_are_one_stage() -> None:
    graph = graph_of(DECODER)
    assert slabs(graph)["layer_0–2"] == 3
    made = stages(graph, typical_sizes(graph))
    assert {link.source.label for link in made.links if link.target.label == "layer_0–2"} == {"read", "begin"}


def test_a_template_names_what_it_is_given_besides_the_first() -> None:
    graph = graph_of(DECODER)
    (template,) = templates(stages(graph, typical_sizes(graph)), graph)
    assert [card.given for card in template.cards if card.given] == ["memory"]
    assert "memory" in {text.text for text in texts(figure(graph))}


def test_a_sum_over_all_layers_is_one_step() -> None:
    assert labels(network("tests/architectures/heldout/wavenet.dls")) == [
        "wave", "start", "layer_0_0–1_9", "end1", "end2",
    ]  # fmt: skip


def test_towers_of_one_module_stand_below_each_other_and_say_that_they_are_shared() -> None:
    canvas = figure(graph_of(SIAMESE))
    convs = [text for text in texts(canvas) if text.text == "conv"]
    assert len(convs) == 2
    assert convs[0].x == convs[1].x
    assert convs[0].y < convs[1].y
    assert [text.text for text in texts(canvas) if "shared" in text.text] == ["conv 3×3, shared", "linear, shared"]
    assert "−" in {text.text for text in texts(canvas)}


def test_what_a_detector_finds_is_called_as_its_outputs_are() -> None:
    found = [text.text for text in texts(figure(network("fast_rcnn")))]
    assert found[found.index("boxes,") :][:3] == ["boxes,", "scores, labels", "d×4, d, d"]
    assert not any("per image" in text for text in found)


def test_a_block_too_large_to_be_told_step_by_step_is_drawn_with_its_blocks_as_a_whole() -> None:
    graph = network("tests/architectures/heldout/hourglass.dls")
    found = {one.name: one for one in templates(stages(graph, typical_sizes(graph)), graph)}
    inside = [card.use.definition.name for card in found["hourglass"].cards if card.use is not None]
    assert inside.count("hourglass") == 1
    assert inside.count("residual") == 3


def test_a_number_that_uses_of_a_block_set_otherwise_is_not_given_for_all() -> None:
    graph = graph_of(
        "block unit(x, many) {\n  half = many // 2\n  x + (x -> a: conv2d(half * 2, 1) -> b: conv2d(x.channels, many))\n}\n"
        "network n {\n  input x: float32[N, 8, 16, 16]\n"
        "  output y = x -> u1: unit(3) -> u2: unit(5) -> end: conv2d(8, 1)\n}\n".replace("many))", "3, padding=1))")
    )
    shown = {text.text for text in texts(figure(graph))}
    assert "Conv 1×1, half·2" in shown

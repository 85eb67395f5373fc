"""The explanation of a layer derives its numbers with the formulas of the course, and torch agrees with them."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from spec_graphs import RESNET, graph_of

from dlspec.analyses.explain import explain
from dlspec.analyses.picture import drawn, never_read
from dlspec.diagnostics.record import SpecError
from dlspec.diagnostics.render.display import width as cells
from dlspec.sizes import Window

torch.set_num_threads(1)


def explained(stages: str, path: str, shape: str = "N, 3, 32, 32") -> str:
    return explain(
        graph_of(f"network n {{\n  input image: float32[{shape}]\n  output y = image -> {stages}\n}}\n"), path
    )


# The numbers of the course


def test_the_output_size_of_the_course() -> None:
    text = explained("conv1: conv2d(3, 3, stride=2, padding=1)", "conv1", "1, 1, 5, 5")
    assert "⌊(in − k + 2·pad)/stride⌋ + 1 = ⌊(5 − 3 + 2·1)/2⌋ + 1 = 3" in text
    picture = [
        "input   · 0 1 2 3 4 ·    · padding",
        "out 0   ■─■─■",
        "out 1       ■─■─■",
        "out 2           ■─■─■",
    ]
    assert "\n".join(f"{'':20}{line}" for line in picture) in text


def test_the_parameters_of_the_course() -> None:
    text = explained("conv1: conv2d(6, 5)", "conv1")
    assert "5·5·3 + 1 = 76 per filter, × 6 filters = 456" in text
    assert "32·32·3 = 3,072 weights for each unit, against 75 here" in text


def test_the_receptive_field_of_the_course() -> None:
    stages = " -> relu -> ".join(f"conv{i}: conv2d(8, 3, padding=1)" for i in (1, 2, 3))
    assert "1 + 3·(3 − 1) = 7" in explained(stages, "conv3")


def test_the_receptive_field_of_resnet18_step_by_step() -> None:
    text = explain(graph_of(RESNET, "resnet18", image=(1, 3, 224, 224)), "layer4.1.conv2")
    rows = [" ".join(line.split()) for line in text.splitlines()]
    for row in (
        "conv1 1 + (7 − 1) = 7 jump 2",
        "max_pool2d 7 + (3 − 1)·2 = 11 jump 4",
        "layer1.0.conv1 … layer1.1.conv2 11 + 4·(3 − 1)·4 = 43",
        "layer2.0.conv1 43 + (3 − 1)·4 = 51 jump 8",
        "layer4.0.conv2 … layer4.1.conv2 243 + 3·(3 − 1)·32 = 435",
        "a unit sees 435 × 435 of `image`, more than its 224 positions: units at the middle see all of it",
        "its neighbour the same 32 further on; unit 0 begins 217 before the edge, its middle lies at 0",
    ):
        assert any(row in line for line in [*rows, " ".join(rows)]), row


# What else a layer may be


def test_sizes_may_be_open() -> None:
    text = explained("conv1: conv2d(8, 3, stride=2, padding=1)", "conv1", "N, 3, H, W")
    assert "height: ⌊(in − k + 2·pad)/stride⌋ + 1 = ⌊(H − 3 + 2·1)/2⌋ + 1 = ⌈H/2⌉" in text
    assert "width: the same, W → ⌈W/2⌉" in text
    assert "216 weights, each used at N·⌈H/2⌉·⌈W/2⌉ positions = 216·N·⌈H/2⌉·⌈W/2⌉" in text


@pytest.mark.parametrize(
    ("stages", "path", "line"),
    [
        ("p: max_pool2d(2)", "p", "⌊(in − k)/stride⌋ + 1 = ⌊(32 − 2)/2⌋ + 1 = 16"),
        ("c: conv2d(4, 3, stride=2)", "c", "⌊(32 − 3)/2⌋ + 1 = ⌊29/2⌋ + 1 = 15"),
        ("c: conv2d(4, 3, stride=2)", "c", "position 31 is never read; a padding of 1 or an input of 31 would use every one"),
        ("c: conv2d(4, 3, dilation=2)", "c", "k = dilation·(taps − 1) + 1 = 2·(3 − 1) + 1 = 5 positions for 3 taps"),
        ("c: conv2d(4, 2, stride=3)", "c", "positions are never read: the windows are 3 apart and look at 2 positions"),
        ("u: conv_transpose2d(8, 4, stride=2, padding=1)", "u", "(in − 1)·stride − 2·pad + k = (32 − 1)·2 − 2·1 + 4 = 64"),
        ("flatten -> fc: linear(10)", "flatten", "3·32·32 = 3,072"),
        ("flatten -> fc: linear(10)", "fc", "3072·10 + 10 = 30,730: a weight for every pair of features"),
        ("flatten -> fc: linear(10)", "fc", "30,720 weights, each used at N positions = 30,720·N"),
        ("n: batch_norm2d", "n", "3 (weight) + 3 (bias) = 6"),
        ("n: batch_norm2d", "n", "3 (running_mean) + 3 (running_var) + 1 (num_batches_tracked) = 7"),
        ("c: conv2d(4, 3) -> relu", "relu", "as that of what comes in"),
        ("c: conv2d(4, 3) -> adaptive_avg_pool2d(1) -> flatten", "flatten", "all of `image`: `adaptive_avg_pool2d` looks at"),
        ("d: dropout(0.1)", "d", "it does nothing in evaluation"),
    ],
)  # fmt: skip
def test_what_applies_is_said(stages: str, path: str, line: str) -> None:
    assert line in " ".join(explained(stages, path).split())


def test_tensors_put_one_after_the_other_are_added_up() -> None:
    text = (
        "network n {\n  input x: float32[N, 4, 8, 8]\n  a = x -> c: conv2d(8, 3, padding=1)\n"
        "  output y = concat(a, x) -> relu\n}\n"
    )
    assert "channels: 8 + 4 = 12" in explain(graph_of(text), "concat")


def test_a_block_is_a_table_of_its_parts_and_their_sum() -> None:
    text = explain(graph_of(RESNET, "resnet18", image=(1, 3, 224, 224)), "layer2.0")
    assert text.splitlines()[0].startswith("layer2.0   basic(128, stride=2)")
    assert "1 64 56 56  →  1 128 28 28" in text
    assert re.search(r"^downsample .* 8,448 +6,422,528 +43$", text, re.MULTILINE)
    assert re.search(r"^parameters +230,144, 1.97 % of the network's$", text, re.MULTILINE)


def test_without_a_path_the_network_is_explained_part_by_part() -> None:
    text = explain(graph_of(RESNET, "resnet18", image=(1, 3, 224, 224)))
    assert re.search(
        r"^layer3 +stage\(256, 2, stride=2\) +1 256 14 14 +2,099,712 +411,041,792 +211$", text, re.MULTILINE
    )
    assert "layer3.0" not in text
    assert re.search(r"^MACs +1,814,073,344$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "note"),
    [
        ("layer1.0.conv3", "there is `layer1.0.conv1` and `layer1.0.conv2`"),
        ("layer1.7", "there is `layer1.0` and `layer1.1`"),
        (
            "stem",
            "there are `image`, `conv1`, `bn1`, `relu`, `max_pool2d`, `layer1`, `layer2`, `layer3` and 4 more",
        ),
    ],
)
def test_an_unknown_path_names_near_ones(path: str, note: str) -> None:
    with pytest.raises(SpecError) as raised:
        explain(graph_of(RESNET, "resnet18"), path)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "E0119"
    assert diagnostic.notes == [note]


@pytest.mark.parametrize("size", [{}, {"image": (1, 3, 224, 224)}])
def test_every_explanation_fits_the_width(size: dict[str, tuple[int, ...]]) -> None:
    graph = graph_of(RESNET, "resnet50", **size)
    for node in graph.nodes[::7]:
        lines = explain(graph, node.path).splitlines()
        assert max(sum(map(cells, line)) for line in lines) <= 100
        assert all(line == line.rstrip() for line in lines)


# Windows


@st.composite
def windows(draw: st.DrawFn) -> tuple[int, int, int, int, int]:
    kernel, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    length, padding = draw(st.integers(1, 40)), draw(st.integers(0, 2))
    if length + 2 * padding < dilation * (kernel - 1) + 1:
        length = dilation * (kernel - 1) + 1
    return kernel, draw(st.integers(1, 5)), padding, dilation, length


@given(windows())
def test_never_read_is_what_no_gradient_reaches(drawn_: tuple[int, int, int, int, int]) -> None:
    kernel, stride, padding, dilation, length = drawn_
    x = torch.zeros(1, 1, length, requires_grad=True)
    y = F.conv1d(x, torch.ones(1, 1, kernel), None, stride, padding, dilation)
    y.sum().backward()
    unread = (x.grad[0, 0] == 0).nonzero()[:, 0].tolist()
    assert never_read(Window.of(kernel, stride, padding, dilation), length, y.shape[-1]) == unread


@given(windows(), st.integers(20, 90))
def test_each_window_is_drawn_over_what_it_looks_at(drawn_: tuple[int, int, int, int, int], width: int) -> None:
    kernel, stride, padding, dilation, length = drawn_
    window = Window.of(kernel, stride, padding, dilation)
    count = window.size(length)
    lines = drawn(window, length, count, width)
    for line in lines[1:]:
        assert len(line) <= width
        if line.startswith("out"):
            number = int(line.split()[1])
            looked = {position for position, mark in columns(lines[0], line, -padding) if mark == "■"}
            expected = {number * stride - padding + tap * dilation for tap in range(kernel)}
            assert looked == expected


def columns(header: str, line: str, first: int) -> list[tuple[int, str]]:
    """Each position of the axis with what is drawn under it."""
    starts = [match.start() for match in re.finditer(r"[^\s…]+", header)][1:]
    return [(first + index, line[start] if start < len(line) else " ") for index, start in enumerate(starts)]


# With letters for sizes


@pytest.mark.parametrize(
    ("stages", "path", "line"),
    [
        ("c: conv2d(64, 7, stride=2, padding=3)", "c", "N C H W → N 64 ⌈H/2⌉ ⌈W/2⌉"),
        ("c: conv2d(64, 7, stride=2, padding=3)", "c", "64·C·7·7 (weight) + 64 (bias) = 3,136·C + 64"),
        ("c: conv2d(64, 7, stride=2, padding=3)", "c", "3,136·N·C·⌈H/2⌉·⌈W/2⌉"),
        ("c: conv2d(64, 7, stride=2, padding=3)", "c", "RF becomes RF + (7 − 1)·jump; jump becomes 2·jump"),
        ("c: conv2d(4, 3)", "c", "H − 2 ≥ 1"),
        ("u: conv_transpose2d(8, 4, stride=2, padding=1)", "u", "N C H W → N 8 2·H 2·W"),
        ("flatten -> fc: linear(10)", "flatten", "N C H W → N C·H·W"),
        ("flatten -> fc: linear(10)", "fc", "10·C (weight) + 10 (bias) = 10·C + 10"),
        ("n: batch_norm2d", "n", "C (weight) + C (bias) = 2·C"),
    ],
)
def test_with_letters_the_rule_itself_is_said(stages: str, path: str, line: str) -> None:
    graph = graph_of(f"network n {{\n  input image: float32[N, 3, 32, 32]\n  output y = image -> {stages}\n}}\n")
    assert line in " ".join(explain(graph, path, symbolic=True).split())


def test_a_block_with_letters_tells_its_sizes_from_what_comes_in() -> None:
    graph = graph_of(RESNET, "resnet18", image=(1, 3, 224, 224))
    rows = [" ".join(line.split()) for line in explain(graph, "layer2.0", symbolic=True).splitlines()]
    assert rows[0] == "layer2.0 N C H W"
    assert "conv1 conv2d(128, 3, stride=2, padding=1, bias=false) N 128 ⌈H/2⌉ ⌈W/2⌉ 1,152·C" in rows


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_letters_filled_in_are_the_numbers_of_the_layer(network: str) -> None:
    from dlspec.analyses.symbols import lettered
    from dlspec.sizes import evaluated

    for node in graph_of(RESNET, network, image=(2, 3, 96, 64)).nodes:
        made = lettered(node) if node.inputs else None
        if made is None:
            continue
        values = {
            name: own
            for fact, tensor in zip(made.inputs, node.inputs)
            for size, own in zip(fact.shape, tensor.shape)
            if not isinstance(size, int)
            for name in size.symbols
        }
        sizes = tuple(evaluated(size, values) for size in made.outputs[0].shape)
        assert sizes == node.outputs[0].shape, node.path

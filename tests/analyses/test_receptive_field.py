"""Receptive fields equal the published ones, and what a gradient reaches in torch.

Published: the table of "Computing Receptive Fields of Convolutional Neural Networks" (Araujo, Norris, Sim; Distill,
2019), whose networks are TF-Slim's, and what was measured on torchvision's, which puts strides elsewhere.
"""

from __future__ import annotations

import gc
import time

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from spec_graphs import RESNET, VGG, graph_of, node_of

from dlspec.analyses.reach import Reach
from dlspec.analyses.receptive_field import receptive_fields

torch.set_num_threads(1)

SLIM_ALEXNET = """
network alexnet_v2 {
  input image: float32[N, 3, H, W]
  output map = image
    -> conv1: conv2d(64, 11, stride=4) -> relu -> pool1: max_pool2d(3, stride=2)
    -> conv2: conv2d(192, 5, padding=2) -> relu -> pool2: max_pool2d(3, stride=2)
    -> conv3: conv2d(384, 3, padding=1) -> relu -> conv4: conv2d(384, 3, padding=1) -> relu
    -> conv5: conv2d(256, 3, padding=1) -> relu -> pool5: max_pool2d(3, stride=2)
}
"""
TORCHVISION_ALEXNET = SLIM_ALEXNET.replace("11, stride=4", "11, stride=4, padding=2")
SLIM_RESNET = """
block unit(x, width, stride = 1) {
  shortcut = x -> shortcut: conv2d(4 * width, 1, stride=stride)
  y = x -> conv1: conv2d(width, 1) -> relu -> conv2: conv2d(width, 3, stride=stride, padding=1) -> relu
        -> conv3: conv2d(4 * width, 1)
  relu(y + shortcut)
}
network slim(depths) {
  input image: float32[N, 3, H, W]
  x = image -> conv1: conv2d(64, 7, stride=2, padding=3) -> relu -> max_pool2d(3, stride=2, padding=1)
  for i, depth in enumerate(depths) {
    x = x -> block{i + 1}: { unit(64) * (depth - 1) -> unit(64, stride=2 if i < 3 else 1) }
  }
  output map = x
}
network resnet_v1_50 = slim([3, 4, 6, 3])
network resnet_v1_101 = slim([3, 4, 23, 3])
network resnet_v1_152 = slim([3, 8, 36, 3])
network resnet_v1_200 = slim([3, 24, 36, 3])
"""

PUBLISHED = [
    (SLIM_ALEXNET, "alexnet_v2", {
        "conv1": (11, 4, 0), "pool1": (19, 8, 0), "conv2": (51, 8, 16), "conv3": (99, 16, 32), "conv4": (131, 16, 48),
        "conv5": (163, 16, 64), "pool5": (195, 32, 64),
    }),
    (VGG, "vgg_a", {
        "conv0_0": (3, 1, 1), "pool0": (4, 2, 1), "conv1_0": (8, 2, 3), "pool1": (10, 4, 3), "conv2_0": (18, 4, 7),
        "conv2_1": (26, 4, 11), "pool2": (30, 8, 11), "conv3_0": (46, 8, 19), "conv3_1": (62, 8, 27),
        "pool3": (70, 16, 27), "conv4_0": (102, 16, 43), "conv4_1": (134, 16, 59), "pool4": (150, 32, 59),
    }),
    (VGG, "vgg_16", {
        "conv0_0": (3, 1, 1), "pool0": (6, 2, 2), "conv1_0": (10, 2, 4), "pool1": (16, 4, 6), "conv2_0": (24, 4, 10),
        "conv2_1": (32, 4, 14), "pool2": (44, 8, 18), "conv3_0": (60, 8, 26), "conv3_1": (76, 8, 34),
        "pool3": (100, 16, 42), "conv4_0": (132, 16, 58), "conv4_1": (164, 16, 74), "pool4": (212, 32, 90),
    }),
]  # fmt: skip

PUBLISHED_RESNETS = {
    "resnet_v1_50": ((35, 8), (99, 16), (291, 32), (483, 32)),
    "resnet_v1_101": ((35, 8), (99, 16), (835, 32), (1027, 32)),
    "resnet_v1_152": ((35, 8), (163, 16), (1315, 32), (1507, 32)),
    "resnet_v1_200": ((35, 8), (419, 16), (1571, 32), (1763, 32)),
}

TORCHVISION_RESNETS = {
    "resnet18": (435, 32, 217), "resnet34": (899, 32, 449), "resnet50": (427, 32, 213), "resnet101": (971, 32, 485),
    "resnet152": (1451, 32, 725),
}  # fmt: skip


@pytest.mark.parametrize(("text", "network", "rows"), PUBLISHED, ids=[row[1] for row in PUBLISHED])
def test_fields_of_plain_networks_are_the_published_ones(
    text: str, network: str, rows: dict[str, tuple[int, ...]]
) -> None:
    graph = graph_of(text, network)
    fields = receptive_fields(graph)
    for path, (size, stride, padding) in rows.items():
        field = fields.of(node_of(graph, path))
        assert field is not None
        assert field.to_json() == {"size": [size] * 2, "stride": [stride] * 2, "padding": [padding] * 2}, path


@pytest.mark.parametrize("network", PUBLISHED_RESNETS)
def test_fields_of_residual_networks_are_the_published_ones(network: str) -> None:
    graph = graph_of(SLIM_RESNET, network)
    fields = receptive_fields(graph)
    ends = [part.result.node for part in graph.root.steps if getattr(part, "name", "").startswith("block")]
    found = [fields.of(node) for node in ends]
    assert tuple((field.size[0], field.stride[0]) for field in found if field) == PUBLISHED_RESNETS[network]


@pytest.mark.parametrize("network", TORCHVISION_RESNETS)
def test_fields_of_torchvisions_residual_networks_are_the_measured_ones(network: str) -> None:
    graph = graph_of(RESNET, network)
    before_pooling = node_of(graph, "adaptive_avg_pool2d").inputs[0].node
    field = receptive_fields(graph).of(before_pooling)
    assert field is not None
    assert (field.size[0], field.stride[0], field.padding[0]) == TORCHVISION_RESNETS[network]
    assert field.centre == (0, 0)
    assert not field.is_misaligned


def test_the_stages_of_resnet50_see_35_91_267_and_427() -> None:
    graph = graph_of(RESNET, "resnet50")
    fields = receptive_fields(graph)
    stages = [step for step in graph.root.steps if getattr(step, "name", "").startswith("layer")]
    assert [fields.of(stage.result.node).size[0] for stage in stages] == [35, 91, 267, 427]  # type: ignore[union-attr]


def test_torchvisions_alexnet_begins_66_before_the_image() -> None:
    graph = graph_of(TORCHVISION_ALEXNET)
    field = receptive_fields(graph).of(node_of(graph, "pool5"))
    assert field is not None
    assert field.to_json() == {"size": [195, 195], "stride": [32, 32], "padding": [66, 66]}


# Kinds of fields


def field_of(stages: str, shape: str = "N, 3, H, W", **inputs: tuple[int, ...]) -> object:
    graph = graph_of(f"network n {{\n  input x: float32[{shape}]\n  output y = x -> {stages}\n}}\n", **inputs)
    field = receptive_fields(graph).of(graph.outputs["y"].node)
    return None if field is None else field.to_json()


def test_a_global_pooling_sees_the_whole_input() -> None:
    assert field_of("c: conv2d(4, 3) -> adaptive_avg_pool2d(1)") == "whole"


def test_a_global_pooling_over_what_skips_the_last_column_does_not_see_it() -> None:
    strided = "c: conv2d(4, 3, stride=3) -> adaptive_avg_pool2d(1)"
    assert field_of(strided, x=(1, 3, 9, 9)) == "whole"
    assert field_of(strided, x=(1, 3, 10, 9)) == {"size": [9, 9], "stride": [0, 0], "padding": [0, 0]}


def test_a_mean_along_one_axis_sees_that_axis_whole() -> None:
    found = field_of("c: conv2d(4, [3, 5], padding=[1, 2]) -> mean(3)", x=(1, 3, 8, 9))
    assert found == {"size": [3, 9], "stride": [1, 0], "padding": [1, 0]}


def test_what_depends_on_no_input_has_no_field() -> None:
    graph = graph_of("network n {\n  input x: float32[2, 3]\n  parameter p: [2, 3] = zeros\n  output y = x + p\n}\n")
    assert receptive_fields(graph).of(node_of(graph, "p")) is None


def test_fields_are_with_respect_to_every_input() -> None:
    graph = graph_of(
        "network n {\n  input a: float32[N, 1, L]\n  input b: float32[N, 1, L]\n"
        "  left = a -> c: conv1d(1, 3, padding=1)\n  output y = left + b\n}\n"
    )
    fields = receptive_fields(graph)
    end = graph.outputs["y"].node
    assert [str(fields.of(end, name)) for name in ("a", "b")] == ["3", "1"]
    assert fields.inputs_of(end) == ["a", "b"]
    assert fields.of(node_of(graph, "c"), "b") is None


def test_attention_sees_every_position_of_a_sequence_and_a_projection_its_own() -> None:
    graph = graph_of(
        "network n {\n  input x: float32[N, T, 8]\n  h = x -> p: linear(8) -> gelu\n"
        "  output y = scaled_dot_product_attention(h, h, h)\n}\n"
    )
    fields = receptive_fields(graph)
    assert str(fields.of(node_of(graph, "p"))) == "1"
    assert str(fields.of(graph.outputs["y"].node)) == "whole"


def test_of_a_tensor_that_only_lends_its_size_nothing_is_seen() -> None:
    graph = graph_of(
        "network n {\n  input x: float32[N, 3, H, W]\n  input like: float32[N, 3, P, Q]\n"
        "  output y = crop(x -> c: conv2d(4, 3), like)\n}\n"
    )
    assert receptive_fields(graph).inputs_of(graph.outputs["y"].node) == ["x"]


def test_paths_with_different_centres_are_misaligned() -> None:
    graph = graph_of(
        "network n {\n  input x: float32[N, 1, L]\n  a = x -> c: conv1d(1, 3, padding=1)\n"
        "  b = x -> pad([2, 0]) -> d: conv1d(1, 3)\n  output y = a + b\n}\n"
    )
    field = receptive_fields(graph).of(graph.outputs["y"].node)
    assert field is not None
    assert field.is_misaligned
    assert field.to_json() == {"size": [4], "stride": [1], "padding": [2]}


def test_a_dilated_window_has_holes_that_a_dense_one_after_it_fills() -> None:
    holes = "a: conv1d(1, 3, dilation=2)"
    for stages, expected in ((holes, True), (f"{holes} -> b: conv1d(1, 2)", False)):
        graph = graph_of(f"network n {{\n  input x: float32[N, 1, L]\n  output y = x -> {stages}\n}}\n")
        field = receptive_fields(graph).of(graph.outputs["y"].node)
        assert field is not None
        assert field.has_holes is expected


def test_a_resized_map_has_a_bound_and_a_stride_below_one() -> None:
    graph = graph_of(
        "network n {\n  input x: float32[N, 1, L]\n  output y = x -> c: conv1d(1, 3, padding=1)"
        " -> interpolate(scale_factor=2)\n}\n"
    )
    field = receptive_fields(graph).of(graph.outputs["y"].node)
    assert field is not None
    assert field.is_bound
    assert str(field) == "≤ 3"
    assert field.stride == ("1/2",)


# The gradient as oracle

Layer = tuple[str, object]


@st.composite
def layers(draw: st.DrawFn) -> tuple[str, object, bool]:
    """A stage of a sequence network as spec and as a function of torch, and whether its field is a bound."""
    kernel, stride = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    padding, dilation = draw(st.integers(0, 3)), draw(st.integers(1, 3))
    kind = draw(
        st.sampled_from(["conv", "conv", "pool", "skip", "updown", "shifted", "transposed", "resize", "pad", "slice"])
    )
    weight = torch.ones(1, 1, kernel, dtype=torch.float64)
    if kind == "conv":
        text = f"conv1d(1, {kernel}, stride={stride}, padding={padding}, dilation={dilation})"
        return text, lambda x: F.conv1d(x, weight, None, stride, padding, dilation), False
    if kind == "pool":
        padding, ceil = min(padding, kernel // 2), draw(st.booleans())
        text = f"avg_pool1d({kernel}, stride={stride}, padding={padding}, ceil_mode={str(ceil).lower()})"
        return text, lambda x: F.avg_pool1d(x, kernel, stride, padding, ceil), False
    if kind == "skip":
        half = draw(st.integers(0, 2))
        wide = torch.ones(1, 1, 2 * half + 1, dtype=torch.float64)
        return (
            f"skip({2 * half + 1}, {half}, {dilation})",
            lambda x: x + F.conv1d(x, wide, None, 1, half * dilation, dilation),
            False,
        )
    if kind == "updown":
        return "updown", lambda x: x + F.interpolate(F.avg_pool1d(x, 2), scale_factor=2.0), True
    if kind == "shifted":
        return "shifted", lambda x: x[:, :, 1:] + x[:, :, :-1], False
    if kind == "transposed":
        padding = min(padding, kernel - 1)
        text = f"conv_transpose1d(1, {kernel}, stride={stride}, padding={padding})"
        return text, lambda x: F.conv_transpose1d(x, weight, None, stride, padding), True
    if kind == "resize":
        text = f'interpolate(scale_factor={stride}, mode="linear")'
        return text, lambda x: F.interpolate(x, scale_factor=stride, mode="linear"), True
    if kind == "pad":
        return f"pad([{padding}, {kernel}])", lambda x: F.pad(x, [padding, kernel]), False
    return f"slice(2, {padding}, step={stride})", lambda x: x[:, :, padding::stride], False


BLOCKS = """
block skip(x, k, p, d) { x + (x -> c: conv1d(1, k, padding=p * d, dilation=d)) }
block updown(x) { x + (x -> avg_pool1d(2) -> interpolate(scale_factor=2)) }
block shifted(x) { x[:, :, 1:] + x[:, :, :-1] }
"""


@given(st.lists(layers(), min_size=1, max_size=4))
def test_a_gradient_reaches_just_the_positions_of_the_field(chosen: list[tuple[str, object, bool]]) -> None:
    length = 1500  # no field reaches from the middle to an edge, where zeros of the padding take the place of units
    x = torch.zeros(1, 1, length, dtype=torch.float64, requires_grad=True)
    y, stages, is_bound = x, [], False
    for index, (text, run, bound) in enumerate(chosen):
        if text == "updown" and y.shape[-1] % 2:
            continue
        z = run(y)  # type: ignore[operator]
        if z.shape[-1] <= 6000:
            y, is_bound = z, is_bound or bound
            stages.append(f"s{index}: {text}")
    if not stages:
        return
    graph = graph_of(
        f"{BLOCKS}network n {{\n  input x: float32[1, 1, {length}]\n  output y = x -> {' -> '.join(stages)}\n}}\n"
    )
    field = receptive_fields(graph).of(graph.outputs["y"].node)
    assert field is not None
    (sight,) = field.sights
    assert isinstance(sight, Reach)
    last = y.shape[-1] - 1
    for unit in (0, last // 2, last // 2 + 1, last):
        (gradient,) = torch.autograd.grad(y[0, 0, unit], x, retain_graph=True, allow_unused=True)
        seen = set(gradient[0, 0].nonzero()[:, 0].tolist())
        predicted = positions(sight, unit)
        if is_bound or unit in (0, last):
            assert not seen or max(seen) - min(seen) < sight.span
            assert seen <= predicted
        else:
            assert seen == predicted


def positions(sight: Reach, unit: int) -> set[int]:
    first, last = sight.ends(unit)
    if sight.mask is None:
        return set(range(first, last + 1))
    return {first + index for index in range(sight.span) if sight.mask >> index & 1}


def test_the_gradient_of_a_picture_reaches_height_and_width_apart() -> None:
    stages = [
        ("conv2d(1, [3, 1], stride=[2, 1], padding=[1, 0])", (3, 1), (2, 1), (1, 0)),
        ("conv2d(1, [2, 4])", (2, 4), 1, 0),
    ]
    x = torch.zeros(1, 1, 16, 17, dtype=torch.float64, requires_grad=True)
    y = x
    for _, kernel, stride, padding in stages:
        y = F.conv2d(y, torch.ones(1, 1, *kernel, dtype=torch.float64), None, stride, padding)
    graph = graph_of(
        "network n {\n  input x: float32[1, 1, 16, 17]\n  output y = x -> "
        + " -> ".join(f"c{i}: {text}" for i, (text, *_) in enumerate(stages))
        + "\n}\n"
    )
    field = receptive_fields(graph).of(graph.outputs["y"].node)
    assert field is not None
    (gradient,) = torch.autograd.grad(y[0, 0, 3, 5], x)
    seen = gradient[0, 0].nonzero()
    rows, columns = (sight.ends(unit) for sight, unit in zip(field.reaches, (3, 5)))
    assert (seen.amin(0).tolist(), seen.amax(0).tolist()) == ([rows[0], columns[0]], [rows[1], columns[1]])


def test_time_is_linear_in_the_nodes() -> None:
    def seconds(depth: int) -> float:
        gc.collect()
        gc.disable()  # as the command line does
        try:
            return _seconds(depth)
        finally:
            gc.enable()

    def _seconds(depth: int) -> float:
        graph = graph_of(
            f"network n {{\n  input x: float32[N, 1, L]\n  output y = x -> body: {{ conv1d(1, 3, padding=1) -> relu }} * {depth}\n}}\n"
        )
        start = time.process_time()
        receptive_fields(graph)
        return time.process_time() - start

    assert seconds(4000) < 8 * max(seconds(1000), 0.002)

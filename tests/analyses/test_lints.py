"""Lints find what is almost surely not meant, with its evidence, and are silent where the pattern has a use."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from spec_graphs import RESNET, graph_of
from torch import nn

from dlspec.analyses.lints import lint
from dlspec.checking import Spec
from dlspec.diagnostics.record import Diagnostic
from dlspec.diagnostics.render.text import render
from dlspec.source import Source


def found(body: str, *, before: str = "") -> list[Diagnostic]:
    return lint(graph_of(f"{before}\nnetwork n {{\n{body}\n}}\n"))


def codes(body: str, *, before: str = "") -> list[str]:
    return [diagnostic.code for diagnostic in found(body, before=before)]


def repaired(text: str, name: str = "spec.dls") -> str:
    """The text with the fixes of every lint applied."""
    spec = Spec(Source(name, text), Path(name).resolve())
    edits = [edit for diagnostic in lint(spec.graph()) for fix in diagnostic.fixes for edit in fix.edits]
    assert edits
    for edit in sorted(edits, key=lambda edit: -edit.span.start):
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    again = Spec(Source(name, text), Path(name).resolve())
    assert not again.problems
    assert lint(again.graph()) == []
    return text


FEATURES = "input x: float32[N, 64]\n"
IMAGE = "input image: float32[N, 3, 32, 32]\n"


# W0402 and W0415: what nothing needs


def test_a_dead_end_is_found_once_with_what_it_costs() -> None:
    body = FEATURES + "h = x -> a: linear(32) -> relu -> b: linear(16) -> tanh\noutput y = x -> c: linear(10)"
    (diagnostic,) = found(body)
    assert diagnostic.code == "W0402"
    assert diagnostic.place is not None
    assert diagnostic.place.text == "tanh"
    assert diagnostic.notes == ["what only leads here costs 2,608 parameters that are never trained and 2,560·N MACs"]


def test_two_dead_ends_are_two_findings() -> None:
    body = FEATURES + "h = x -> a: linear(32)\np = h -> relu\nq = h -> tanh\noutput y = x -> c: linear(10)"
    assert codes(body) == ["W0402", "W0402"]


def test_a_parameter_that_nothing_reads_is_found() -> None:
    assert codes(FEATURES + "parameter p: [3] = zeros\noutput y = x -> relu") == ["W0402"]


def test_one_of_several_results_may_go_unread() -> None:
    assert codes(FEATURES + "a, b = x -> chunk(2)\noutput y = a -> relu") == []


def test_what_only_one_use_of_a_block_leaves_unread_is_no_finding() -> None:
    block = "block two(x) {\n  a = x -> relu\n  b = x -> tanh\n  {a, b}\n}"
    body = FEATURES + "p = two(x)\nq = two(p.a)\noutput y = q.a + q.b"
    assert codes(body, before=block) == []


def test_what_training_alone_uses_is_used() -> None:
    body = (
        FEATURES + "h = x -> relu\naside = h -> tanh\noutput y = h -> c: linear(4)\noutput extra = aside when training"
    )
    assert codes(body) == []


def test_an_input_that_nothing_reads_is_found() -> None:
    (diagnostic,) = found(FEATURES + "input age: float32[N, 1]\noutput y = x -> relu")
    assert (diagnostic.code, diagnostic.message) == ("W0415", "the input `age` leads to no output")


def test_an_input_that_ends_in_an_unused_value_is_told_by_that() -> None:
    assert codes(FEATURES + "input age: float32[N, 1]\nh = age -> relu\noutput y = x -> relu") == ["W0402"]


# W0411: linear layers that are one


@pytest.mark.parametrize(
    ("stages", "numbers"),
    [
        ("fc1: linear(32) -> fc2: linear(10)", "their 2,410 parameters can do no more than the 650"),
        ("fc1: linear(64, bias=false) -> fc2: linear(64, bias=false)", "their 8,192 parameters"),
    ],
)
def test_linear_layers_in_a_row_collapse(stages: str, numbers: str) -> None:
    (diagnostic,) = found(f"{FEATURES}output y = x -> {stages}")
    assert diagnostic.code == "W0411"
    assert numbers in diagnostic.notes[0]


def test_convolutions_in_a_row_collapse() -> None:
    body = IMAGE + "output y = image -> a: conv2d(16, 3) -> b: conv2d(32, 3) -> relu"
    (diagnostic,) = found(body)
    pair = 16 * (3 * 9 + 1) + 32 * (16 * 9 + 1)
    one = 32 * (3 * 25 + 1)
    assert f"their {pair:,} parameters can do no more than the {one:,} of a single convolution" in diagnostic.notes[0]


def test_the_single_layer_does_what_the_two_did() -> None:
    torch.manual_seed(0)
    first, second, one = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 4, 3, stride=2), nn.Conv2d(3, 4, 5, stride=2)
    with torch.no_grad():
        spread = torch.nn.functional.conv_transpose2d(second.weight, first.weight)
        one.weight.copy_(spread)
        one.bias.copy_(second.bias + second.weight.sum((2, 3)) @ first.bias)
        x = torch.randn(2, 3, 12, 12)
        assert torch.allclose(second(first(x)), one(x), atol=1e-5)


@pytest.mark.parametrize(
    "body",
    [
        "x = x -> down: linear(8) -> up: linear(64)\noutput y = x",
        "x = x -> a: linear(64) -> relu -> b: linear(64)\noutput y = x",
        "x = x -> a: linear(64) -> dropout(0.1) -> b: linear(64)\noutput y = x",
        "h = x -> a: linear(64)\noutput y = h -> b: linear(64)\noutput z = h -> tanh",
        "output h = x -> a: linear(64)\noutput y = h -> b: linear(64)",
        "module m = linear(64)\noutput y = x -> m -> m",
        "x = x -> a: freeze(linear(64)) -> probe: linear(10)\noutput y = x",
    ],
)
def test_linear_layers_with_a_use_of_their_own_are_silent(body: str) -> None:
    assert codes(FEATURES + body) == []


@pytest.mark.parametrize(
    ("channels", "stages"),
    [
        (16, "a: conv2d(16, 3, padding=1, groups=16) -> b: conv2d(64, 1)"),
        (16, "a: conv2d(16, [1, 7]) -> b: conv2d(16, [7, 1])"),
        (16, "a: conv2d(64, 3, bias=false) -> n: batch_norm2d -> relu -> b: conv2d(64, 3)"),
        (512, "a: conv2d(256, 1) -> b: conv2d(256, 3, padding=1)"),
        (512, "a: conv2d(21, 1) -> up: conv_transpose2d(21, 4, stride=2)"),
        (64, "a: conv2d(8, 1) -> b: conv2d(64, 1)"),
    ],
)
def test_convolutions_with_a_use_of_their_own_are_silent(channels: int, stages: str) -> None:
    assert codes(f"input image: float32[N, {channels}, 32, 32]\noutput y = image -> {stages}") == []


def test_an_activation_is_put_between() -> None:
    text = "network n {\n  input x: float32[N, 64]\n  output y = x -> a: linear(64) -> b: linear(10)\n}\n"
    assert "a: linear(64) -> relu -> b: linear(10)" in repaired(text)


# W0412: a bias before a batch norm


@pytest.mark.parametrize("call", ["conv2d(16, 3)", "conv2d(16, 3, bias=true)"])
def test_a_bias_before_a_batch_norm_is_left_out(call: str) -> None:
    text = f"network n {{\n  {IMAGE}  output y = image -> c: {call} -> n: batch_norm2d -> relu\n}}\n"
    assert "c: conv2d(16, 3, bias=false)" in repaired(text)


def test_the_bias_before_a_batch_norm_has_no_gradient() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    layers(torch.randn(4, 3, 8, 8)).square().sum().backward()
    assert layers[0].bias.grad.abs().max() < 1e-4 * layers[0].weight.grad.abs().max()


def test_a_finding_in_a_block_is_said_once_with_its_further_uses() -> None:
    block = "block unit(x, width) { x -> {conv2d(width, 3) -> batch_norm2d -> relu} }"
    (diagnostic,) = found(IMAGE + "output y = image -> a: unit(8) -> b: unit(8) -> c: unit(8)", before=block)
    assert diagnostic.code == "W0412"
    assert diagnostic.notes[-1] == "2 further uses of the block meet the same"


@pytest.mark.parametrize(
    "body",
    [
        IMAGE + "output y = image -> c: conv2d(16, 3) -> n: group_norm(4)",
        IMAGE + "output y = image -> c: conv2d(16, 3) -> n: frozen_batch_norm2d",
        IMAGE + "output y = image -> c: conv2d(16, 3) -> relu -> n: batch_norm2d",
        IMAGE + "h = image -> c: conv2d(16, 3)\noutput y = h -> n: batch_norm2d\noutput z = h -> relu",
        "input x: float32[N, 8, 64]\noutput y = x -> a: linear(64) -> n: batch_norm1d",
        FEATURES + "output y = x -> a: linear(64) -> n: layer_norm",
    ],
)
def test_a_bias_that_counts_is_silent(body: str) -> None:
    assert codes(body) == []


# W0413: linear along height or width


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (
            "c: conv2d(16, 5) -> relu -> max_pool2d(2) -> fc: linear(10)",
            "mixes the last axis, here the width 14",
        ),
        ("permute([0, 3, 1, 2]) -> fc: linear(10)", "mixes the last axis, here the height 32"),
    ],
)
def test_a_linear_layer_along_the_map_is_found(stages: str, words: str) -> None:
    (diagnostic,) = found(IMAGE + f"output y = image -> {stages}")
    assert diagnostic.code == "W0413"
    assert diagnostic.primary is not None
    assert diagnostic.primary.text == words


@pytest.mark.parametrize(
    "body",
    [
        IMAGE + "output y = image -> c: conv2d(16, 5) -> flatten -> fc: linear(10)",
        IMAGE + "output y = image -> c: conv2d(16, 5) -> permute([0, 2, 3, 1]) -> fc: linear(10)",
        IMAGE + "output y = image -> c: conv2d(16, 4, stride=4) -> flatten(2) -> mix: linear(64)",
        IMAGE + "output y = image -> c: conv2d(16, 4, stride=4) -> flatten(2) -> transpose(1, 2) -> fc: linear(8)",
        IMAGE + "output y = image -> adaptive_avg_pool2d(1) -> flatten -> fc: linear(10)",
        "input x: float32[N, 12, 64]\noutput y = x -> a: linear(64) -> gelu -> b: linear(8)",
        "input x: float32[N, 32, 32, 3]\noutput y = x -> a: linear(64) -> gelu -> b: linear(8)",
        "input tokens: int64[N, T]\noutput y = tokens -> e: embedding(100, 8) -> a: linear(64)",
        "input x: float32[N, 4, 12, 16]\noutput y = x -> a: linear(64)",
    ],
)
def test_a_linear_layer_over_features_is_silent(body: str) -> None:
    assert codes(body) == []


def test_a_flatten_is_put_before_in_the_dsl() -> None:
    text = f"network n {{\n  {IMAGE}  output y = image -> c: conv2d(16, 5) -> relu -> fc: linear(10)\n}}\n"
    assert "relu -> flatten -> fc: linear(10)" in repaired(text)


YAML = """
network:
  name: n
  inputs: {image: "float32[N, 3, 32, 32]"}
  layers:
    - conv: conv2d(16, 5)
    - relu
    - fc: linear(10)
  outputs: [fc]
"""


def test_a_flatten_is_put_before_in_yaml() -> None:
    assert "    - relu\n    - flatten\n    - fc: linear(10)\n" in repaired(YAML, "spec.dlspec.yaml")


# All together


def test_a_lint_that_is_allowed_is_silent() -> None:
    body = (
        FEATURES + 'allow linear_layers_collapse: "shows that they do"\noutput y = x -> a: linear(64) -> b: linear(10)'
    )
    assert codes(body) == []


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_the_resnets_are_clean(network: str) -> None:
    assert lint(graph_of(RESNET, network)) == []


def test_a_finding_reads_as_a_whole() -> None:
    body = "  input image: float32[N, 1, 28, 28]\n  output logits = image -> c1: conv2d(6, 5) -> relu -> max_pool2d(2) -> fc: linear(10)"
    assert (
        render(found(body))
        == """\
warning[W0413]: `fc` mixes the width of a feature map, not its channels
 --> spec.dls:4:77
  |
4 |   output logits = image -> c1: conv2d(6, 5) -> relu -> max_pool2d(2) -> fc: linear(10)
  |                                                        -------------        ^^^^^^^^^^ mixes the last axis, here the width 12
  |                                                        |
  |                                                        gives N 6 12 12
  |
  = note: each of its weights belongs to a place: shift the picture by a pixel, and every weight meets another width
help: fold channels, height and width into one axis of 864 first
  |
4 -   output logits = image -> c1: conv2d(6, 5) -> relu -> max_pool2d(2) -> fc: linear(10)
4 +   output logits = image -> c1: conv2d(6, 5) -> relu -> max_pool2d(2) -> flatten -> fc: linear(10)
  |
"""
    )

"""Modules for inference: what they give is what the network as trained gives in evaluation, to the last digits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import dlspec
from dlspec.graph import Graph
from dlspec.lowering import lower
from tests.lowering.built import example_inputs, graph_of, module_of, sizes_for

slow = pytest.mark.slow
ZOO = [
    "lenet5",
    "resnet_digits",
    *(
        pytest.param(name, marks=slow)
        for name in (
            "alexnet", "alexnet_2012", "vgg11_bn", "resnet18", "resnet50", "plain18", "googlenet", "densenet121",
            "mobilenet_v2", "mobilenet_v3_large", "unet",
        )
    ),
]  # fmt: skip

TRANSPOSED = """
network up {
  input image: float32[N, 6, 5, 7]
  output out = image
    -> body: {
      dropout(0.5) -> conv_transpose2d(8, 3, stride=2, groups=2, bias=false) -> batch_norm2d(affine=false) -> relu
      -> identity -> conv2d(4, 3, padding_mode="reflect", padding=1, groups=2) -> batch_norm2d(eps=0.01) -> relu
    }
    -> flatten -> linear(5, bias=false) -> batch_norm1d -> relu
}
"""
SHARED = """
block step(x) { x -> conv: conv2d(4, 3, padding=1) -> norm: batch_norm2d -> relu }
network twice {
  input image: float32[N, 4, 6, 6]
  module once = step
  output out = image -> once -> once
}
"""
AUXILIARY = """
network two_heads {
  input image: float32[N, 4, 6, 6]
  middle = image -> stem: { conv2d(4, 3) -> batch_norm2d -> relu }
  output logits = middle -> flatten -> head: linear(3)
  if training {
    output aux = middle -> side: { conv2d(2, 3) -> batch_norm2d -> flatten -> linear(3) }
  }
}
"""
READ_TWICE = """
network twice {
  input image: float32[N, 4, 6, 6]
  y = image -> conv: conv2d(4, 3, padding=1)
  output out = y -> norm: batch_norm2d -> relu -> add(y)
}
"""


def pair(graph: Graph) -> tuple[nn.Module, nn.Module, Any]:
    """The network in evaluation with statistics that say something, the folded one with its weights, both fp64."""
    torch.manual_seed(0)
    trained = module_of(lower(graph), "trained").build().double().eval()
    for name, tensor in trained.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0)
        elif name.endswith("running_mean") or (tensor.dim() == 1 and tensor.is_floating_point()):
            tensor.normal_().mul_(0.3)
    source = module_of(lower(graph, for_inference=True), "folded")
    folded = source.build().double()
    folded.load_state_dict(source.fold(trained.state_dict()), strict=True)
    return trained, folded, source


def agree(graph: Graph) -> nn.Module:
    trained, folded, _ = pair(graph)
    inputs = [x.double() if x.is_floating_point() else x for x in example_inputs(graph, sizes_for(graph)).values()]
    with torch.no_grad():
        torch.testing.assert_close(folded(*inputs), trained(*inputs), rtol=1e-10, atol=1e-10)
    return folded


@pytest.mark.parametrize("name", ZOO)
def test_a_folded_network_gives_what_the_trained_one_gives(name: str) -> None:
    folded = agree(dlspec.load(name).graph)
    assert not any(isinstance(module, nn.Dropout) for module in folded.modules())
    assert not any(weight.requires_grad for weight in folded.parameters())
    assert not folded.training


def test_every_batch_norm_of_a_resnet_is_folded() -> None:
    _, folded, source = pair(dlspec.load("resnet_digits").graph)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert len(source.FOLDED) == sum(isinstance(module, nn.Conv2d) for module in folded.modules())


def test_transposed_grouped_and_linear_layers_take_up_their_batch_norms() -> None:
    folded = agree(graph_of(TRANSPOSED))
    kinds = [type(module).__name__ for module in folded.modules() if not list(module.children())]
    assert sorted(kinds) == ["Conv2d", "ConvTranspose2d", "Linear", "ReLU", "ReLU"]
    assert list(dict(folded.body.named_children())) == ["0", "1", "2", "3"]


def test_a_part_that_only_training_has_is_left_out() -> None:
    folded = agree(graph_of(AUXILIARY))
    assert [name for name, _ in folded.named_children()] == ["stem", "head"]


def test_a_layer_that_is_run_twice_with_its_norm_is_folded_once() -> None:
    folded = agree(graph_of(SHARED))
    assert sum(isinstance(module, nn.BatchNorm2d) for module in folded.modules()) == 0


def test_a_batch_norm_stays_where_something_else_reads_the_layer_too() -> None:
    folded = agree(graph_of(READ_TWICE))
    assert sum(isinstance(module, nn.BatchNorm2d) for module in folded.modules()) == 1

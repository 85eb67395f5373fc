"""Parameters, buffers and MACs equal those of torchvision's networks and of torch's own counter.

The integers of the ResNets were measured on torchvision 0.28: parameters and buffers of the modules, and
`torch.utils.flop_counter` at 224 × 224, halved.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from spec_graphs import RESNET, graph_of, node_of
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dlspec.analyses.cost import cost
from dlspec.graph import Application
from dlspec.sizes import evaluated

MEASURED = {
    "resnet18": (11689512, 9620, 1814073344, 462422016),
    "resnet34": (21797672, 17060, 3663761408, 693633024),
    "resnet50": (25557032, 53173, 4089184256, 667942912),
    "resnet101": (44549160, 105448, 7801405440, 667942912),
    "resnet152": (60192808, 151579, 11513626624, 667942912),
}
"""Parameters, buffers, MACs, and the MACs of `layer1`."""


@pytest.mark.parametrize("network", MEASURED)
def test_counts_of_the_resnets_are_torchvisions(network: str) -> None:
    parameters, buffers, macs, of_layer1 = MEASURED[network]
    graph = graph_of(RESNET, network, image=(1, 3, 224, 224))
    found = cost(graph)
    assert (found.parameters, found.trainable_parameters, found.buffers) == (parameters, parameters, buffers)
    assert found.macs == macs
    layer1 = next(step for step in graph.root.steps if isinstance(step, Application) and step.path == "layer1")
    assert found.parts[layer1].macs == of_layer1


def test_open_sizes_give_the_macs_of_every_size() -> None:
    open_ = cost(graph_of(RESNET, "resnet50"))
    for height, width in ((1, 1), (33, 65), (224, 224), (500, 333)):
        closed = cost(graph_of(RESNET, "resnet50", image=(2, 3, height, width)))
        assert evaluated(open_.macs, {"N": 2, "H": height, "W": width}) == closed.macs


def test_shares_of_nodes_and_of_parts_sum_to_the_totals() -> None:
    graph = graph_of(RESNET, "resnet50", image=(1, 3, 64, 64))
    found = cost(graph)
    for name in ("parameters", "trainable", "buffers", "macs"):
        total = getattr(found.total, name)
        assert sum(getattr(share, name) for share in found.nodes.values()) == total
        for part in found.parts:
            own = sum(getattr(found.nodes[node], name) for node in part.nodes())
            assert getattr(found.parts[part], name) == own


SHARED = """
network siamese {
  input left: float32[N, 8]
  input right: float32[N, 8]
  module tower = { linear(16) -> relu -> linear(4) }
  output y = tower(left) - tower(right)
}
"""


def test_shared_weights_count_once_and_their_arithmetic_at_every_use() -> None:
    graph = graph_of(SHARED, left=(1, 8), right=(1, 8))
    found = cost(graph)
    assert found.parameters == 8 * 16 + 16 + 16 * 4 + 4
    assert found.macs == 2 * (8 * 16 + 16 * 4)
    again = [node for node in graph.nodes if node.path.endswith("#2") and node.module]
    assert [found.nodes[node].parameters for node in again] == [0] * len(again)


def test_frozen_parameters_are_parameters_that_are_not_trained() -> None:
    text = "network n {\n  input x: float32[N, 8]\n  output y = x -> a: freeze(linear(16)) -> relu -> b: linear(4)\n}\n"
    found = cost(graph_of(text))
    assert (found.parameters, found.trainable_parameters) == (8 * 16 + 16 + 16 * 4 + 4, 16 * 4 + 4)
    assert found.optimizer_bytes(2) == 2 * 4 * (16 * 4 + 4)


def test_learned_tensors_are_parameters_and_buffers() -> None:
    text = (
        "network n {\n  input x: float32[N, 8]\n  parameter p: [1, 8] = zeros\n  buffer b: [1, 8] = ones\n"
        "  output y = x * p + b\n}\n"
    )
    graph = graph_of(text)
    found = cost(graph)
    assert (found.parameters, found.buffers, found.weight_bytes) == (8, 8, 64)
    assert found.nodes[node_of(graph, "p")].parameters == 8


def test_weight_bytes_are_those_of_the_state_dict() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 5), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 28 * 28, 10))
    text = (
        "network n {\n  input image: float32[N, 3, 32, 32]\n"
        "  output y = image -> layers: { conv2d(6, 5) -> batch_norm2d -> relu -> flatten -> linear(10) }\n}\n"
    )
    held = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    assert cost(graph_of(text)).weight_bytes == held


class Mixed(nn.Module):
    """Grouped, dilated and transposed convolutions, and attention by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(4, 8, (3, 5), stride=(2, 1), padding=(1, 2), dilation=2, groups=2)
        self.b = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1)
        self.c = nn.Linear(6, 12)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.b(F.relu(self.a(x))).flatten(2).transpose(1, 2)
        q = self.c(x)
        return F.scaled_dot_product_attention(q, q, q)


MIXED = """
network mixed {
  input x: float32[2, 4, 12, 13]
  q = x -> a: conv2d(8, [3, 5], stride=[2, 1], padding=[1, 2], dilation=2, groups=2) -> relu
        -> b: conv_transpose2d(6, 3, stride=2, padding=1, output_padding=1)
        -> flatten(2) -> transpose(1, 2) -> c: linear(12)
  output y = scaled_dot_product_attention(q, q, q)
}
"""


def test_macs_are_half_of_what_torch_counts() -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        Mixed()(torch.zeros(2, 4, 12, 13))
    assert cost(graph_of(MIXED)).macs * 2 == counter.get_total_flops()

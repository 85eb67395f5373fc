"""What torch's own compilers ask of a module: one graph without a break, and open sizes that stay open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import dlspec
from dlspec.graph import Graph
from dlspec.lowering.open_axes import OpenAxis, open_axes
from tests.lowering.built import module_of

torch.set_num_threads(1)

slow = pytest.mark.slow
NETWORKS = ["lenet", *(pytest.param(name, marks=slow) for name in ("resnet18", "vgg11_bn", "unet", "vit"))]
SMALL = {"unet": 32}
"""Pixels of a side, where those that the docstring tells of would take long."""


@pytest.fixture(autouse=True)
def fresh_compilers() -> Iterator[None]:
    """Nothing that was compiled for one network counts for the next."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def network_of(name: str, device: str) -> tuple[nn.Module, Graph]:
    from dlspec.lowering import lower

    graph = dlspec.load(name).graph
    torch.manual_seed(0)
    with torch.device(device):
        return module_of(lower(graph), name).build().eval(), graph


def image(graph: Graph, name: str, larger: int = 0, device: str = "cpu") -> Tensor:
    """An image that the network takes: of the least size from 64 pixels up, or of a larger one."""
    (axes,) = open_axes(graph).values()
    sizes = []
    for place, axis in enumerate(axes):
        if isinstance(axis, int):
            sizes.append(axis)
        else:
            wanted = 2 if place == 0 else SMALL.get(name, 64)
            steps = max(0, -(-(wanted - axis.first) // axis.step))
            sizes.append(axis.first + (steps + larger) * axis.step)
    return torch.rand(sizes, device=device)


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_it_compiles_as_one_graph(name: str) -> None:
    network, graph = network_of(name, "cpu")
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    x = image(graph, name)
    torch.testing.assert_close(compiled(x), network(x))


def test_a_training_step_compiles_as_one_graph() -> None:
    network, graph = network_of("lenet", "cpu")
    compiled = torch.compile(network.train(), fullgraph=True, backend="aot_eager")
    x = image(graph, "lenet")
    compiled(x).square().sum().backward()
    found = {name: weight.grad.clone() for name, weight in network.named_parameters()}
    network.zero_grad()
    network(x).square().sum().backward()
    for name, weight in network.named_parameters():
        torch.testing.assert_close(found[name], weight.grad)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_exports_with_its_open_sizes(name: str) -> None:
    """Weights are on the meta device: shapes are what is exported here, values are those of `torch.export`'s own tests."""
    network, graph = network_of(name, "meta")
    program = torch.export.export(
        network,
        (image(graph, name, device="meta"),),
        dynamic_shapes=[dynamic(graph)],
        strict=False,
        prefer_deferred_runtime_asserts_over_guards=True,  # a map of one pixel is a special case of torch's own
    ).module()
    for larger in (0, 1, 3):
        x = image(graph, name, larger, device="meta")
        assert program(x).shape == network(x).shape


def dynamic(graph: Graph) -> dict[int, Any]:
    """The open axes of the input as `torch.export` describes them."""
    (axes,) = open_axes(graph).values()
    found: dict[int, Any] = {}
    dims: dict[str, Any] = {}
    for place, axis in enumerate(axes):
        if isinstance(axis, OpenAxis):
            first = axis.first % axis.step
            low = max((axis.first - first) // axis.step, 1)
            dim = dims.setdefault(axis.name, torch.export.Dim(f"{axis.name}_", min=low, max=4096))
            found[place] = axis.step * dim + first if axis.step > 1 else dim
    return found

"""What a module file says of its network: the receptive field is the one that `dlspec summary` tells."""

from __future__ import annotations

import pytest

import dlspec
from dlspec.analyses.receptive_field import receptive_fields
from dlspec.lowering import lower


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "vit", "tests/architectures/heldout/efficientnet.dls"])
def test_a_network_whose_layers_see_everything_says_so(name: str) -> None:
    graph = dlspec.load(name).graph
    fields = receptive_fields(graph)
    last = [n for n in graph.nodes if n.op.family in ("convolution", "attention") and n.outputs[0].shape[2:] != (1, 1)][
        -1
    ]
    field = fields.of(last)
    assert field is not None
    assert field.is_whole
    assert "receptive field the whole input" in lower(graph).source.split('"""')[1].replace("\n", " ")


@pytest.mark.parametrize(("name", "pixels"), [("alexnet", 195), ("resnet18", 435), ("vgg11", 150)])
def test_a_pooling_behind_the_last_map_does_not_count(name: str, pixels: int) -> None:
    about = lower(dlspec.load(name).graph).source.split('"""')[1].replace("\n", " ")
    assert f"receptive field {pixels} × {pixels}" in about

"""Parts that are computed once more in the backward pass: the same run to the last bit, with less kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from dlspec.training.recompute import recompute
from tests.training.runs import equal, final_weights, plan_of, run

BLOCKS = """from torch import nn


def block(channels, width):
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.2)
    )


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = block(1, 4)
        self.layers = nn.Sequential(block(4, 4), block(4, 4))
        self.head = nn.Linear(256, 10)

    def forward(self, x):
        return self.head(self.layers(self.first(x)).flatten(1))


def build():
    return Network()
"""


@pytest.mark.parametrize("patterns", ['["layers.*"]', '["first", "layers"]'])
def test_a_run_that_computes_parts_again_is_the_same_run(tmp_path: Path, patterns: str) -> None:
    """Weights, statistics of batch norm and the draws of dropout, in spite of a mean of the weights."""
    run(plan_of(epochs="2", ema="0.9"), tmp_path / "plain", BLOCKS)
    run(plan_of(epochs="2", ema="0.9", checkpoint=patterns), tmp_path / "again", BLOCKS)
    assert equal(final_weights(tmp_path / "plain"), final_weights(tmp_path / "again"))


def test_a_resumed_run_may_begin_to_compute_parts_again(tmp_path: Path) -> None:
    run(plan_of(epochs="4"), tmp_path / "plain", BLOCKS)
    run(plan_of(epochs="2"), tmp_path / "changed", BLOCKS)
    run(plan_of(epochs="4", checkpoint='["layers"]'), tmp_path / "changed", BLOCKS, resume=True)
    assert equal(final_weights(tmp_path / "plain"), final_weights(tmp_path / "changed"))


def kept_bytes(module: nn.Module, inputs: torch.Tensor) -> int:
    """What autograd keeps between the passes, told by its own hooks; weights are kept anyway."""
    kept: dict[int, int] = {}
    own = {tensor.data_ptr() for tensor in (*module.parameters(), *module.buffers())}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = module(inputs).sum()
    del loss
    return sum(kept.values())


def test_less_is_kept_between_the_passes() -> None:
    layers = [nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh()) for _ in range(4)]
    module, inputs = nn.Sequential(*layers), torch.rand(2, 4, 16, 16)
    before = kept_bytes(module, inputs)
    assert recompute(module, plan_of(checkpoint='["*"]')) == ["0", "1", "2", "3"]
    assert kept_bytes(module, inputs) < before / 2


def test_the_outermost_part_that_is_covered_is_taken() -> None:
    module = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), nn.Linear(2, 2))
    assert recompute(module, plan_of(checkpoint='["**.0"]')) == ["0"]
    assert recompute(nn.Linear(2, 2), plan_of()) == []

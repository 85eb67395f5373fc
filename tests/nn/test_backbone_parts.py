"""What generated modules take from dlspec.nn, beside what torch has."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dlspec.nn import FrozenBatchNorm2d, LayerNorm2d, StochasticDepth, crop

torch.set_num_threads(1)


def trained() -> nn.BatchNorm2d:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3, eps=1e-3)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    norm(torch.randn(8, 3, 5, 5) * 2 + 1)
    return norm.eval()


def test_a_frozen_batch_norm_gives_what_the_trained_one_gives() -> None:
    norm = trained()
    frozen = FrozenBatchNorm2d(3, eps=1e-3)
    frozen.load_state_dict(norm.state_dict())
    x = torch.randn(2, 3, 4, 6)
    torch.testing.assert_close(frozen(x), norm(x))


def test_a_frozen_batch_norm_has_nothing_to_train_and_is_the_same_in_training() -> None:
    frozen = FrozenBatchNorm2d(3)
    assert list(frozen.parameters()) == []
    assert set(frozen.state_dict()) == {"weight", "bias", "running_mean", "running_var"}
    x = torch.randn(2, 3, 4, 6)
    torch.testing.assert_close(frozen.train()(x), frozen.eval()(x))
    torch.testing.assert_close(frozen(x), x, rtol=1e-4, atol=1e-4)


def test_loading_leaves_the_given_state_as_it_was() -> None:
    state = trained().state_dict()
    FrozenBatchNorm2d(3).load_state_dict(state)
    assert "num_batches_tracked" in state


def test_a_frozen_batch_norm_passes_gradients_on() -> None:
    x = torch.randn(2, 3, 4, 4, requires_grad=True)
    FrozenBatchNorm2d(3)(x).sum().backward()
    assert x.grad is not None


def test_crop_takes_the_middle_the_smaller_half_before() -> None:
    x = torch.arange(7.0).reshape(1, 1, 1, 7)
    assert crop(x, (1, 4)).flatten().tolist() == [1, 2, 3, 4]


def test_crop_begins_at_the_offset() -> None:
    x = torch.arange(20.0).reshape(1, 1, 4, 5)
    assert torch.equal(crop(x, torch.Size((2, 3)), offset=(1, 2)), x[:, :, 1:3, 2:5])


def test_crop_needs_no_graph_break() -> None:
    exported = torch.export.export(Cropping(), (torch.randn(1, 2, 9, 9), torch.randn(1, 3, 5, 6)))
    made = exported.module()(torch.ones(1, 2, 9, 9), torch.ones(1, 3, 5, 6))
    assert made.shape == (1, 2, 5, 6)


class Cropping(nn.Module):
    def forward(self, x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        return crop(x, like.shape[2:])


def test_a_layer_norm_of_a_map_is_one_of_its_positions() -> None:
    torch.manual_seed(0)
    ours, theirs, x = LayerNorm2d(6, eps=1e-6), nn.LayerNorm(6, eps=1e-6), torch.randn(2, 6, 4, 5)
    nn.init.normal_(ours.weight)
    theirs.load_state_dict(ours.state_dict())
    positions = x.flatten(2).transpose(1, 2)
    assert torch.equal(ours(x).flatten(2).transpose(1, 2), theirs(positions))


def test_stochastic_depth_leaves_whole_images_out_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    by_image = StochasticDepth(0.25)(torch.ones(4000, 3, 2)).flatten(1)
    assert torch.equal(by_image, by_image[:, :1].expand_as(by_image))
    assert sorted(set(by_image[:, 0].tolist())) == [0.0, pytest.approx(1 / 0.75)]
    assert by_image.mean().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("layer", [StochasticDepth(0.5).eval(), StochasticDepth(0.0)])
def test_nothing_is_left_out_in_evaluation_or_with_probability_0(layer: nn.Module) -> None:
    x = torch.randn(8, 3)
    assert layer(x) is x

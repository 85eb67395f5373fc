"""A transposed convolution that begins as bilinear interpolation gives what `F.interpolate` gives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlspec.nn import bilinear_

torch.set_num_threads(1)
MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}
MODULES = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def inside(x: Tensor, margin: int) -> Tensor:
    """Without what lies within `margin` of the edges, along every axis after the channels."""
    for axis in range(2, x.dim()):
        x = x.narrow(axis, margin, x.shape[axis] - 2 * margin)
    return x


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_inside_of_the_result_is_interpolated(rank: int, factor: int) -> None:
    """Odd factors have kernels of odd length: one less than twice the factor, or the middle would lie between."""
    kernel = 2 * factor - factor % 2
    module = bilinear_(MODULES[rank](3, 3, kernel, stride=factor, padding=factor // 2))
    x = torch.randn(2, 3, *[5, 4, 3][:rank])
    wanted = F.interpolate(x, scale_factor=factor, mode=MODES[rank], align_corners=False)
    torch.testing.assert_close(inside(module(x), factor), inside(wanted, factor))


def test_groups_carry_their_channels_too() -> None:
    module = bilinear_(nn.ConvTranspose2d(6, 6, 4, stride=2, padding=1, groups=3, bias=False))
    x = torch.randn(1, 6, 4, 5)
    wanted = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(inside(module(x), 2), inside(wanted, 2))


def test_other_channels_than_come_in_are_refused() -> None:
    with pytest.raises(ValueError, match="4 go in, 6 out"):
        bilinear_(nn.ConvTranspose2d(4, 6, 2))


def test_a_module_without_storage_begins_later() -> None:
    with torch.device("meta"):
        assert bilinear_(nn.ConvTranspose2d(4, 4, 2)).weight.is_meta

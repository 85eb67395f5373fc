"""Weights with which a transposed convolution enlarges a map as bilinear interpolation does."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

Transposed = nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d


@torch.no_grad()
def bilinear_(module: Transposed) -> Transposed:
    """Let a transposed convolution begin as interpolation of every channel by itself; gives the module back.

    Weights fall off linearly from the middle of the filter along each axis, as in FCN (Long, Shelhamer, Darrell; 2015,
    section 3.3). With a kernel twice as long as the stride the inside of the result is that of `F.interpolate` without
    aligned corners. An offset begins as 0.
    Raises ValueError where other channels come out than go in.
    """
    if module.in_channels != module.out_channels:
        raise ValueError(f"each channel is carried to itself: {module.in_channels} go in, {module.out_channels} out")
    weight, per_group = module.weight, module.out_channels // module.groups
    channels = torch.arange(module.in_channels, device=weight.device)
    weight.zero_()
    weight[channels, channels % per_group] = _outer([_slope(length).to(weight) for length in module.kernel_size])
    if module.bias is not None:
        module.bias.zero_()
    return module


def _slope(length: int) -> Tensor:
    """A filter along one axis: 1 at its middle, less by the same amount with each step away from there."""
    reach = (length + 1) // 2
    return 1 - (torch.arange(length) - (length - 1) / 2).abs() / reach


def _outer(slopes: list[Tensor]) -> Tensor:
    return math.prod(
        (slope.view([-1 if place == axis else 1 for place in range(len(slopes))]) for axis, slope in enumerate(slopes)),
        start=torch.ones(()),
    )

"""The weights with which a transposed convolution enlarges a map by bilinear interpolation."""

from __future__ import annotations

import torch
from torch import Tensor


def bilinear_weight(channels: int, kernel_size: int) -> Tensor:
    """Each channel enlarged by itself: Long et al., "Fully Convolutional Networks" (2015), section 3.3.

    A transposed convolution of stride s enlarges by s with a kernel of 2s (or 2s - 1).

    Shapes: (channels, channels, kernel_size, kernel_size), zero off the diagonal.
    """
    stride = (kernel_size + 1) // 2
    centre = stride - 1 if kernel_size % 2 else stride - 0.5
    hat = 1 - (torch.arange(kernel_size) - centre).abs() / stride
    weight = torch.zeros(channels, channels, kernel_size, kernel_size)
    every = torch.arange(channels)
    weight[every, every] = torch.outer(hat, hat)
    return weight

"""Whole numbers of pixels at another size: each place takes the nearest pixel of the source."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def nearest(pixels: Tensor, size: Sequence[int]) -> Tensor:
    """Whole numbers (M, H, W) at another height and width."""
    if tuple(pixels.shape[1:]) == tuple(size) or not len(pixels):
        return pixels.reshape(len(pixels), *size)
    grown = F.interpolate(pixels[:, None].float(), tuple(size), mode="nearest-exact")[:, 0]
    return grown.to(pixels.dtype)

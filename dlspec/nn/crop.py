"""Cutting a map to the size of another, as U-Net and the FCNs do before they join."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def crop(x: Tensor, size: Sequence[int], offset: Sequence[int] | None = None) -> Tensor:
    """Cut the axes after batch and channels to `size`: from the middle, or from an offset.

    Shapes: (N, C, *S) -> (N, C, *size). Where the margin is odd, the smaller half goes before.
    """
    for axis, length in enumerate(size, 2):
        begin = (x.shape[axis] - length) // 2 if offset is None else offset[axis - 2]
        x = x.narrow(axis, begin, length)
    return x

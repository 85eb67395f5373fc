"""Regions of a feature pyramid: which level each is read from, and the reading."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from dlspec.nn.boxes import box_area
from dlspec.nn.programs import in_program
from dlspec.nn.roi_align import aligned_regions, roi_align
from dlspec.nn.torchvision_kernels import compiled


def assign_levels(
    boxes: Tensor, k_min: int, k_max: int, canonical_scale: int = 224, canonical_level: int = 4, eps: float = 1e-6
) -> Tensor:
    """The level of each box, counted from `k_min`.

    A box of `canonical_scale` pixels goes to `canonical_level`, one of half that size to the level below.
    Lin et al., "Feature Pyramid Networks" (2017), equation 1. Shapes: (R, 4) -> (R), int64.
    """
    size = box_area(boxes).sqrt()
    level = torch.floor(canonical_level + torch.log2(size / canonical_scale) + eps)
    return level.clamp(k_min, k_max).long() - k_min


def multi_scale_roi_align(
    features: Sequence[Tensor],
    rois: Tensor,
    spatial_scales: Sequence[float],
    output_size: int | Sequence[int],
    sampling_ratio: int = 2,
    canonical_scale: int = 224,
    canonical_level: int = 4,
) -> Tensor:
    """RoI align of each region from the level that fits its size.

    `spatial_scales` take the image's pixels to a level's: 1/4, 1/8, and on, each half of the one before.
    Shapes: L of (N, C, h, w), (R, 5) -> (R, C, *output_size). Differentiable in `features`.
    """
    size = (output_size, output_size) if isinstance(output_size, int) else (output_size[0], output_size[1])
    k_min, k_max = (round(-math.log2(scale)) for scale in (spatial_scales[0], spatial_scales[-1]))
    levels = assign_levels(rois[:, 1:], k_min, k_max, canonical_scale, canonical_level)
    if in_program() or compiled("roi_align"):
        return _level_by_level(features, rois, size, spatial_scales, levels, sampling_ratio)
    return aligned_regions(features, rois, size, spatial_scales, levels, sampling_ratio)


def _level_by_level(
    features: Sequence[Tensor],
    rois: Tensor,
    size: tuple[int, int],
    scales: Sequence[float],
    levels: Tensor,
    sampling_ratio: int,
) -> Tensor:
    pooled = features[0].new_zeros(rois.shape[0], features[0].shape[1], *size)
    for level, (feature, scale) in enumerate(zip(features, scales)):
        rows = torch.nonzero(levels == level).squeeze(1)
        pooled = pooled.index_copy(0, rows, roi_align(feature, rois[rows], size, scale, sampling_ratio))
    return pooled

"""Anchors: boxes of a few sizes and shapes over every cell of the feature maps, which a detector corrects.

Ren et al., "Faster R-CNN" (2015), section 3.1.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Ratios = Sequence[float] | Sequence[Sequence[float]]


def anchor_boxes(
    features: Sequence[Tensor], image: Tensor | Sequence[int], sizes: Sequence[Sequence[int]], aspect_ratios: Ratios
) -> list[Tensor]:
    """The anchors of each level: cell by cell in reading order, the shapes of a cell together.

    `sizes` has a list for each level; `aspect_ratios` (height over width) too, or one list for all. The stride of a
    level is the image's size by the map's, rounded down.

    Shapes: L of (N, C, h, w), and the image (N, C, H, W) or its (H, W) -> L of (h·w·shapes, 4).
    """
    height, width = image.shape[-2:] if isinstance(image, Tensor) else image
    ratios = _by_level(aspect_ratios, len(features))
    levels = []
    for feature, level_sizes, level_ratios in zip(features, sizes, ratios):
        rows, columns = feature.shape[-2:]
        shapes = cell_anchors(level_sizes, level_ratios).to(feature.device, non_blocking=True)
        corners = _corners((rows, columns), (height // rows, width // columns), feature.device)
        levels.append(
            (corners.unsqueeze(1) + shapes).flatten(0, 1).to(torch.promote_types(feature.dtype, torch.float32))
        )
    return levels


def cell_anchors(sizes: Sequence[int], aspect_ratios: Sequence[float]) -> Tensor:
    """The anchors of one cell about (0, 0), rounded to whole pixels: ratio by ratio, of each every size.

    A ratio r makes an area of size² stand r times as high as wide. Shapes: S sizes, A ratios -> (A·S, 4).
    """
    heights = torch.sqrt(torch.tensor(aspect_ratios, dtype=torch.float32))
    scales = torch.tensor(sizes, dtype=torch.float32)
    halves = [(side.unsqueeze(1) * scales).flatten() / 2 for side in (1 / heights, heights)]
    width, height = halves
    return torch.stack([-width, -height, width, height], dim=1).round()


def _by_level(aspect_ratios: Ratios, levels: int) -> list[Sequence[float]]:
    """A list of ratios for each level, where one may be given for all."""
    lists = [ratios for ratios in aspect_ratios if isinstance(ratios, Sequence)]
    return lists or [[ratio for ratio in aspect_ratios if not isinstance(ratio, Sequence)]] * levels


def _corners(cells: tuple[int, int], stride: tuple[int, int], device: torch.device) -> Tensor:
    y, x = (torch.arange(count, dtype=torch.float32, device=device) * step for count, step in zip(cells, stride))
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows, columns, rows], dim=-1).flatten(0, 1)

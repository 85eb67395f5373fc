"""Boxes, masks and class maps that go where augmentation moves their image, by the same matrices.

Boxes are half-open, so that a mirrored one holds the very pixels that it held. What leaves the image is clipped, and
an object of which too little is left is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from dlspec.training.objects import Objects, boxes_around
from dlspec.training.ragged import Size

VISIBLE = 0.25
"""The share of an object that must still be seen for it to be asked for."""


Kind = TypeVar("Kind", Tensor, Objects)


def followed(targets: Kind, matrix: Tensor, offset: Tensor, size: Size) -> Kind:
    """Targets of images of one size seen through maps; classes and numbers of whole images stay as they are.

    `matrix` (N, 2, 2) and `offset` (N, 2) map a place of the result to the place of the image that it shows, in pixels
    from the centre. Beyond the edge class maps are 0, as images are.
    """
    if isinstance(targets, Objects):
        return _objects(targets, matrix, offset, size)
    if targets.dim() == 3 and targets.dtype == torch.int64:
        return seen_through(targets[:, None].float(), matrix, offset)[:, 0].long()
    return targets


def seen_through(pixels: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """Pixels (N, C, H, W) through a map each, every place of the result the nearest pixel of the source."""
    height, width = pixels.shape[-2:]
    half = torch.tensor([width / 2, height / 2], dtype=matrix.dtype, device=matrix.device)
    scaled = torch.cat([matrix * half / half[:, None], (offset / half)[:, :, None]], dim=2)
    grid = F.affine_grid(scaled, list(pixels.shape), align_corners=False)
    sampled: Tensor = F.grid_sample(pixels, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return sampled


def _objects(objects: Objects, matrix: Tensor, offset: Tensor, size: Sequence[int]) -> Objects:
    inverse = torch.linalg.inv(matrix)
    grown = torch.linalg.det(inverse).abs()
    result = Objects([], [], [])
    for place, (boxes, labels) in enumerate(zip(objects.boxes, objects.labels, strict=True)):
        if objects.masks:
            moved, share = _masks(objects.masks[place], matrix[place], offset[place], float(grown[place]))
            around = boxes_around(moved)
        else:
            around, share = _boxes(boxes, inverse[place], offset[place], size)
        kept = share >= VISIBLE
        result.boxes.append(around[kept])
        result.labels.append(labels[kept])
        if objects.masks:
            result.masks.append(moved[kept])
        if objects.proposals:
            regions, seen = _boxes(objects.proposals[place], inverse[place], offset[place], size)
            result.proposals.append(regions[seen >= VISIBLE])
    return result


def _masks(masks: Tensor, matrix: Tensor, offset: Tensor, grown: float) -> tuple[Tensor, Tensor]:
    """Masks (M, H, W) moved together, and the share of its pixels that each keeps."""
    moved = seen_through(masks[None].to(matrix.dtype), matrix[None], offset[None])[0].to(masks.dtype)
    before, after = (one.flatten(1).sum(1, dtype=torch.float32) for one in (masks, moved))
    return moved, after / (before * grown).clamp(min=1)


def _boxes(boxes: Tensor, inverse: Tensor, offset: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The boxes around the moved corners of boxes (M, 4), clipped, and the share of its area that each keeps."""
    height, width = size
    edge = boxes.new_tensor([width, height])
    x1, y1, x2, y2 = boxes.unbind(1)
    corners = torch.stack([torch.stack([x, y], 1) for x in (x1, x2) for y in (y1, y2)], 1)  # (M, 4, 2)
    moved = (corners - edge / 2 - offset) @ inverse.T + edge / 2
    low, high = moved.amin(1), moved.amax(1)
    clipped = torch.cat([torch.minimum(one.clamp(min=0), edge) for one in (low, high)], 1)
    sides = clipped[:, 2:] - clipped[:, :2]
    return clipped, sides.prod(1) / (high - low).prod(1).clamp(min=1e-6)

"""Where a batch is made of images of one size, and none is padded."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.nn.programs import in_program


def image_sizes(images: Tensor) -> Tensor:
    """Height and width of every image of a batch that is not padded. Shapes: (N, C, H, W) -> (N, 2), int64."""
    if in_program():  # where sizes are open, and no numbers to make a tensor of
        return alike(images.shape[0], images.shape[2], images.shape[3], images.device)
    return torch.tensor([images.shape[-2:]], device=images.device).expand(len(images), 2)


def alike(count: int, height: int, width: int, device: torch.device) -> Tensor:
    """So many times the same size. Shapes: -> (count, 2), int64."""
    sides = [torch.full((count,), side, dtype=torch.int64, device=device) for side in (height, width)]
    return torch.stack(sides, dim=1)

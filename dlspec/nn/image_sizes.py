"""Where a batch is made of images of one size, and none is padded."""

from __future__ import annotations

import torch
from torch import Tensor


def image_sizes(images: Tensor) -> Tensor:
    """Height and width of every image of a batch that is not padded. Shapes: (N, C, H, W) -> (N, 2), int64."""
    return torch.tensor([images.shape[-2:]], device=images.device).expand(len(images), 2)

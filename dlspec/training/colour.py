"""Changes of colour, one matrix for each image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dlspec.plan.augmentations import ColorJitter
from dlspec.training.errors import RunError

GREY = (0.299, 0.587, 0.114)
"""How bright red, green and blue look (ITU-R BT.601)."""

TO_YIQ = ((0.299, 0.587, 0.114), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))
"""From red, green and blue to brightness and two of colour, which a turn of hue turns (NTSC)."""


def jittered(change: ColorJitter, images: Tensor, number: Tensor) -> Tensor:
    """Images (N, C, H, W) in 0..1 after the changes that four numbers in [0, 1) a sample (N, 4) say, kept in 0..1."""
    if images.shape[1] != 3 and (change.saturation or change.hue):
        raise RunError(f"`color_jitter` changes colours, and images have {images.shape[1]} channels", "leave them 0")
    either = 2 * number - 1
    reach = (change.brightness, change.contrast, change.saturation)
    brightness, contrast, saturation = ((1 + far * either[:, place]).clamp(min=0) for place, far in enumerate(reach))
    images = (images * brightness[:, None, None, None]).clamp(0, 1)
    mean = _grey(images).mean((1, 2, 3), keepdim=True)
    images = (mean + (images - mean) * contrast[:, None, None, None]).clamp(0, 1)
    if change.saturation or change.hue:
        matrix = _saturated(saturation) @ _turned(2 * math.pi * change.hue * either[:, 3])
        images = torch.einsum("nij,njhw->nihw", matrix, images).clamp(0, 1)
    return images


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] != 3:
        return images
    return torch.einsum("i,nihw->nhw", images.new_tensor(GREY), images)[:, None]


def _saturated(factor: Tensor) -> Tensor:
    """Matrices (N, 3, 3) between grey, at 0, and the colours as they are, at 1."""
    grey = factor.new_tensor(GREY).expand(3, 3)
    return grey + (torch.eye(3, dtype=factor.dtype, device=factor.device) - grey) * factor[:, None, None]


def _turned(angle: Tensor) -> Tensor:
    """Matrices (N, 3, 3) that turn hue and leave brightness."""
    there = angle.new_tensor(TO_YIQ)
    cos, sin, one, zero = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).unflatten(1, (3, 3))
    matrices: Tensor = torch.linalg.inv(there) @ turn @ there
    return matrices

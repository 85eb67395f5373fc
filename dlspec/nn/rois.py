"""Between lists with one entry per image and flat tensors whose rows carry an image index."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dlspec.nn.programs import OfAllImages, in_program


def rois_from_boxes(boxes: Sequence[Tensor] | Tensor) -> Tensor:
    """The boxes of all images, each row opened by the index of its image; a tensor of such rows stays what it is.

    Shapes: N of (M, 4), or rows (R, 5) -> (R, 5).
    """
    if isinstance(boxes, Tensor) and boxes.ndim == 2:
        return boxes
    flat = torch.cat(list(boxes))
    counts = torch.tensor([len(some) for some in boxes])
    index = torch.repeat_interleave(torch.arange(len(boxes)), counts).to(flat.device, non_blocking=True)
    return torch.cat([index.unsqueeze(1).to(flat.dtype), flat], dim=1)


def per_image(values: Tensor, rois: Tensor, sizes: Tensor) -> list[Tensor]:
    """The rows of each image, as a list; `sizes` tells how many images there are. A program has all rows together.

    Shapes: (R, ...), (R, 5) sorted by image, (N, 2) -> N of (M, ...).
    """
    images = image_index(rois)
    if in_program():
        return OfAllImages(values, images)
    if len(sizes) == 1:
        return [values]
    return list(values.split(torch.bincount(images, minlength=len(sizes)).tolist()))


def image_index(rois: Tensor) -> Tensor:
    """The image of each row, as integers. Shapes: (R, 5) or (R) -> (R)."""
    return (rois[:, 0] if rois.ndim == 2 else rois).long()


def padded(values: Sequence[Tensor], fill: float = 0) -> tuple[Tensor, Tensor]:
    """The entries of a list under each other, filled up to the longest; and which rows are real.

    Shapes: N of (M, ...) -> (N, most M, ...), (N, most M) bool.
    """
    together = torch.nn.utils.rnn.pad_sequence(list(values), batch_first=True, padding_value=fill)
    counts = torch.tensor([len(some) for some in values]).to(together.device, non_blocking=True)
    return together, torch.arange(together.shape[1], device=together.device) < counts.unsqueeze(1)

"""Masks of instances: cut from the truth to learn from, and pasted into the image to be seen.

Both are interpolation along rows and along columns, so each is a product of a mask with a matrix on either side.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dlspec.nn.precision import single_at_least
from dlspec.nn.programs import OfAllImages, in_program
from dlspec.nn.roi_align import axis_reads
from dlspec.nn.rois import image_index, per_image
from dlspec.nn.shared_batch import divisor

# Pixels of masks gathered at a time, while the truth is cut to regions.
_MOST_PIXELS = 1 << 24


def maskrcnn_loss(
    mask_logits: Tensor, rois: Tensor, labels: Tensor, matched: Tensor, masks: Sequence[Tensor]
) -> Tensor:
    """Cross-entropy of each pixel of the mask predicted for the own class; 0, with gradients of 0, where there is none.

    He et al., "Mask R-CNN" (2017), section 3. `matched` is the object of each region, within its image.

    Shapes: (F, K, m, m), (F, 5), (F) in 1..K-1, (F), N of (M, h, w) -> ().
    """
    images = image_index(rois)
    counts = torch.tensor([0] + [len(some) for some in masks]).cumsum(0).to(rois.device)
    truth, sizes = _together(masks, rois.device)
    numbers = counts[images] + matched
    targets = _cut(truth, sizes, rois[:, 1:], numbers, mask_logits.shape[-1])
    own = single_at_least(mask_logits[torch.arange(mask_logits.shape[0], device=rois.device), labels])
    loss = functional.binary_cross_entropy_with_logits(own, targets, reduction="sum")
    return loss / divisor(own.numel(), own)


def project_masks_on_boxes(masks: Tensor, boxes: Tensor, matched: Tensor, size: int) -> Tensor:
    """The part of a mask that lies in a box, averaged to `size` x `size`.

    Shapes: (M, h, w), (R, 4), (R) -> (R, size, size).
    """
    truth, sizes = _together([masks], boxes.device)
    return _cut(truth, sizes, boxes, matched, size)


def _together(masks: Sequence[Tensor], device: torch.device) -> tuple[Tensor, Tensor]:
    """The masks of all images, filled up to the largest, and the size of each.

    Shapes: N of (M, h, w) -> (O, H, W), (O, 2).
    """
    height, width = (max(some.shape[axis] for some in masks) for axis in (1, 2))
    sizes = torch.cat([torch.tensor(some.shape[1:]).expand(len(some), 2) for some in masks])
    if any(some.shape[1:] != (height, width) for some in masks):
        masks = [functional.pad(some, (0, width - some.shape[2], 0, height - some.shape[1])) for some in masks]
    return torch.cat(list(masks)), sizes.to(device)


def _cut(truth: Tensor, sizes: Tensor, boxes: Tensor, numbers: Tensor, size: int) -> Tensor:
    """RoI align of one mask for each box. Shapes: (O, H, W), (O, 2), (R, 4), (R) -> (R, size, size)."""
    if not len(boxes):
        return boxes.new_zeros(0, size, size)
    starts, ends = single_at_least(boxes.detach()).split(2, dim=1)
    lengths, extents = (ends - starts).clamp(min=1), sizes[numbers]
    columns = axis_reads(starts[:, 0], lengths[:, 0], size, extents[:, 1], -1)
    rows = axis_reads(starts[:, 1], lengths[:, 1], size, extents[:, 0], -1)
    down, across = _matrix(rows, truth.shape[1]), _matrix(columns, truth.shape[2])
    step = max(1, _MOST_PIXELS // truth[0].numel())
    parts = [
        down[begin : begin + step]
        @ truth[numbers[begin : begin + step]].to(down.dtype)
        @ across[begin : begin + step].mT
        for begin in range(0, len(boxes), step)
    ]
    return torch.cat(parts)


def _matrix(reads: tuple[Tensor, Tensor], extent: int) -> Tensor:
    """Pixels and weights of each bin as rows of a matrix. Shapes: (R, bins, reads) twice -> (R, bins, extent)."""
    places, weights = reads
    return weights.new_zeros(*places.shape[:2], extent).scatter_add_(2, places, weights)


def maskrcnn_inference(mask_logits: Tensor, labels: Tensor) -> Tensor:
    """The chance of each pixel in the mask of the own class. Shapes: (D, K, m, m), (D) -> (D, 1, m, m)."""
    rows = torch.arange(mask_logits.shape[0], device=labels.device)
    return single_at_least(mask_logits[rows, labels]).sigmoid().unsqueeze(1)


def paste_masks(mask_logits: Tensor, labels: Tensor, rois: Tensor, originals: Tensor) -> list[Tensor]:
    """The masks of what was found, in the pixels of the images as given, as chances.

    Shapes: (D, K, m, m), (D), (D, 5), (N, 2) heights and widths -> N of (d, 1, h, w).
    """
    masks = per_image(maskrcnn_inference(mask_logits, labels), rois, originals)
    boxes = per_image(rois[:, 1:], rois, originals)
    sizes: list[list[int]] = [originals[0].tolist()] if in_program() else originals.tolist()
    pasted = [paste_masks_in_image(mask, box, size) for mask, box, size in zip(masks, boxes, sizes)]
    return OfAllImages(pasted[0], image_index(rois)) if in_program() else pasted


def paste_masks_in_image(masks: Tensor, boxes: Tensor, img_shape: Sequence[int], padding: int = 1) -> Tensor:
    """Masks stretched to their boxes, and zero outside.

    A margin of `padding` pixels is put around the masks, and the boxes grow in proportion, so that borders fade. The
    boxes are then cut to whole pixels, both ends included, as torchvision does.

    Shapes: (D, 1, m, m), (D, 4) -> (D, 1, *img_shape).
    """
    size = masks.shape[-1]
    margin = functional.pad(masks[:, 0], (padding,) * 4)
    centres, halves = (boxes[:, 2:] + boxes[:, :2]) * 0.5, (boxes[:, 2:] - boxes[:, :2]) * 0.5
    halves = halves * ((size + 2 * padding) / size)
    first, last = (centres - halves).long(), (centres + halves).long()
    lengths = (last - first + 1).clamp(min=1)
    down, across = (
        _stretch(first[:, axis], lengths[:, axis], size + 2 * padding, extent).to(masks.dtype)
        for axis, extent in ((1, img_shape[0]), (0, img_shape[1]))
    )
    return (down @ margin @ across.mT).unsqueeze(1)


def _stretch(first: Tensor, length: Tensor, size: int, extent: int) -> Tensor:
    """Linear interpolation of `size` values over `length` pixels from `first`, as a matrix.

    Shapes: (D), (D) -> (D, extent, size).
    """
    pixel = torch.arange(extent, device=first.device) - first.unsqueeze(1)
    inside = (pixel >= 0) & (pixel < length.unsqueeze(1))
    step = torch.full_like(length, size) / length  # a number by a tensor would be its reciprocal times the number
    at = (step.unsqueeze(1) * (pixel + 0.5) - 0.5).clamp(0, size - 1)
    weights = (1 - (at.unsqueeze(2) - torch.arange(size, device=first.device)).abs()).clamp(min=0)
    return weights * inside.unsqueeze(2)

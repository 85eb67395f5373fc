"""Images of different sizes as one batch: normalised, resized, filled up with zeros; boxes and masks with them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dlspec.nn.image_sizes import alike
from dlspec.nn.programs import in_program
from dlspec.nn.rois import image_index


def batch_images(
    images: Sequence[Tensor] | Tensor,
    min_size: int = 800,
    max_size: int = 1333,
    image_mean: Sequence[float] | None = None,
    image_std: Sequence[float] | None = None,
    size_divisible: int = 32,
) -> tuple[Tensor, Tensor, Tensor]:
    """The images as one tensor, their sizes in it, and their sizes as given.

    The shorter side becomes `min_size`, or less where the longer would pass `max_size`; the batch is as high and wide
    as its largest, rounded up to a multiple of `size_divisible`. Nothing is normalised without mean and deviation.

    Shapes: N of (C, h, w), or (N, C, h, w) -> (N, C, H, W), (N, 2), (N, 2), int64 heights and widths.
    """
    if in_program():
        assert isinstance(images, Tensor)  # a program takes images of one size
        return _batch_in_program(images, min_size, max_size, image_mean, image_std, size_divisible)
    originals = [(image.shape[-2], image.shape[-1]) for image in images]
    sizes = [_resized(*size, min_size, max_size) for size in originals]
    height, width = (_up(max(size[axis] for size in sizes), size_divisible) for axis in (0, 1))
    if isinstance(images, Tensor):
        batch = _fitted(images, sizes[0], image_mean, image_std)
        batch = functional.pad(batch, (0, width - batch.shape[-1], 0, height - batch.shape[-2]))
    else:
        batch = images[0].new_zeros(len(images), images[0].shape[0], height, width)
        for place, image, size in zip(batch, images, sizes):
            place[:, : size[0], : size[1]] = _fitted(image.unsqueeze(0), size, image_mean, image_std)[0]
    return batch, torch.tensor(sizes).to(batch.device), torch.tensor(originals).to(batch.device)


def _batch_in_program(
    images: Tensor, min_size: int, max_size: int, mean: Sequence[float] | None, std: Sequence[float] | None,
    size_divisible: int,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The same of images of one size that only a run knows. Shapes: (N, C, h, w) -> (N, C, H, W), (N, 2), (N, 2)."""
    count, _, height, width = images.shape
    originals = alike(count, height, width, images.device)
    sizes = _resized_in_program(originals[0], min_size, max_size)
    blocks = torch.div(sizes + (size_divisible - 1), size_divisible, rounding_mode="floor")
    high, wide, rows, columns = (value.item() for value in torch.cat([sizes, blocks]))
    for side, least in ((high, 2), (wide, 2), (rows, 1), (columns, 1)):
        torch._check(side >= least)
    batch = functional.interpolate(_normalised(images, mean, std), size=(high, wide), mode="bilinear")
    batch = functional.pad(batch, (0, columns * size_divisible - wide, 0, rows * size_divisible - high))
    return batch, sizes.expand(count, 2), originals


def _resized_in_program(size: Tensor, min_size: int, max_size: int) -> Tensor:
    """As `_resized`, in double precision and divided, not multiplied by a reciprocal. Shapes: (2) -> (2), int64."""
    sides = size.double()
    shorter, longer = torch.minimum(*sides), torch.maximum(*sides)
    scale = torch.minimum(torch.full_like(shorter, min_size) / shorter, torch.full_like(longer, max_size) / longer)
    return (sides * scale).long()


def _resized(height: int, width: int, min_size: int, max_size: int) -> tuple[int, int]:
    scale = min(min_size / min(height, width), max_size / max(height, width))
    return int(height * scale), int(width * scale)


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _fitted(images: Tensor, size: tuple[int, int], mean: Sequence[float] | None, std: Sequence[float] | None) -> Tensor:
    images = _normalised(images, mean, std)
    if images.shape[-2:] == size:
        return images
    return functional.interpolate(images, size=size, mode="bilinear", align_corners=False)


def _normalised(images: Tensor, mean: Sequence[float] | None, std: Sequence[float] | None) -> Tensor:
    if mean is not None:
        images = images - images.new_tensor(mean).view(-1, 1, 1)
    if std is not None:
        images = images / images.new_tensor(std).view(-1, 1, 1)
    return images


def resize_boxes(boxes: Sequence[Tensor], old_sizes: Tensor, new_sizes: Tensor) -> list[Tensor]:
    """The boxes of each image after it was resized. Shapes: N of (M, 4), (N, 2), (N, 2) -> N of (M, 4)."""
    factors = _factors(old_sizes, new_sizes)
    return [some * factor for some, factor in zip(boxes, factors)]


def resize_rois(rois: Tensor, old_sizes: Tensor, new_sizes: Tensor) -> Tensor:
    """The regions of all images after these were resized. Shapes: (R, 5), (N, 2), (N, 2) -> (R, 5)."""
    boxes = rois[:, 1:] * _factors(old_sizes, new_sizes)[image_index(rois)]
    return torch.cat([rois[:, :1], boxes], dim=1)


def _factors(old_sizes: Tensor, new_sizes: Tensor) -> Tensor:
    """What x1, y1, x2, y2 are multiplied with. Shapes: (N, 2), (N, 2) -> (N, 4)."""
    ratios = new_sizes.float() / old_sizes.float()
    return ratios.flip(1).repeat(1, 2)


def resize_masks(masks: Sequence[Tensor], sizes: Tensor) -> list[Tensor]:
    """The masks of each image after it was resized, each pixel the nearest.

    Shapes: N of (M, h, w), (N, 2) -> N of (M, H, W).
    """
    wanted: list[list[int]] = sizes.tolist()
    return [
        some
        if list(some.shape[1:]) == size
        else functional.interpolate(some.unsqueeze(1).float(), size=size).squeeze(1).to(some.dtype)
        for some, size in zip(masks, wanted)
    ]

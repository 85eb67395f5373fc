"""Augmentation of image batches: one affine matrix per sample, then changes of values.

All geometry is composed into one matrix and read with one bilinear sampling, so that an image
is blurred once, and so that masks and boxes can follow the same matrix. Matrices map a place of
the result to the place of the image that it shows; places are in pixels from the centre.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dlspec.plan import augmentations as named
from dlspec.plan.augmentations import Augmentation
from dlspec.training import draws
from dlspec.training.by_kornia import by_kornia, refuse_movers
from dlspec.training.colour import jittered
from dlspec.training.following import Kind, followed
from dlspec.training.objects import Objects, Targets, joined
from dlspec.training.ragged import Extent, Images, Ragged, Size

DRAWS = 4
"""Numbers that an augmentation may draw for a sample, noise apart."""

NOISE_STREAM = 0x6E6F697365
"""What sets the numbers of noise apart from the others of the same seed."""


class Augmenter:
    """Augments batches; what a sample becomes depends on (seed, epoch, sample) alone."""

    def __init__(self, changes: Sequence[Augmentation], seed: int) -> None:
        self.changes = tuple(changes)
        self.seed = seed
        self.geometric = any(change.geometric for change in changes)

    def __call__(self, images: Images, samples: Tensor, epoch: int) -> Images:
        """Images (N, C, H, W) in 0..1, or of several sizes, the numbers of the samples (N), to images of the same."""
        if not self.changes:
            return images
        if isinstance(images, Tensor):
            return self._changed(images, samples, epoch)
        own = samples.split(1)
        return Ragged([self._changed(one[None], row, epoch)[0] for one, row in zip(images, own, strict=True)])

    def _changed(self, images: Tensor, samples: Tensor, epoch: int) -> Tensor:
        numbers = self._numbers(samples, epoch, images.dtype)
        if self.geometric:
            images = moved(images, *self._matrix(numbers, images.shape[-2:]))
        for change, number in zip(self.changes, numbers, strict=True):
            match change:
                case named.Noise():
                    noise = draws.normal(self.seed ^ NOISE_STREAM, epoch, samples, images[0].numel())
                    images = images + change.std * noise.to(images.dtype).view_as(images)
                case named.Erase():
                    images = images * kept(change, number, images.shape[-2:])
                case named.ColorJitter():
                    images = jittered(change, images, number)
                case named.Kornia():
                    images = by_kornia(change.operator, images, self.seed, epoch, samples)
                case named.Brightness():
                    images = images * (1 + change.change * _either_way(number[:, 0]))[:, None, None, None]
                case named.Contrast():
                    mean = images.mean((1, 2, 3), keepdim=True)
                    factor = (1 + change.change * _either_way(number[:, 0]))[:, None, None, None]
                    images = mean + (images - mean) * factor
        return images

    def followed(self, targets: Targets, samples: Tensor, epoch: int, extent: Extent) -> Targets:
        """Boxes, masks and class maps where the same call moves their images; other targets as they are."""
        if isinstance(targets, Tensor) and targets.dim() != 3:
            return targets
        refuse_movers(self.changes)
        if not self.geometric:
            return targets
        numbers = self._numbers(samples, epoch, torch.float32)
        if not isinstance(extent, list):
            size = (extent[0], extent[1])
            moved: Targets = (
                self._moved(targets, numbers, size)
                if isinstance(targets, Objects) else self._moved(_one_size(targets), numbers, size)
            )  # fmt: skip
            return moved
        each = [[number[place : place + 1] for number in numbers] for place in range(len(samples))]
        if isinstance(targets, Objects):
            own = zip(targets, each, extent, strict=True)
            return joined([self._moved(objects, drawn, size) for objects, drawn, size in own])
        assert isinstance(targets, Ragged)
        maps = zip(targets, each, extent, strict=True)
        return Ragged([self._moved(one[None], drawn, size)[0] for one, drawn, size in maps])

    def _moved(self, targets: Kind, numbers: Sequence[Tensor], size: Size) -> Kind:
        """Targets of images of one size."""
        return followed(targets, *self._matrix(numbers, size), size)

    def _numbers(self, samples: Tensor, epoch: int, dtype: torch.dtype) -> Sequence[Tensor]:
        """What each change draws: (N, DRAWS) in [0, 1)."""
        drawn = draws.uniform(self.seed, epoch, samples, DRAWS * len(self.changes)).to(dtype)
        numbers: Sequence[Tensor] = drawn.unflatten(1, (len(self.changes), DRAWS)).unbind(1)
        return numbers

    def _matrix(self, numbers: Sequence[Tensor], size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The composed map: matrices (N, 2, 2) and offsets (N, 2), x before y."""
        count = len(numbers[0])
        matrix = torch.eye(2, dtype=numbers[0].dtype, device=numbers[0].device).expand(count, 2, 2)
        offset = matrix.new_zeros(count, 2)
        for change, number in zip(self.changes, numbers, strict=True):
            if change.geometric:
                turn, shift = GEOMETRY[type(change)](change, number, size)
                offset = offset + (matrix @ shift[:, :, None]).squeeze(2)
                matrix = matrix @ turn
        return matrix, offset


def _one_size(targets: Targets) -> Tensor:
    assert isinstance(targets, Tensor), "images of one size have class maps of one size"
    return targets


def moved(images: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """Each image seen through its map, zeros beyond its edge."""
    height, width = images.shape[-2:]
    half = torch.tensor([width / 2, height / 2], dtype=matrix.dtype, device=matrix.device)
    scaled = torch.cat([matrix * half / half[:, None], (offset / half)[:, :, None]], dim=2)
    grid = F.affine_grid(scaled, list(images.shape), align_corners=False)
    sampled: Tensor = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return sampled


def rotation(angle: Tensor) -> Tensor:
    """Matrices (N, 2, 2) that turn by angles in radians, on the screen against the clock."""
    cos, sin = angle.cos(), angle.sin()
    turned: Tensor = torch.stack([cos, -sin, sin, cos], dim=1).unflatten(1, (2, 2))
    return turned


Map = tuple[Tensor, Tensor]
"""Matrices (N, 2, 2) and offsets (N, 2)."""


def _rotate(change: named.Rotate, number: Tensor, size: Sequence[int]) -> Map:
    return rotation(_either_way(number[:, 0]) * math.radians(change.degrees)), _still(number)


def _translate(change: named.Translate, number: Tensor, size: Sequence[int]) -> Map:
    reach = change.fraction * torch.tensor([size[1], size[0]], dtype=number.dtype, device=number.device)
    return _identity(number), _either_way(number[:, :2]) * reach


def _scale(change: named.Scale, number: Tensor, size: Sequence[int]) -> Map:
    factor = change.low + (change.high - change.low) * number[:, 0]
    return _identity(number) / factor[:, None, None], _still(number)


def _shear(change: named.Shear, number: Tensor, size: Sequence[int]) -> Map:
    slant = (_either_way(number[:, 0]) * math.radians(change.degrees)).tan()
    one, zero = torch.ones_like(slant), torch.zeros_like(slant)
    return torch.stack([one, slant, zero, one], dim=1).unflatten(1, (2, 2)), _still(number)


def _flip(change: named.HorizontalFlip | named.VerticalFlip, number: Tensor, size: Sequence[int]) -> Map:
    sign = torch.where(number[:, 0] < change.p, -1.0, 1.0).to(number.dtype)
    one = torch.ones_like(sign)
    diagonal = (sign, one) if isinstance(change, named.HorizontalFlip) else (one, sign)
    return torch.diag_embed(torch.stack(diagonal, dim=1)), _still(number)


def _crop(change: named.Crop, number: Tensor, size: Sequence[int]) -> Map:
    places = 2 * change.padding + 1
    return _identity(number), (number[:, :2] * places).floor() - change.padding


def _resized_crop(change: named.ResizedCrop, number: Tensor, size: Sequence[int]) -> Map:
    """Sides of the part as shares of the image's, its middle where it stays inside."""
    area = change.low + (change.high - change.low) * number[:, 0]
    stretch = torch.exp(_either_way(number[:, 1]) * math.log(change.ratio))
    sides = torch.stack([(area * stretch).sqrt(), (area / stretch).sqrt()], dim=1).clamp(max=1)
    length = torch.tensor([size[1], size[0]], dtype=number.dtype, device=number.device)
    return torch.diag_embed(sides), _either_way(number[:, 2:4]) * (1 - sides) / 2 * length


GEOMETRY: dict[type[Augmentation], Callable[..., Map]] = {
    named.Rotate: _rotate,
    named.Translate: _translate,
    named.Scale: _scale,
    named.Shear: _shear,
    named.HorizontalFlip: _flip,
    named.VerticalFlip: _flip,
    named.Crop: _crop,
    named.ResizedCrop: _resized_crop,
}


def kept(change: named.Erase, number: Tensor, size: Sequence[int]) -> Tensor:
    """A mask (N, 1, H, W): 0 in a rectangle of each sample that is erased from, 1 elsewhere.

    Area and shape as in Zhong et al., "Random Erasing Data Augmentation": sides in a ratio from 0.3 to 1/0.3.
    """
    height, width = size
    area = (change.low + (change.high - change.low) * number[:, 0]) * height * width
    ratio = torch.exp(_either_way(number[:, 1]) * math.log(1 / 0.3))
    tall = (area * ratio).sqrt().round().clamp(1, height)
    wide = (area / ratio).sqrt().round().clamp(1, width)
    erased = number[:, 2] < change.p
    corner = draws_within(number[:, 3], height - tall, width - wide)
    rows, columns = (torch.arange(length, device=number.device) for length in (height, width))
    in_rows = (rows >= corner[0][:, None]) & (rows < (corner[0] + tall)[:, None])
    in_columns = (columns >= corner[1][:, None]) & (columns < (corner[1] + wide)[:, None])
    inside = in_rows[:, :, None] & in_columns[:, None, :] & erased[:, None, None]
    return (~inside)[:, None].to(number.dtype)


def draws_within(number: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """One of the (rows + 1) x (columns + 1) corners that a number in [0, 1) picks."""
    picked = (number * (rows + 1) * (columns + 1)).floor()
    return (picked / (columns + 1)).floor(), picked % (columns + 1)


def _either_way(number: Tensor) -> Tensor:
    return 2 * number - 1


def _identity(number: Tensor) -> Tensor:
    return torch.eye(2, dtype=number.dtype, device=number.device).expand(len(number), 2, 2)


def _still(number: Tensor) -> Tensor:
    return number.new_zeros(len(number), 2)

"""Images, or class maps, of different sizes: a list of tensors where one tensor holds those of one size.

Networks that take a list of images get the tensors as they are; to others a batch is filled up at the right and below
to its largest, as torchvision's `GeneralizedRCNNTransform` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from typing import get_origin

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlspec.plan.sources import OPEN

__all__ = ["OPEN"]

Size = tuple[int, int]
"""Height and width."""


class Ragged:
    """Tensors of several samples, images (C, h, w) or class maps (h, w), each of its own size."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = list(tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.tensors)

    def __getitem__(self, rows: Tensor | slice | Sequence[int]) -> Ragged:
        """Those of some samples."""
        return Ragged([self.tensors[row] for row in places(rows, len(self))])

    @property
    def sizes(self) -> list[Size]:
        """Height and width of each."""
        return [(one.shape[-2], one.shape[-1]) for one in self.tensors]

    @property
    def shape(self) -> torch.Size:
        """(N, C, 0, 0), or (N, 0, 0) of class maps: the sides are open."""
        before = self.tensors[0].shape[:-2] if self.tensors else ()
        return torch.Size((len(self), *before, OPEN, OPEN))

    def dim(self) -> int:
        return len(self.shape)

    def to(self, device: torch.device, dtype: torch.dtype | None = None, *, non_blocking: bool = False) -> Ragged:
        return Ragged([one.to(device, dtype or one.dtype, non_blocking=non_blocking) for one in self.tensors])

    def each(self, change: Callable[[Tensor], Tensor]) -> Ragged:
        """A change of batches, made to each alone."""
        return Ragged([change(one[None])[0] for one in self.tensors])

    def chunk(self, parts: int) -> tuple[Ragged, ...]:
        """Cut as `torch.chunk` cuts."""
        return tuple(self[rows] for rows in torch.arange(len(self)).chunk(parts))

    def pin_memory(self) -> Ragged:
        """The same in memory that a GPU reads by itself; `DataLoader` asks for it by this name."""
        return Ragged([one.pin_memory() for one in self.tensors])

    def isfinite(self) -> Tensor:
        """Whether each sample holds finite numbers only (N)."""
        return torch.stack([one.isfinite().all() for one in self.tensors])


def places(rows: Tensor | slice | Sequence[int], count: int) -> Sequence[int]:
    """The rows of a list that are meant, as numbers; a tensor on a GPU is waited for once."""
    if isinstance(rows, slice):
        return range(count)[rows]
    numbers: Sequence[int] = rows.tolist() if isinstance(rows, Tensor) else rows
    return numbers


Images = Tensor | Ragged
"""A batch of images: (N, C, H, W), or of several sizes."""


def changed(batch: Images, change: Callable[[Tensor], Tensor]) -> Images:
    """A batch after a change that knows tensors (N, ...) alone."""
    return batch.each(change) if isinstance(batch, Ragged) else change(batch)


def sizes_of(images: Images) -> list[Size]:
    """Height and width of each image."""
    if isinstance(images, Ragged):
        return images.sizes
    return [(images.shape[-2], images.shape[-1])] * len(images)


Extent = Sequence[int] | list[Size]
"""Height and width of all images of a batch, or a list of those of each."""


def extent(images: Images) -> Extent:
    """Height and width that all images have, or, where they are of several sizes, of each."""
    return images.sizes if isinstance(images, Ragged) else images.shape[-2:]


def filled_up(tensors: Ragged, fill: float = 0, multiple: int = 1) -> Tensor:
    """One tensor (N, ..., H, W) as high and wide as the largest, or the next multiple; the rest at the right and below.

    >>> filled_up(Ragged([torch.ones(1, 2), torch.ones(2, 1)]), fill=7).tolist()
    [[[1.0, 1.0], [7.0, 7.0]], [[1.0, 7.0], [1.0, 7.0]]]
    """
    height, width = (-(-max(size[axis] for size in tensors.sizes) // multiple) * multiple for axis in (0, 1))
    return torch.stack(
        [F.pad(one, (0, width - one.shape[-1], 0, height - one.shape[-2]), value=fill) for one in tensors]
    )


def takes_list(module: nn.Module) -> bool:
    """Whether a network's first input is a list with an image each, of any size."""
    first = next(iter(signature(module.forward).parameters.values()), None)
    return first is not None and (first.annotation is list or get_origin(first.annotation) is list)


def alike(sizes: Sequence[Size], most: int) -> list[Tensor]:
    """The rows of images in batches of one size each, sizes in the order in which they come first.

    What is found in an image then does not depend on those beside it, as none is filled up to another's size.

    >>> [rows.tolist() for rows in alike([(4, 4), (4, 8), (4, 4), (4, 4)], 2)]
    [[0, 2], [3], [1]]
    """
    by_size: dict[Size, list[int]] = {}
    for row, size in enumerate(sizes):
        by_size.setdefault(size, []).append(row)
    return [part for rows in by_size.values() for part in torch.tensor(rows).split(most)]

"""What scenes hold: for each image its boxes, labels and masks, as many as there are objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dlspec.record import Record

IGNORED = 255
"""The class of a pixel that nothing is asked of."""


class Objects(Record):
    """The objects of several images: a tensor of each kind for every image; `masks` is empty where there are none.

    `proposals` (P, 4) are regions that may hold one, where the plan has them searched for; else empty.

    Boxes (M, 4) float32 are (x1, y1, x2, y2) in pixels, half-open: pixel 3 alone is from 3 to 4. Labels (M) int64
    count from 1. Masks (M, H, W) uint8 are 0 and 1.
    """

    boxes: list[Tensor]
    labels: list[Tensor]
    masks: list[Tensor] = []
    proposals: list[Tensor] = []

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Objects]:
        """Those of each image."""
        return (self[slice(place, place + 1)] for place in range(len(self)))

    def __getitem__(self, rows: Tensor | slice | Sequence[int]) -> Objects:
        """Those of some images."""
        chosen = range(len(self))[rows] if isinstance(rows, slice) else [int(row) for row in rows]
        return Objects(*([kind[row] for row in chosen] if kind else [] for kind in self.kinds()))

    def kinds(self) -> tuple[list[Tensor], ...]:
        return self.boxes, self.labels, self.masks, self.proposals

    def by_name(self) -> dict[str, list[Tensor]]:
        """As the inputs of a network that is trained are called."""
        return {name: kind for name, kind in zip(self._fields, self.kinds(), strict=True) if kind}

    def to(self, device: torch.device) -> Objects:
        return Objects(*([one.to(device) for one in kind] for kind in self.kinds()))

    def chunk(self, parts: int) -> tuple[Objects, ...]:
        """Cut as `torch.chunk` cuts."""
        return tuple(self[rows] for rows in torch.arange(len(self)).chunk(parts))

    def searched(self) -> dict[str, list[Tensor]]:
        """What a network is given in evaluation too: the proposals, where there are any."""
        return {"proposals": self.proposals} if self.proposals else {}

    @property
    def counts(self) -> Tensor:
        """How many objects each image has (N), int64."""
        return torch.tensor([len(labels) for labels in self.labels])

    def flat(self) -> dict[str, Tensor]:
        """All boxes and labels one after the other, and how many each image has, as tensors to be written."""
        return {"boxes": torch.cat(self.boxes), "labels": torch.cat(self.labels), "counts": self.counts}


def scaled(targets: Targets, size: Sequence[int], sizes: Sequence[Sequence[int]]) -> Targets:
    """Objects or class maps (N, H, W) of images that were brought to a size (height, width) from sizes of their own."""
    height, width = size
    if isinstance(targets, Tensor):
        return _nearest(targets, size) if targets.dim() == 3 else targets
    result = Objects([], list(targets.labels), [_nearest(masks, size) for masks in targets.masks])
    for boxes, (rows, columns) in zip(targets.boxes, sizes, strict=True):
        result.boxes.append(boxes * boxes.new_tensor([width / columns, height / rows] * 2))
    return result


def _nearest(pixels: Tensor, size: Sequence[int]) -> Tensor:
    """Whole numbers (M, H, W) at another size, each place the nearest pixel of the source."""
    if tuple(pixels.shape[1:]) == tuple(size) or not len(pixels):
        return pixels.reshape(len(pixels), *size)
    grown = F.interpolate(pixels[:, None].float(), tuple(size), mode="nearest-exact")[:, 0]
    return grown.to(pixels.dtype)


def joined(several: Sequence[Objects]) -> Objects:
    """All images one after the other."""
    return Objects(*([one for objects in several for one in objects.kinds()[kind]] for kind in range(4)))


Targets = Tensor | Objects
"""What samples are to be: a tensor with a row for each, or the objects of each image."""


def tally(targets: Targets) -> Tensor:
    """What sums over an epoch need of targets: themselves, or how many objects each image has."""
    return targets.counts if isinstance(targets, Objects) else targets


def class_map(labels: Tensor, masks: Tensor) -> Tensor:
    """The class of every pixel (H, W), int64: 0 where no mask is, the later object where several are."""
    named = torch.zeros(masks.shape[-2:], dtype=torch.int64)
    for label, mask in zip(labels, masks, strict=True):
        named[mask.bool()] = label
    return named


def boxes_around(masks: Tensor) -> Tensor:
    """The smallest half-open box around each mask (M, H, W): float32 (M, 4); 0 0 0 0 around an empty one."""
    found = []
    for seen in (masks.bool().any(1), masks.bool().any(2)):  # columns (M, W), rows (M, H)
        places = torch.arange(seen.shape[1])
        first = torch.where(seen, places, seen.shape[1]).amin(1)
        found.append((first, torch.where(seen, places + 1, 0).amax(1)))
    (left, right), (top, bottom) = found
    boxes = torch.stack([left, top, right, bottom], dim=1).float()
    return boxes * masks.flatten(1).bool().any(1)[:, None]

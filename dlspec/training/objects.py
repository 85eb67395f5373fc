"""What scenes hold: for each image its boxes, labels and masks, as many as there are objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.maps import Maps
from dlspec.training.mask_runs import EncodedMasks, encoded
from dlspec.training.nearest import nearest
from dlspec.training.ragged import Ragged, places

if TYPE_CHECKING:
    from typing import Any

IGNORED = 255
"""The class of a pixel that nothing is asked of."""


Kinds = tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]
"""Boxes, labels, masks and proposals of several images."""


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
    runs: list[EncodedMasks] = []
    """Masks that are not pixels yet, in place of `masks`; those of a batch become pixels when it is asked for."""
    ignored: Objects | None = None
    """Of each image the regions that nothing is asked of, as COCO's crowds; what is found there is not held wrong."""

    def __len__(self) -> int:
        return len(self.boxes)

    def __iter__(self) -> Iterator[Objects]:
        """Those of each image."""
        return (self[slice(place, place + 1)] for place in range(len(self)))

    def __getitem__(self, rows: Tensor | slice | Sequence[int]) -> Objects:
        """Those of some images, all masks as pixels, without what nothing is asked of."""
        chosen = places(rows, len(self))
        made = Objects(*self._each(lambda kind: [kind[row] for row in chosen]))
        if self.runs:
            made.masks = [self.runs[row].decoded().to(self.boxes[row].device, non_blocking=True) for row in chosen]
        return made

    def at(self, rows: Tensor | slice | Sequence[int]) -> Objects:
        """Those of some images with all that is known of them, masks as they are kept."""
        chosen = places(rows, len(self))
        runs = [self.runs[row] for row in chosen] if self.runs else []
        ignored = None if self.ignored is None else self.ignored.at(rows)
        return Objects(*self._each(lambda kind: [kind[row] for row in chosen]), runs, ignored)

    def kinds(self) -> Kinds:
        return self.boxes, self.labels, self.masks, self.proposals

    def _each(self, change: Callable[[list[Tensor]], list[Tensor]]) -> Kinds:
        """The kinds after a change of those that are there."""
        boxes, labels, masks, proposals = (change(kind) if kind else [] for kind in self.kinds())
        return boxes, labels, masks, proposals

    def by_name(self) -> dict[str, list[Tensor]]:
        """As the inputs of a network that is trained are called."""
        return {name: kind for name, kind in zip(self._fields, self.kinds(), strict=False) if kind}

    def to(self, device: torch.device) -> Objects:
        """On a device; what is judged alone stays where it is."""
        return Objects(*self._each(lambda kind: [one.to(device) for one in kind]), self.runs, self.ignored)

    def mapped(self, table: Tensor) -> Objects:
        """The same with other numbers of the classes: `table` says which."""
        ignored = None if self.ignored is None else self.ignored.mapped(table)
        labels = [table[own] for own in self.labels]
        return Objects(self.boxes, labels, self.masks, self.proposals, self.runs, ignored)

    def chunk(self, parts: int) -> tuple[Objects, ...]:
        """Cut as `torch.chunk` cuts."""
        return tuple(self[rows] for rows in torch.arange(len(self)).chunk(parts))

    def searched(self) -> dict[str, list[Tensor]]:
        """What a network is given in evaluation too: the proposals, where there are any."""
        return {"proposals": self.proposals} if self.proposals else {}

    def mask_runs(self, image: int) -> list[dict[str, Any]] | None:
        """The masks of one image as COCO's runs; None where there are none."""
        if self.runs:
            return self.runs[image].as_wanted()
        return encoded(self.masks[image]) if self.masks else None

    @property
    def counts(self) -> Tensor:
        """How many objects each image has (N), int64."""
        return torch.tensor([len(labels) for labels in self.labels])

    def flat(self) -> dict[str, Tensor]:
        """All boxes and labels one after the other, and how many each image has, as tensors to be written."""
        return {"boxes": torch.cat(self.boxes), "labels": torch.cat(self.labels), "counts": self.counts}


def scaled(targets: Targets, size: Sequence[int], sizes: Sequence[Sequence[int]]) -> Targets:
    """Objects or class maps (N, H, W) of images that were brought to a size (height, width) from sizes of their own."""
    if isinstance(targets, Tensor):
        return nearest(targets, size) if targets.dim() == 3 else targets
    assert isinstance(targets, Objects), "others are kept in the size that is wanted"
    masks = [nearest(masks, size) for masks in targets.masks]
    return Objects(scaled_boxes(targets.boxes, sizes, [size] * len(sizes)), list(targets.labels), masks)


def scaled_boxes(boxes: Sequence[Tensor], old: Sequence[Sequence[int]], new: Sequence[Sequence[int]]) -> list[Tensor]:
    """The boxes of each image after it was brought from one size (height, width) to another."""
    return [
        own if tuple(before) == tuple(after) else own * own.new_tensor([after[1] / before[1], after[0] / before[0]] * 2)
        for own, before, after in zip(boxes, old, new, strict=True)
    ]


def joined(several: Sequence[Objects]) -> Objects:
    """All images one after the other."""
    boxes, labels, masks, proposals = (
        [one for objects in several for one in objects.kinds()[kind]] for kind in range(4)
    )
    runs = [one for objects in several for one in objects.runs]
    ignored = None
    if any(objects.ignored is not None for objects in several):
        ignored = joined([objects.ignored or _nothing(objects) for objects in several])
    return Objects(boxes, labels, masks, proposals, runs, ignored)


def _nothing(like: Objects) -> Objects:
    """No objects, in images like these."""
    count, runs = len(like), [EncodedMasks([], one.size, one.wanted) for one in like.runs]
    return Objects([torch.zeros(0, 4)] * count, [torch.zeros(0, dtype=torch.int64)] * count, [], [], runs)


Targets = Tensor | Objects | Maps | Ragged
"""What samples are to be: a tensor with a row for each, the objects of each image, or class maps of several sizes."""


def tally(targets: Targets) -> Tensor:
    """What sums over an epoch need of targets: themselves, or how many objects each image has."""
    assert isinstance(targets, Tensor | Objects), "class maps of a batch were filled up to one size"
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

"""What an exported detector is tried on beside the network: images of its own data, in batches of several sizes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dlspec.lowering.open_axes import OpenAxis
from dlspec.nn import rois_from_boxes
from dlspec.record import Record
from dlspec.training.data import load
from dlspec.training.errors import RunError
from dlspec.training.proposals import proposals, sliding_windows
from dlspec.training.splits import split
from dlspec.training.trained import Trained

COUNTS = (2, 1, 3)
"""Images of the batches; what a program is traced with has two, as one might be taken for a constant."""
FACTORS = (1, 0.75, 1.125)
"""How large their sides are in turn, where they are open."""
USUAL = (240, 320)
"""Height and width of images where neither data nor network says them."""


class Batch(Record):
    """Images (N, C, H, W) and, where the network takes regions, those of each (P, 4)."""

    images: Tensor
    regions: list[Tensor] = []

    def inputs(self) -> tuple[Tensor, ...]:
        """As a program takes them: the regions as rows (R, 5) that say of which image they are."""
        return (self.images, rois_from_boxes(self.regions)) if self.regions else (self.images,)

    def to(self, dtype: torch.dtype) -> Batch:
        return Batch(self.images.to(dtype), [one.to(dtype) for one in self.regions])


def trial_batches(run: Trained, axes: Sequence[int | OpenAxis], *, regions: bool) -> list[Batch]:
    """Batches of two, one and three images, where sizes are open each of another size; with regions if it takes any."""
    pictures = _pictures(run, sum(COUNTS))
    batches = []
    for number, count in enumerate(COUNTS):
        some, pictures = pictures[:count], pictures[count:]
        own = torch.cat([_sized(image[None], some[0].shape[-2:], axes[-2:], number) for image in some])
        batches.append(Batch(own, _regions(run, own) if regions else []))
    return batches


def _pictures(run: Trained, count: int) -> list[Tensor]:
    """Images (C, h, w) that the network was not trained on; patches of colour where its data is not there."""
    try:
        samples = split(load(run.plan), run.plan).val
        if len(samples) >= count:
            return list(samples.at(torch.arange(count)).images)
    except (RunError, OSError):
        pass
    channels, *sides = run.sample
    size = [side or usual for side, usual in zip(sides, USUAL, strict=True)]
    coarse = torch.rand(count, channels, 9, 9, generator=torch.Generator().manual_seed(0))
    return list(functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1))


def _sized(images: Tensor, size: Sequence[int], axes: Sequence[int | OpenAxis], number: int) -> Tensor:
    """Images of about a size: the open sides larger or smaller in turn, and such as the network takes."""
    sides = [
        axis if isinstance(axis, int) else _near(axis, round(side * FACTORS[(number + place) % 3]))
        for place, (axis, side) in enumerate(zip(axes, size, strict=True))
    ]
    return images if list(images.shape[-2:]) == sides else functional.interpolate(images, size=sides, mode="bilinear")


def _near(axis: OpenAxis, wanted: int) -> int:
    """The size of an axis that is next to what is wanted."""
    size = axis.first + max(0, round((wanted - axis.first) / axis.step)) * axis.step
    return size if axis.last is None else min(size, axis.last)


def _regions(run: Trained, images: Tensor) -> list[Tensor]:
    """The regions that the run's own search finds, or windows where it has none."""
    from dlspec.plan.proposers import SlidingWindows

    if run.plan.data.proposals is None:
        return [sliding_windows(images.shape[-2:], SlidingWindows())] * len(images)
    return proposals(images, run.plan.data.proposals)

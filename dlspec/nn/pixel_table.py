"""Maps of several sizes as one table with a row of channels for each pixel, and where each map begins in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dlspec.nn.precision import single_at_least


class Maps(NamedTuple):
    """For each region the map that it reads: its size, and the row of the table with its first pixel."""

    height: Tensor
    width: Tensor
    first: Tensor


def pixel_table(features: Sequence[Tensor]) -> Tensor:
    """A row for each pixel, map by map, image by image. Shapes: L of (N, C, h, w) -> (sum of N·h·w, C).

    In single precision at least, since regions are sums.
    """
    rows = [one.permute(0, 2, 3, 1).flatten(0, 2) for one in features]
    table = rows[0] if len(rows) == 1 else torch.cat(rows)
    return single_at_least(table)


def maps_of(features: Sequence[Tensor], images: Tensor, levels: Tensor | None) -> Maps:
    """The map of each region; `levels` is None where there is one.

    Shapes: L of (N, C, h, w), (R) images, (R) levels -> (R) each.
    """
    sizes = [(one.shape[2], one.shape[3], one.shape[0] * one.shape[2] * one.shape[3]) for one in features]
    begins = [sum(count for *_, count in sizes[:level]) for level in range(len(sizes))]
    facts = torch.tensor([(height, width, begin) for (height, width, _), begin in zip(sizes, begins)])
    facts = facts.to(images.device, non_blocking=True)
    height, width, begin = (facts[0] if levels is None else facts[levels]).unbind(-1)
    return Maps(height.expand_as(images), width.expand_as(images), begin + images * height * width)

"""Batches of images of like shape: wide ones with wide ones, so that little of a batch is filled up.

Groups are those of torchvision's reference training of detectors, `--aspect-ratio-group-factor`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dlspec.training.ragged import Size


def groups_of(sizes: Sequence[Size], factor: int | None) -> Tensor | None:
    """The group of each image by its width over its height (N); None without a factor.

    Borders are 2^-1 to 2 in 2·factor steps of equal ratio; 0 parts wide from high at 1.

    >>> groups_of([(100, 100), (100, 199), (100, 201), (300, 100)], 1).tolist()
    [2, 2, 3, 0]
    """
    if factor is None:
        return None
    borders = torch.linspace(-1, 1, 2 * factor + 1, dtype=torch.float64).exp2() if factor else torch.ones(1).double()
    ratios = torch.tensor([width / height for height, width in sizes], dtype=torch.float64)
    return torch.bucketize(ratios, borders, right=True)


def grouped(order: Tensor, groups: Tensor, ends: Sequence[int]) -> Tensor:
    """An order of samples whose batches hold one group each; what is left of each group comes last, group by group.

    `ends` are where batches end. A batch comes when its last image would have come in the order as given.
    """
    length, count = ends[0], len(order)
    sorted_groups, places = torch.sort(groups[order], stable=True)
    sizes = torch.bincount(sorted_groups)
    starts = sizes.cumsum(0) - sizes
    rank = torch.arange(count) - starts[sorted_groups]
    whole = rank < sizes[sorted_groups] // length * length
    full = places[whole].view(-1, length)
    turn = full[:, -1].argsort()
    return order[torch.cat([full[turn].flatten(), places[~whole]])]

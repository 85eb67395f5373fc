"""Ranks of rows within their groups, as detections within an image: without a loop over the groups."""

from __future__ import annotations

import torch
from torch import Tensor


def rank_in_group(groups: Tensor) -> Tensor:
    """How many rows of the same group stand before each row. Shapes: (R) integers -> (R).

    >>> rank_in_group(torch.tensor([0, 1, 0, 0, 1])).tolist()
    [0, 0, 1, 2, 1]
    """
    ordered, order = torch.sort(groups, stable=True)
    places = torch.arange(len(groups), device=groups.device)
    begins = torch.searchsorted(ordered, ordered)
    return torch.empty_like(places).scatter_(0, order, places - begins)

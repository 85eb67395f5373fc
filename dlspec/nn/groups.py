"""Rows by their groups, as detections by image: their order and their ranks, without a loop over the groups."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.nn.onnx_operators import exporting


def by_group(groups: Tensor) -> Tensor:
    """The rows group by group, each group in its order. Shapes: (R) integers -> (R).

    >>> by_group(torch.tensor([1, 0, 0, 1])).tolist()
    [1, 2, 0, 3]
    """
    if exporting():  # ONNX sorts by value alone, so that no two may be equal
        count = groups.shape[0]
        return torch.sort(groups * count + torch.arange(count, device=groups.device)).indices
    return torch.sort(groups, stable=True).indices


def rank_in_group(groups: Tensor) -> Tensor:
    """How many rows of the same group stand before each row. Shapes: (R) integers -> (R).

    >>> rank_in_group(torch.tensor([0, 1, 0, 0, 1])).tolist()
    [0, 0, 1, 2, 1]
    """
    if exporting():  # ONNX has no search
        alike = groups.unsqueeze(0) == groups.unsqueeze(1)
        return alike.long().tril(-1).sum(dim=1)
    ordered, order = torch.sort(groups, stable=True)
    places = torch.arange(len(groups), device=groups.device)
    begins = torch.searchsorted(ordered, ordered)
    return torch.empty_like(places).scatter_(0, order, places - begins)

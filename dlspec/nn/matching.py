"""Which object each anchor or proposal is to find, by overlap."""

from __future__ import annotations

import torch
from torch import Tensor

BELOW, BETWEEN = -1, -2


def match(
    quality: Tensor,
    high_threshold: float,
    low_threshold: float,
    allow_low_quality_matches: bool = False,
    valid: Tensor | None = None,
) -> Tensor:
    """The best object of each prediction, -1 if its overlap is below the low threshold, -2 if between the two.

    With `allow_low_quality_matches` the predictions that overlap an object most, all that tie, get their own best
    object however little that is (Ren et al., "Faster R-CNN", section 3.1.2). `valid` says which objects are real,
    where a batch was filled up; without a real object all are below.

    Shapes: (..., M objects, A predictions), (..., M) bool -> (..., A), int64.
    """
    if not quality.shape[-2]:
        return torch.full_like(quality.sum(dim=-2), BELOW, dtype=torch.long)
    if valid is not None:
        quality = quality.masked_fill(~valid.unsqueeze(-1), -1)
    best, matches = quality.max(dim=-2)
    found = torch.where(best >= high_threshold, matches, BETWEEN)
    found = torch.where(best < low_threshold, BELOW, found)
    if not allow_low_quality_matches:
        return found
    wanted = quality == quality.amax(dim=-1, keepdim=True)
    if valid is not None:
        wanted &= valid.unsqueeze(-1)
    return torch.where(wanted.any(dim=-2), matches, found)

"""A random sample of predictions, balanced between objects and background."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.nn.shared_batch import uniform_keys


def balanced_sample(
    labels: Tensor, batch_size_per_image: int, positive_fraction: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """At most `batch_size_per_image` of each image: up to the fraction of positives, filled up with negatives.

    `labels` are above 0 for objects, 0 for background, below 0 for what must not be drawn. Drawn from torch's global
    random numbers, always as many, unless a generator is given or images have words of their own (`shared_batch`).

    Shapes: (N, A) -> two of (N, A), bool: the positives and the negatives that were drawn.
    """
    keys = uniform_keys((labels.shape[0], labels.shape[1]), labels.device, generator)
    most = int(batch_size_per_image * positive_fraction)
    positives = (labels > 0).sum(dim=1).clamp(max=most)
    drawn = _drawn(labels > 0, keys, positives, most)
    return drawn, _drawn(labels == 0, keys, batch_size_per_image - positives, batch_size_per_image)


def _drawn(candidates: Tensor, keys: Tensor, wanted: Tensor, most: int) -> Tensor:
    """The candidates with the largest keys, as many as wanted in each row.

    Shapes: (N, A), (N, A), (N) -> (N, A) bool.
    """
    values, places = keys.masked_fill(~candidates, -1).topk(min(most, keys.shape[1]), dim=1)
    chosen = (values >= 0) & (torch.arange(values.shape[1], device=keys.device) < wanted.unsqueeze(1))
    return torch.zeros_like(candidates).scatter_(1, places, chosen)

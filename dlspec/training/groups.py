"""Samples that belong together: what they share as a number for each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def numbered_groups(shared: Sequence[object]) -> Tensor:
    """A number (N) for each sample, the same for the same value.

    >>> numbered_groups(["ann", "bob", "ann"]).tolist()
    [0, 1, 0]
    """
    numbers: dict[object, int] = {}
    return torch.tensor([numbers.setdefault(value, len(numbers)) for value in shared], dtype=torch.int64)

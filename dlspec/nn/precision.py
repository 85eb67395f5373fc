"""Half precision is too coarse for coordinates and sums, and double precision is kept where a network has it."""

from __future__ import annotations

import torch
from torch import Tensor


def single_at_least(x: Tensor) -> Tensor:
    """The same in single precision, or in double where it is so already.

    >>> single_at_least(torch.ones(1, dtype=torch.bfloat16)).dtype, single_at_least(torch.ones(1).double()).dtype
    (torch.float32, torch.float64)
    """
    return x.to(torch.promote_types(x.dtype, torch.float32))

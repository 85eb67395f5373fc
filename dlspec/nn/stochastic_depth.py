"""Stochastic depth: whole branches left out at random while training."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def stochastic_depth(x: Tensor, p: float, training: bool = True) -> Tensor:
    """Put every image of a batch to zero with probability `p` and scale the others by 1/(1 - p).

    "Deep Networks with Stochastic Depth" (Huang, Sun, Liu, Sedra, Weinberger; 2016), section 3, with the scale in
    training rather than in evaluation.

    Shapes: (N, *) -> (N, *), drawn for each of the N.
    """
    if not training or p == 0:
        return x
    kept = x.new_ones(x.shape[:1] + (1,) * (x.ndim - 1))
    return x * F.dropout(kept, p)


class StochasticDepth(nn.Module):
    """`stochastic_depth` as a module, which leaves nothing out in evaluation."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return stochastic_depth(x, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"

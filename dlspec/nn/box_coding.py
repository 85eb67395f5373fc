"""Boxes as corrections of other boxes: what the regression of R-CNN and all its descendants learns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# exp(dw) would overflow on a wild prediction: no box grows by more than this factor in one step.
_MOST_GROWTH = math.log(1000 / 16)
_ONES = (1.0, 1.0, 1.0, 1.0)


def encode_boxes(boxes: Tensor, proposals: Tensor, weights: Sequence[float] = _ONES) -> Tensor:
    """What must be predicted for `proposals` to become `boxes`.

    Shift of the centre in units of the proposal's size, and the log of the ratio of sizes, each times its weight
    (Girshick et al., "Rich feature hierarchies" (2014), appendix C). Shapes: (..., 4), (..., 4) -> (..., 4).
    """
    x, y, width, height = _centred(boxes)
    from_x, from_y, from_width, from_height = _centred(proposals)
    codes = (
        weights[0] * (x - from_x) / from_width,
        weights[1] * (y - from_y) / from_height,
        weights[2] * torch.log(width / from_width),
        weights[3] * torch.log(height / from_height),
    )
    return torch.stack(codes, dim=-1)


def decode_boxes(codes: Tensor, proposals: Tensor, weights: Sequence[float] = _ONES) -> Tensor:
    """The boxes that predictions make of proposals; undoes `encode_boxes`.

    Shapes: (..., 4K), K predictions for each proposal, and (..., 4) -> (..., 4K).
    """
    codes = codes.unflatten(-1, (-1, 4))
    x, y, width, height = (part.unsqueeze(-1) for part in _centred(proposals))
    dx, dy, dw, dh = (part / weight for part, weight in zip(codes.unbind(-1), weights))
    x, y = dx * width + x, dy * height + y
    half_width = 0.5 * (torch.exp(dw.clamp(max=_MOST_GROWTH)) * width)
    half_height = 0.5 * (torch.exp(dh.clamp(max=_MOST_GROWTH)) * height)
    corners = (x - half_width, y - half_height, x + half_width, y + half_height)
    return torch.stack(corners, dim=-1).flatten(-2)


def _centred(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x1, y1, x2, y2 = boxes.unbind(-1)
    width, height = x2 - x1, y2 - y1
    return x1 + 0.5 * width, y1 + 0.5 * height, width, height

"""Boxes as numbers: area, spellings, clipping, and the boxes of masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def box_area(boxes: Tensor) -> Tensor:
    """Width times height. Shapes: (..., 4) as x1, y1, x2, y2 -> (...)."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """The same boxes in another spelling: `xyxy` (two corners), `xywh` (corner and size), `cxcywh` (centre and size).

    Shapes: (..., 4) -> (..., 4). Raises ValueError for another spelling.
    """
    for name in (in_fmt, out_fmt):
        if name not in _TO_CORNERS:
            raise ValueError(f"boxes are spelt {', '.join(_TO_CORNERS)}, not {name}")
    if in_fmt == out_fmt:
        return boxes.clone()
    corners = _TO_CORNERS[in_fmt](*boxes.unbind(-1))
    return torch.stack(_FROM_CORNERS[out_fmt](*corners), dim=-1)


_Corners = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]
_TO_CORNERS: dict[str, _Corners] = {
    "xyxy": lambda x1, y1, x2, y2: (x1, y1, x2, y2),
    "xywh": lambda x, y, w, h: (x, y, x + w, y + h),
    "cxcywh": lambda x, y, w, h: (x - 0.5 * w, y - 0.5 * h, x + 0.5 * w, y + 0.5 * h),
}
_FROM_CORNERS: dict[str, _Corners] = {
    "xyxy": lambda x1, y1, x2, y2: (x1, y1, x2, y2),
    "xywh": lambda x1, y1, x2, y2: (x1, y1, x2 - x1, y2 - y1),
    "cxcywh": lambda x1, y1, x2, y2: ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1),
}


def clip_boxes_to_image(boxes: Tensor, size: Sequence[int] | Tensor) -> Tensor:
    """Boxes moved to the edge where they reach beyond it.

    Shapes: (..., 4) -> (..., 4); `size` is (height, width), or a tensor of them that broadcasts against (..., 2).
    """
    if isinstance(size, Tensor):
        edges = size.flip(-1).to(boxes.dtype)
        return torch.minimum(boxes.clamp(min=0), torch.cat([edges, edges], dim=-1))
    height, width = size
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([x1.clamp(0, width), y1.clamp(0, height), x2.clamp(0, width), y2.clamp(0, height)], dim=-1)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """The indices of the boxes with both sides of at least `min_size`. Shapes: (N, 4) -> (K)."""
    return torch.nonzero(sides_reach(boxes, min_size)).squeeze(1)


def sides_reach(boxes: Tensor, min_size: float) -> Tensor:
    """Whether both sides of a box are at least `min_size`. Shapes: (..., 4) -> (...), bool."""
    return (boxes[..., 2] - boxes[..., 0] >= min_size) & (boxes[..., 3] - boxes[..., 1] >= min_size)


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The first and the last column and row in which each mask has a pixel; zeros where it has none.

    As torchvision has it, the last are *inclusive*: add one to x2 and y2 for a box that is half-open.

    Shapes: (N, H, W), not zero inside -> (N, 4), float32.
    """
    inside = masks != 0
    spans = [_first_and_last(inside.any(dim=axis)) for axis in (-2, -1)]  # of columns, of rows
    (x1, x2), (y1, y2) = spans
    return torch.stack([x1, y1, x2, y2], dim=-1).float()


def _first_and_last(present: Tensor) -> tuple[Tensor, Tensor]:
    places = torch.arange(present.shape[-1], device=present.device)
    last = torch.where(present, places, -1).amax(dim=-1)
    first = torch.where(present, places, present.shape[-1]).amin(dim=-1)
    return torch.where(last < 0, 0, first), last.clamp(min=0)

"""RoI pool: the largest feature in each cell of a grid over a region, its borders rounded to pixels.

Girshick, "Fast R-CNN" (2015), section 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dlspec.nn.pixel_table import Maps, maps_of, pixel_table
from dlspec.nn.rois import image_index, rois_from_boxes
from dlspec.nn.torchvision_kernels import compiled

# Values looked at together, while the largest is sought.
_MOST_VALUES = 1 << 24


def roi_pool(
    input: Tensor, boxes: Tensor | Sequence[Tensor], output_size: int | Sequence[int], spatial_scale: float = 1.0
) -> Tensor:
    """The maximum of each bin; 0 where a bin has no pixel. Only the maximum gets a gradient.

    Shapes: (N, C, H, W), and rois (R, 5) or N of (M, 4) -> (R, C, *output_size). Differentiable in `input`.
    """
    rois = boxes if isinstance(boxes, Tensor) else rois_from_boxes(boxes)
    rows, columns = (output_size, output_size) if isinstance(output_size, int) else output_size
    if kernel := compiled("roi_pool"):
        pooled: Tensor = kernel(input, rois, spatial_scale, rows, columns)[0]
        return pooled
    table = pixel_table([input])
    if not len(rois):
        return table[:0].reshape(0, table.shape[1], rows, columns).to(input.dtype)
    maps = maps_of([input], image_index(rois), None)
    corners = _half_away(rois.detach()[:, 1:] * spatial_scale)
    starts, ends = corners.split(2, dim=1)
    lengths = (ends - starts + 1).clamp(min=1)
    reach = (
        _reads(starts[:, 1], lengths[:, 1], rows, maps.height),
        _reads(starts[:, 0], lengths[:, 0], columns, maps.width),
    )
    step = max(1, _MOST_VALUES // (reach[0][0][0].numel() * reach[1][0][0].numel() * table.shape[1]))
    parts = [_largest(table, maps, reach, slice(begin, begin + step)) for begin in range(0, len(rois), step)]
    return torch.cat(parts).permute(0, 3, 1, 2).to(input.dtype)


def _half_away(values: Tensor) -> Tensor:
    """Rounded as C's `round` does, halves away from zero."""
    return values.sign() * (values.abs() + 0.5).floor()


def _reads(start: Tensor, length: Tensor, bins: int, extent: Tensor) -> tuple[Tensor, Tensor]:
    """Along one axis, the pixels of each bin and which of them count. Shapes: (R) each -> (R, bins, most) each."""
    width, bin = (length / bins).unsqueeze(1), torch.arange(bins, device=start.device)
    begin, end = (bin * width).floor(), ((bin + 1) * width).ceil()
    begin, end = ((edge + start.unsqueeze(1)).clamp(min=0).minimum(extent.unsqueeze(1)).long() for edge in (begin, end))
    most = max(int((end - begin).max()), 1)
    places = begin.unsqueeze(2) + torch.arange(most, device=start.device)
    return places.minimum(extent.view(-1, 1, 1) - 1), places < end.unsqueeze(2)


def _largest(table: Tensor, maps: Maps, reach: Sequence[tuple[Tensor, Tensor]], some: slice) -> Tensor:
    """The maxima of some regions. Shapes: (P, C), … -> (R, rows, columns, C)."""
    (row, row_counts), (column, column_counts) = ([one[some] for one in axis] for axis in reach)
    line = maps.first[some].view(-1, 1, 1) + row * maps.width[some].view(-1, 1, 1)
    places = (line[:, :, None, :, None] + column[:, None, :, None, :]).flatten(3)
    counts = (row_counts[:, :, None, :, None] & column_counts[:, None, :, None, :]).flatten(3)
    with torch.no_grad():
        values = table[places].masked_fill(~counts.unsqueeze(-1), -torch.inf)
        best = values.argmax(dim=3)  # the first of equals
    winners = places.gather(3, best)
    largest = table.gather(0, winners.flatten(0, 2)).unflatten(0, places.shape[:3])
    return torch.where(counts.any(dim=3).unsqueeze(-1), largest, 0)

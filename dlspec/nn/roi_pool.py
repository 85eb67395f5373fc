"""RoI pool: the largest feature in each cell of a grid over a region, its borders rounded to pixels.

Girshick, "Fast R-CNN" (2015), section 2.1. A bin is a bag of rows of a table, of which `embedding_bag`
takes the largest.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dlspec.nn.onnx_operators import exporting, onnx_roi_pool
from dlspec.nn.pixel_table import Maps, maps_of, pixel_table
from dlspec.nn.programs import in_program
from dlspec.nn.rois import image_index, rois_from_boxes
from dlspec.nn.torchvision_kernels import compiled


def roi_pool(
    input: Tensor, boxes: Tensor | Sequence[Tensor], output_size: int | Sequence[int], spatial_scale: float = 1.0
) -> Tensor:
    """The maximum of each bin; 0 where a bin has no pixel. Only the maximum gets a gradient.

    Shapes: (N, C, H, W), and rois (R, 5) or N of (M, 4) -> (R, C, *output_size). Differentiable in `input`.
    """
    rois = boxes if isinstance(boxes, Tensor) else rois_from_boxes(boxes)
    size = (output_size, output_size) if isinstance(output_size, int) else output_size
    if exporting():
        return onnx_roi_pool(input, rois, size, spatial_scale)
    if in_program():
        read: Tensor = _roi_pool(input, rois, size[0], size[1], spatial_scale)
        return read
    if kernel := compiled("roi_pool"):
        pooled: Tensor = kernel(input, rois, spatial_scale, size[0], size[1])[0]
        return pooled
    table = pixel_table([input])
    if not len(rois):
        return table[:0].reshape(0, table.shape[1], *size).to(input.dtype)
    maps = maps_of([input], image_index(rois), None)
    corners = _half_away(rois.detach()[:, 1:] * spatial_scale)
    starts, ends = corners.split(2, dim=1)
    lengths = (ends - starts + 1).clamp(min=1)
    columns = _reads(starts[:, 0], lengths[:, 0], size[1], maps.width)
    rows = _reads(starts[:, 1], lengths[:, 1], size[0], maps.height)
    return _largest(table, maps, rows, columns).permute(0, 3, 1, 2).to(input.dtype)


@torch.library.custom_op("dlspec::roi_pool", mutates_args=())
def _roi_pool(input: Tensor, rois: Tensor, rows: int, columns: int, spatial_scale: float) -> Tensor:
    return roi_pool(input, rois, (rows, columns), spatial_scale).clone()  # never a view


@_roi_pool.register_fake
def _(input: Tensor, rois: Tensor, rows: int, columns: int, spatial_scale: float) -> Tensor:
    return input.new_empty(rois.shape[0], input.shape[1], rows, columns)


def _half_away(values: Tensor) -> Tensor:
    """Rounded as C's `round` does, halves away from zero."""
    return values.sign() * (values.abs() + 0.5).floor()


def _reads(start: Tensor, length: Tensor, bins: int, extent: Tensor) -> tuple[Tensor, Tensor]:
    """Along one axis, the pixels of each bin and which bins have any; the last stands in where there are fewer.

    Shapes: (R) each -> (R, bins, most), (R, bins).
    """
    width, bin = (length / bins).unsqueeze(1), torch.arange(bins, device=start.device)
    edges = (bin * width).floor(), ((bin + 1) * width).ceil()
    begin, end = ((edge + start.unsqueeze(1)).clamp(min=0).minimum(extent.unsqueeze(1)).long() for edge in edges)
    places = begin.unsqueeze(2) + torch.arange(max(int((end - begin).max()), 1), device=start.device)
    return places.minimum(end.unsqueeze(2) - 1).clamp(min=0), begin < end


def _largest(table: Tensor, maps: Maps, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor]) -> Tensor:
    """The largest of each bin. Shapes: (P, C), … -> (R, rows, columns, C)."""
    line = maps.first.view(-1, 1, 1) + rows[0] * maps.width.view(-1, 1, 1)
    places = line[:, :, None, :, None] + columns[0][:, None, :, None, :]
    with torch.autocast(table.device.type, enabled=False):
        best: Tensor = functional.embedding_bag(places.flatten(3).flatten(0, 2), table, mode="max")
    filled = rows[1].unsqueeze(2) & columns[1].unsqueeze(1)
    return torch.where(filled.unsqueeze(-1), best.view(*places.shape[:3], -1), 0)

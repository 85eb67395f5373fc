"""RoI align: a fixed grid of features for each region, read between the pixels and never rounded.

He et al., "Mask R-CNN" (2017), section 3. A bin is the mean of points read by bilinear interpolation, so it is a
weighted sum of a few pixels: a bag of rows of a table, which `embedding_bag` adds up without copying the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dlspec.nn.onnx_operators import exporting, onnx_roi_align
from dlspec.nn.pixel_table import Maps, maps_of, pixel_table
from dlspec.nn.programs import in_program
from dlspec.nn.rois import image_index, rois_from_boxes
from dlspec.nn.torchvision_kernels import compiled

# Pixels read at a time: an index and a weight are kept for each.
_MOST_READS = 1 << 24


def roi_align(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Features of each region, averaged over the bins of a grid.

    `spatial_scale` takes the boxes' pixels to the map's. A bin averages `sampling_ratio` points in each direction, or,
    if that is not positive, one for each pixel of the map that it is wide. `aligned` puts the centres of pixels at
    half coordinates; without it the grid lies half a pixel off, and a region is at least a pixel wide. Points more
    than a pixel outside count as zero.

    Shapes: (N, C, H, W), and rois (R, 5) or N of (M, 4) -> (R, C, *output_size). Differentiable in `input`.
    """
    rois = boxes if isinstance(boxes, Tensor) else rois_from_boxes(boxes)
    rows, columns = (output_size, output_size) if isinstance(output_size, int) else output_size
    if exporting():
        return onnx_roi_align(input, rois, (rows, columns), spatial_scale, sampling_ratio, aligned)
    if in_program():
        read: Tensor = _roi_align(input, rois, rows, columns, spatial_scale, sampling_ratio, aligned)
        return read
    if kernel := compiled("roi_align"):
        pooled: Tensor = kernel(input, rois, spatial_scale, rows, columns, sampling_ratio, aligned)
        return pooled
    return aligned_regions([input], rois, (rows, columns), [spatial_scale], None, sampling_ratio, aligned)


@torch.library.custom_op("dlspec::roi_align", mutates_args=())
def _roi_align(
    input: Tensor, rois: Tensor, rows: int, columns: int, spatial_scale: float, sampling_ratio: int, aligned: bool
) -> Tensor:
    return roi_align(input, rois, (rows, columns), spatial_scale, sampling_ratio, aligned).clone()  # never a view


@_roi_align.register_fake
def _(
    input: Tensor, rois: Tensor, rows: int, columns: int, spatial_scale: float, sampling_ratio: int, aligned: bool
) -> Tensor:
    return input.new_empty(rois.shape[0], input.shape[1], rows, columns)


def aligned_regions(
    features: Sequence[Tensor],
    rois: Tensor,
    output_size: tuple[int, int],
    scales: Sequence[float],
    levels: Tensor | None = None,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """RoI align of maps of several scales, each region from its own.

    Shapes: L of (N, C, h, w), (R, 5), L scales, (R) in 0..L-1 -> (R, C, *output_size).
    """
    table = pixel_table(features)
    if not len(rois):  # still a function of the maps, so that their gradients are zero and not missing
        return table[:0].reshape(0, table.shape[1], *output_size).to(features[0].dtype)
    maps = maps_of(features, image_index(rois), levels)
    scale = torch.tensor(scales, dtype=table.dtype).to(table.device, non_blocking=True)
    corners = rois.detach()[:, 1:].to(table.dtype) * (scale if levels is None else scale[levels].unsqueeze(1))
    starts, ends = (corners - 0.5 if aligned else corners).split(2, dim=1)
    lengths = ends - starts if aligned else (ends - starts).clamp(min=1)
    columns, rows = (
        axis_reads(starts[:, axis], lengths[:, axis], bins, extent, sampling_ratio)
        for axis, (bins, extent) in enumerate([(output_size[1], maps.width), (output_size[0], maps.height)])
    )
    sums = [_sums(table, maps, rows, columns, some) for some in _portions(rows[0].shape, columns[0].shape)]
    return torch.cat(sums).permute(0, 3, 1, 2).to(features[0].dtype)


def axis_reads(start: Tensor, length: Tensor, bins: int, extent: Tensor, ratio: int) -> tuple[Tensor, Tensor]:
    """Along one axis, the pixels that each bin reads and their weights. Shapes: (R) each -> (R, bins, reads) each."""
    start, width, last = start.view(-1, 1, 1), (length / bins).view(-1, 1, 1), (extent - 1).view(-1, 1, 1)
    points = width.new_full((1, 1, 1), ratio) if ratio > 0 else width.ceil()
    number = torch.arange(ratio if ratio > 0 else max(int(points.max()), 1), device=start.device)
    bin = torch.arange(bins, device=start.device).view(-1, 1)
    at = start + bin * width + (number + 0.5) * width / points.clamp(min=1)
    read = (at >= -1) & (at <= last + 1) & (number < points)
    at = at.clamp(min=0).minimum(last)
    low = at.long()
    upper = at - low
    weights = torch.cat([1 - upper, upper], dim=2) * (read / points.clamp(min=1)).repeat(1, 1, 2)
    return torch.cat([low, (low + 1).minimum(last)], dim=2), weights


def _portions(rows: torch.Size, columns: torch.Size) -> list[slice]:
    """The regions, in portions whose reads fit the memory."""
    step = max(1, _MOST_READS // (rows[1:].numel() * columns[1:].numel()))
    return [slice(begin, begin + step) for begin in range(0, rows[0], step)]


def _sums(
    table: Tensor, maps: Maps, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor], some: slice
) -> Tensor:
    """The weighted sum of each bin's pixels, for some regions. Shapes: (P, C), … -> (R, rows, columns, C)."""
    (row, row_weight), (column, column_weight) = ([one[some] for one in axis] for axis in (rows, columns))
    first, width = maps.first[some].view(-1, 1, 1), maps.width[some].view(-1, 1, 1)
    line = first + row * width
    places = line[:, :, None, :, None] + column[:, None, :, None, :]
    weights = row_weight[:, :, None, :, None] * column_weight[:, None, :, None, :]
    with torch.autocast(table.device.type, enabled=False):
        bags: Tensor = functional.embedding_bag(
            places.flatten(3).flatten(0, 2), table, per_sample_weights=weights.flatten(3).flatten(0, 2), mode="sum"
        )
    return bags.view(*places.shape[:3], -1)

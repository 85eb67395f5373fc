"""ONNX's own operators for suppression and region pooling, used while a network is exported to ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def exporting() -> bool:
    """Whether the network is being exported to ONNX."""
    return torch.onnx.is_in_onnx_export()


def onnx_nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """NonMaxSuppression of ONNX. Shapes: (N, 4), (N) -> (K), int64, by falling score."""
    count = torch.nonzero(scores >= 0).shape[
        0
    ]  # a size that only a run knows; the exporter drops what it was taken from
    inputs = (
        boxes.detach().unsqueeze(0),
        scores.detach().view(1, 1, -1),
        torch.tensor([boxes.shape[0]]),  # at most all of them stay
        torch.tensor([iou_threshold], dtype=torch.float32),
    )
    chosen = torch.onnx.ops.symbolic("NonMaxSuppression", inputs, dtype=torch.int64, shape=(count, 3))
    return chosen[:, 2]  # beside the number of the batch and of the class


def onnx_suppression(boxes: Tensor, scores: Tensor, iou_threshold: float, score_threshold: float) -> Tensor:
    """NonMaxSuppression of ONNX, each line by itself, of what scores above the threshold.

    Shapes: (B, S, 4), (B, C, S) -> (B, C, S) bool: what stays.
    """
    count = torch.nonzero(scores > score_threshold).shape[
        0
    ]  # a size that only a run knows: the exporter drops the rest
    inputs = (
        boxes.detach(),
        scores.detach(),
        torch.full((1,), scores.shape[2], dtype=torch.int64),  # at most all of a line stay
        torch.tensor([iou_threshold], dtype=torch.float32),
        torch.tensor([score_threshold], dtype=torch.float32),
    )
    chosen = torch.onnx.ops.symbolic("NonMaxSuppression", inputs, dtype=torch.int64, shape=(count, 3))
    batch, line, row = chosen.unbind(1)
    places = (batch * scores.shape[1] + line) * scores.shape[2] + row
    stays = torch.zeros_like(scores, dtype=torch.int64).flatten()
    return stays.scatter(0, places, 1).view_as(scores) > 0


def onnx_roi_pool(input: Tensor, rois: Tensor, output_size: Sequence[int], spatial_scale: float) -> Tensor:
    """MaxRoiPool of ONNX. Shapes: (N, C, H, W), (R, 5) -> (R, C, *output_size)."""
    attributes: dict[str, Any] = {"pooled_shape": list(output_size), "spatial_scale": spatial_scale}
    shape = (rois.shape[0], input.shape[1], *output_size)
    return torch.onnx.ops.symbolic("MaxRoiPool", (input, rois), attributes, dtype=input.dtype, shape=shape)


def onnx_roi_align(
    input: Tensor, rois: Tensor, output_size: tuple[int, int], spatial_scale: float, sampling_ratio: int, aligned: bool
) -> Tensor:
    """RoiAlign of ONNX. Shapes: (N, C, H, W), (R, 5) -> (R, C, *output_size)."""
    attributes: dict[str, Any] = {
        "mode": "avg",
        "output_height": output_size[0],
        "output_width": output_size[1],
        "sampling_ratio": max(sampling_ratio, 0),
        "spatial_scale": spatial_scale,
        "coordinate_transformation_mode": "half_pixel" if aligned else "output_half_pixel",
    }
    return torch.onnx.ops.symbolic(
        "RoiAlign",
        (input, rois[:, 1:], rois[:, 0].long()),
        attributes,
        dtype=input.dtype,
        shape=(rois.shape[0], input.shape[1], *output_size),
    )

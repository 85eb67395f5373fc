"""What a region proposal network learns from: a sample of its anchors, and the objects that they should find."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dlspec.nn.box_coding import encode_boxes
from dlspec.nn.box_iou import box_iou
from dlspec.nn.matching import BELOW, match
from dlspec.nn.proposals import flat_predictions
from dlspec.nn.rois import padded
from dlspec.nn.sampling import balanced_sample

# Where the absolute error becomes a squared one; the paper's code has 1/σ² with σ = 3.
_BETA = 1 / 9


def rpn_loss(
    objectness: Sequence[Tensor],
    deltas: Sequence[Tensor],
    anchors: Tensor,
    boxes: Sequence[Tensor],
    fg_iou_thresh: float = 0.7,
    bg_iou_thresh: float = 0.3,
    batch_size_per_image: int = 256,
    positive_fraction: float = 0.5,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """The losses of objectness and of boxes, over a balanced sample of the anchors of each image.

    Ren et al., "Faster R-CNN" (2015), equation 1, both normalised by the size of the sample. Without a positive the
    second is 0, with gradients that are 0.

    Shapes: L of (N, A, h, w), L of (N, 4A, h, w), (sum of h·w·A, 4), N of (M, 4) -> (), ().
    """
    truth, real = padded([some.to(anchors.dtype) for some in boxes])
    with torch.no_grad():
        matches = match(box_iou(truth, anchors), fg_iou_thresh, bg_iou_thresh, True, real)
        positive, negative = balanced_sample(_labels(matches), batch_size_per_image, positive_fraction, generator)
        images, places = torch.nonzero(positive, as_tuple=True)
        targets = encode_boxes(truth[images, matches[images, places]], anchors[places])
    sampled = positive | negative
    count = sampled.sum().clamp(min=1)
    logits, codes = flat_predictions(objectness, 1).squeeze(2).float(), flat_predictions(deltas, 4)
    loss_objectness = functional.binary_cross_entropy_with_logits(
        logits[sampled], positive[sampled].to(logits.dtype), reduction="sum"
    )
    loss_box = functional.smooth_l1_loss(codes[images, places].float(), targets, beta=_BETA, reduction="sum")
    return loss_objectness / count, loss_box / count


def _labels(matches: Tensor) -> Tensor:
    """1 for an object, 0 for background, -1 for what lies between and teaches nothing."""
    return torch.where(matches >= 0, 1, torch.where(matches == BELOW, 0, -1))

"""What a region proposal network learns from: a sample of its anchors, and the objects that they should find."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dlspec.nn.box_coding import encode_boxes
from dlspec.nn.box_iou import box_iou
from dlspec.nn.matching import BELOW, match
from dlspec.nn.precision import single_at_least
from dlspec.nn.proposals import flat_predictions
from dlspec.nn.rois import padded
from dlspec.nn.sampling import balanced_sample
from dlspec.nn.shared_batch import divisor

# Where the absolute error becomes a squared one: the paper's code has 1/σ² with σ = 3.
SMOOTH_BELOW = 1 / 9


def match_anchors(
    anchors: Sequence[Tensor],
    boxes: Sequence[Tensor],
    fg_iou_thresh: float = 0.7,
    bg_iou_thresh: float = 0.3,
    batch_size_per_image: int = 256,
    positive_fraction: float = 0.5,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """A balanced sample of the anchors of each image, and the corrections that would make them the objects' boxes.

    Ren et al., "Faster R-CNN" (2015), section 3.1.2. The labels are 1 for an object, 0 for background, -1 for what was
    not drawn; corrections are 0 where there is no object.

    Shapes: L of (S', 4), N of (M, 4) -> labels (N, S), targets (N, S, 4), S all anchors; float32.
    """
    together = torch.cat(list(anchors))
    truth, real = padded([some.to(together.dtype) for some in boxes])
    with torch.no_grad():
        matches = match(box_iou(truth, together), fg_iou_thresh, bg_iou_thresh, True, real)
        kinds = torch.where(matches >= 0, 1, torch.where(matches == BELOW, 0, -1))
        positive, negative = balanced_sample(kinds, batch_size_per_image, positive_fraction, generator)
        images, places = torch.nonzero(positive, as_tuple=True)
        targets = together.new_zeros(*matches.shape, 4)
        targets[images, places] = encode_boxes(truth[images, matches[images, places]], together[places])
        labels = torch.where(positive, 1.0, torch.where(negative, 0.0, -1.0))
    return labels, targets


def rpn_loss(
    objectness: Sequence[Tensor], deltas: Sequence[Tensor], labels: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """The losses of objectness and of boxes over the anchors that were drawn.

    Ren et al., "Faster R-CNN" (2015), equation 1, both divided by the size of the sample. Without an object the second
    is 0, and so are its gradients, which are there all the same.

    Shapes: L of (N, A, h, w), L of (N, 4A, h, w), (N, S), (N, S, 4) -> (), ().
    """
    drawn, positive = labels >= 0, labels > 0
    logits = single_at_least(flat_predictions(objectness, 1).squeeze(2)[drawn])
    codes = single_at_least(flat_predictions(deltas, 4)[positive])
    count = divisor(drawn.sum(), logits)
    loss_objectness = functional.binary_cross_entropy_with_logits(
        logits, labels[drawn].to(logits.dtype), reduction="sum"
    )
    loss_box = functional.smooth_l1_loss(codes, targets[positive], beta=SMOOTH_BELOW, reduction="sum")
    return loss_objectness / count, loss_box / count

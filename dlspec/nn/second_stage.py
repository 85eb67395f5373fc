"""What the second stage of a detector learns from: a sample of the proposals, named and corrected by the truth."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from dlspec.nn.box_coding import encode_boxes
from dlspec.nn.box_iou import box_iou
from dlspec.nn.groups import rank_in_group
from dlspec.nn.matching import BETWEEN, match
from dlspec.nn.precision import single_at_least
from dlspec.nn.rois import image_index, rois_from_boxes
from dlspec.nn.rpn_loss import SMOOTH_BELOW
from dlspec.nn.sampling import balanced_sample
from dlspec.nn.shared_batch import divisor


def sample_rois(
    rois: Tensor,
    boxes: Sequence[Tensor],
    labels: Sequence[Tensor],
    fg_iou_thresh: float = 0.5,
    bg_iou_thresh: float = 0.5,
    batch_size_per_image: int = 512,
    positive_fraction: float = 0.25,
    bbox_reg_weights: Sequence[float] = (10.0, 10.0, 5.0, 5.0),
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A balanced sample of the proposals and the true boxes: regions, classes, corrections, and the object of each.

    Girshick, "Fast R-CNN" (2015), section 2.3. Background has class 0, corrections 0 and object 0; an object is counted
    within its image.

    Shapes: (R, 5), N of (M, 4), N of (M) -> (P, 5), (P), (P, 4), (P), image by image.
    """
    with torch.no_grad():
        truth, classes = rois_from_boxes(boxes).to(rois.dtype), torch.cat(list(labels))
        rois = torch.cat([rois.detach(), truth])
        rois = rois[torch.sort(image_index(rois), stable=True).indices]
        images, owners = image_index(rois), image_index(truth)
        overlap = box_iou(truth[:, 1:], rois[:, 1:]).masked_fill(owners.unsqueeze(1) != images, -1)
        matches = match(overlap, fg_iou_thresh, bg_iou_thresh)
        kinds = torch.where(matches >= 0, 1, torch.where(matches == BETWEEN, -1, 0))
        rows = _drawn(images, kinds, len(boxes), batch_size_per_image, positive_fraction, generator)
        rois, matches = rois[rows], matches[rows]
        positive = torch.nonzero(matches >= 0).squeeze(1)
        found = matches[positive]
        named, numbers = (torch.zeros_like(matches) for _ in range(2))
        targets = torch.zeros_like(rois[:, 1:])
        named[positive] = classes[found]
        numbers[positive] = rank_in_group(owners)[found]
        targets[positive] = encode_boxes(truth[found, 1:], rois[positive, 1:], bbox_reg_weights)
        return rois, named, targets, numbers


def _drawn(
    images: Tensor,
    kinds: Tensor,
    num_images: int,
    batch_size_per_image: int,
    positive_fraction: float,
    generator: torch.Generator | None,
) -> Tensor:
    """The rows that were drawn, in their order. Shapes: (R) sorted, (R) -> (P)."""
    places = rank_in_group(images)
    table = kinds.new_full((num_images, int(places.max()) + 1 if len(places) else 0), -1)
    table[images, places] = kinds
    positive, negative = balanced_sample(table, batch_size_per_image, positive_fraction, generator)
    return torch.nonzero((positive | negative)[images, places]).squeeze(1)


def foreground(rois: Tensor, labels: Tensor, matched: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The rows that are not background. Shapes: (P, 5), (P), (P) -> (F, 5), (F), (F)."""
    rows = torch.nonzero(labels > 0).squeeze(1)
    return rois[rows], labels[rows], matched[rows]


def fastrcnn_loss(scores: Tensor, deltas: Tensor, labels: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The losses of the class and of the box: the box predicted for the own class counts, of objects only.

    Girshick, "Fast R-CNN" (2015), equation 1, both divided by the number of regions. Without an object the second is 0,
    and so are its gradients, which are there all the same.

    Shapes: (P, K), (P, 4K), (P), (P, 4) -> (), ().
    """
    rows = torch.nonzero(labels > 0).squeeze(1)
    own = single_at_least(deltas.unflatten(1, (-1, 4))[rows, labels[rows]])
    loss_classifier = functional.cross_entropy(single_at_least(scores), labels, reduction="sum")
    count = divisor(labels.shape[0], loss_classifier)
    loss_box = functional.smooth_l1_loss(own, targets[rows], beta=SMOOTH_BELOW, reduction="sum")
    return loss_classifier / count, loss_box / count

"""From the scores and corrections of the second stage to what a detector says it found."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dlspec.nn.box_coding import decode_boxes
from dlspec.nn.boxes import clip_boxes_to_image, sides_reach
from dlspec.nn.proposals import best_per_image
from dlspec.nn.rois import image_index
from dlspec.nn.suppression import batched_nms


def postprocess_detections(
    scores: Tensor,
    deltas: Tensor,
    rois: Tensor,
    sizes: Tensor,
    score_thresh: float = 0.05,
    nms_thresh: float = 0.5,
    detections_per_img: int = 100,
    bbox_reg_weights: Sequence[float] = (10.0, 10.0, 5.0, 5.0),
    min_size: float = 1e-2,
    activation: str = "softmax",
) -> tuple[Tensor, Tensor, Tensor]:
    """The best boxes of each image, their scores and classes.

    A region may be of several classes; suppression is within each. `scores` are logits with the background first,
    `sizes` the heights and widths of the images. With the activation `sigmoid` each class has a chance of its own, as
    where each was learned by itself.

    Shapes: (R, K), (R, 4K), (R, 5), (N, 2) -> rois (D, 5), scores (D), labels (D) in 1..K-1, image by image, by
    falling score; D <= N·detections_per_img.
    """
    images, count = image_index(rois), scores.shape[1]
    boxes = decode_boxes(deltas.float(), rois[:, 1:], bbox_reg_weights).unflatten(1, (count, 4))
    boxes = clip_boxes_to_image(boxes, sizes[images].unsqueeze(1))[:, 1:]
    chances = (scores.float().softmax(dim=1) if activation == "softmax" else scores.float().sigmoid())[:, 1:]
    rows, classes = torch.nonzero((chances > score_thresh) & sides_reach(boxes, min_size), as_tuple=True)
    return best_detections(
        boxes[rows, classes], chances[rows, classes], classes + 1, images[rows], nms_thresh, detections_per_img
    )


def best_detections(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    images: Tensor,
    nms_thresh: float = 0.5,
    detections_per_img: int = 100,
) -> tuple[Tensor, Tensor, Tensor]:
    """The best candidates of each image after suppression within each class.

    Shapes: (M, 4), (M), (M), (M) image indices -> rois (D, 5), scores (D), labels (D), image by image, best first.
    """
    most = torch.cat([labels, labels.new_zeros(1)]).max()  # there is a largest even of no labels
    groups = images * (most + 1) + labels
    keep = best_per_image(images, batched_nms(boxes, scores, groups, nms_thresh), detections_per_img)
    rois = torch.cat([images[keep].unsqueeze(1).to(boxes.dtype), boxes[keep]], dim=1)
    return rois, scores[keep], labels[keep]

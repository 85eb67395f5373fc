"""Focal loss: cross-entropy that cares little for what is already told apart, so that easy background weighs little."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from dlspec.nn.box_losses import reduced


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "none"
) -> Tensor:
    """Lin et al., "Focal Loss for Dense Object Detection" (2017), equation 5, of logits.

    `alpha` weighs the positives, and 1 - alpha the negatives; below 0 nothing is weighed. Cross-entropy with `gamma` 0.

    Shapes: any, and the same of 0 and 1 -> the same, or () if reduced by `mean` or `sum`.
    """
    entropy = functional.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    chance = inputs.sigmoid()
    missed = chance * (1 - targets) + (1 - chance) * targets
    loss = entropy * missed**gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return reduced(loss, reduction)

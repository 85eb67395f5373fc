"""Targets that are a class for every pixel: which of them are judged, their loss, and how they are counted."""

from __future__ import annotations

from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor

from dlspec.plan.losses import CrossEntropy, Loss, Nll
from dlspec.training.errors import RunError
from dlspec.training.maps import Maps
from dlspec.training.objects import IGNORED, Targets
from dlspec.training.ragged import Images, Ragged, filled_up

MAPS_AT_ONCE = 16
"""Images of a batch that is judged: the scores of a map take as much memory as there are classes."""


def is_map(targets: Targets) -> TypeGuard[Tensor | Maps | Ragged]:
    """Whether targets (N, H, W) are class maps, not classes (N), numbers (N, targets) or objects."""
    if isinstance(targets, Maps | Ragged):
        return True
    return isinstance(targets, Tensor) and targets.dim() == 3 and not targets.is_floating_point()


def named_classes(targets: Tensor) -> Tensor:
    """The targets that name a class: in maps all but the pixels that nothing is asked of."""
    return targets[targets != IGNORED] if is_map(targets) else targets


def together(
    images: Images, targets: Targets, *, as_list: bool, multiple: int = 1, ignored: int | None = None
) -> tuple[Images, Targets]:
    """A batch as the network takes it: of several sizes filled up to one with zeros, unless it takes a list of images.

    Height and width become multiples of `multiple`. Class maps are filled up with the class that is not judged.
    """
    if isinstance(targets, Ragged):
        targets = filled_up(targets, IGNORED if ignored is None else ignored, multiple)
    if isinstance(images, Ragged) and not as_list:
        images = filled_up(images, 0, multiple)
    return images, targets


def check_map_sizes(scores: Tensor, targets: Tensor) -> None:
    """Raise RunError unless there is a score a class (N, classes, H, W) for every pixel of the targets (N, H, W)."""
    wanted = " ".join(map(str, targets.shape[1:]))
    if scores.dim() != 4 or scores.shape[2:] != targets.shape[1:]:
        given = " ".join(map(str, scores.shape[1:]))
        told = f"the network gives {given} for each sample, and the class maps are {wanted}"
        raise RunError(told, f"give it one channel a class at {wanted}", code="E0705")


def ignored_class(loss: Loss, *, maps: bool) -> int | None:
    """The class of what a loss does not judge; None where it judges everything."""
    written: int | None = getattr(loss, "ignore_index", None)
    return IGNORED if written is None and maps else written


def judged(loss: Loss, targets: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Targets, and tensors of their shape, without what the loss does not judge."""
    ignored = ignored_class(loss, maps=is_map(targets))
    if ignored is None or not (kept := targets != ignored).logical_not().any():
        return targets, *others
    return targets[kept], *(other[kept] for other in others)


def mean_of_judged(loss: CrossEntropy | Nll, scores: Tensor, targets: Tensor, weight: Tensor | None) -> Tensor:
    """The mean of `F.cross_entropy` or `F.nll_loss` over what is judged; 0, not NaN, where that is nothing.

    Scores (N, classes) or (N, classes, H, W), targets (N) or (N, H, W). With weights the mean is theirs, as in torch.
    """
    ignored = ignored_class(loss, maps=is_map(targets))
    index = -100 if ignored is None else ignored
    if isinstance(loss, CrossEntropy):
        total = F.cross_entropy(
            scores, targets, weight, ignore_index=index, label_smoothing=loss.label_smoothing, reduction="sum"
        )
    else:
        total = F.nll_loss(scores, targets, weight, ignore_index=index, reduction="sum")
    kept = targets != index
    shares = kept.to(total.dtype) if weight is None else weight[targets.where(kept, 0)] * kept
    return total / shares.sum().clamp(min=torch.finfo(total.dtype).tiny)


def loss_of_each(loss: Loss, scores: Tensor, targets: Tensor) -> Tensor:
    """The mean over the pixels of each map alone (N)."""
    from dlspec.training.objective import loss_of

    return torch.stack([loss_of(loss, *one) for one in zip(scores.split(1), targets.split(1), strict=True)])


def intersection_over_union(confusion: Tensor) -> Tensor:
    """For each class what truth and prediction share, of what either covers; NaN for a class that is in neither.

    From a matrix with a row for each true class and a column for each predicted one.
    """
    table = confusion.double()
    right = table.diag()
    return right / (table.sum(0) + table.sum(1) - right)


def mean_iou(confusion: Tensor, without: tuple[int, ...] = ()) -> float:
    """The mean over classes that occur, but for some; NaN where none is left."""
    found = intersection_over_union(confusion)
    kept = [number for number in range(len(found)) if number not in without]
    return float(found[kept].nanmean())


def table(confusion: Tensor, names: tuple[str, ...]) -> list[dict[str, object]]:
    """A row for each class: its IoU, how much of it was found, how much of what was said to be it is, its pixels."""
    counts = confusion.double()
    rows = zip(
        names,
        intersection_over_union(confusion).tolist(),
        (counts.diag() / counts.sum(1)).tolist(),
        (counts.diag() / counts.sum(0)).tolist(),
        confusion.sum(1).tolist(),
        strict=True,
    )
    return [
        {"class": name, "iou": _said(iou), "recall": _said(recall), "precision": _said(precision), "pixels": pixels}
        for name, iou, recall, precision, pixels in rows
    ]


def _said(share: float) -> float | None:
    return None if share != share else round(share, 6)

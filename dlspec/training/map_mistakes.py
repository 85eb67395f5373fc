"""The images of `val` that a segmentation is worst at: those whose classes share least with the true ones."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from dlspec.plan.losses import Loss
from dlspec.record import Record
from dlspec.training import class_map_pictures
from dlspec.training.class_maps import intersection_over_union, judged
from dlspec.training.evaluation import MapJudgement
from dlspec.training.job import Setting
from dlspec.training.mistakes import SHOWN, write_listed
from dlspec.training.ragged import Ragged
from dlspec.training.scene_pictures import SCENES


class MapMistake(Record):
    """An image with how much of its classes was found."""

    row: int
    """Of the data set, the first being 1."""
    iou: float
    """The mean of what truth and prediction share of each class, of what either covers; of the classes of either."""
    wrong: float
    """The share of pixels that are of another class."""
    loss: float
    file: str = ""
    """What the image was read from, where it has a file of its own."""


def write_worst_maps(setting: Setting, judgement: MapJudgement, out: Path) -> list[tuple[bytes, bool]]:
    """`mistakes.json` and `mistakes.png` of the worst images; small pictures of each, and that they are no ink."""
    samples, names = setting.splits.val, setting.dataset.classes
    shares = [
        _shares(setting.plan.loss[0].loss, true, predicted, len(names))
        for true, predicted in _pairs(samples.targets, judgement.maps)
    ]
    order = torch.tensor(sorted(range(len(shares)), key=lambda place: shares[place][0])[:SHOWN])
    found = []
    for place in order.tolist():
        row = int(setting.splits.rows["val"][place]) + 1
        file = setting.dataset.names[row - 1] if setting.dataset.names else ""
        iou, wrong = (round(share, 6) for share in shares[place])
        found.append(MapMistake(row, iou, wrong, round(float(judgement.each[place]), 6), file))
    write_listed(found, out / "mistakes.json")
    images, true = samples.taken(order)
    maps, few = judgement.maps[order], slice(SCENES)
    assert isinstance(true, Tensor | Ragged)
    words = [f"{one.file or f'row {one.row:,}'}: IoU {one.iou:.1%}, {one.wrong:.1%} wrong" for one in found[few]]
    class_map_pictures.write_maps(images[few], true[few], maps[few], names, out / "mistakes.png", words)
    return [(class_map_pictures.thumbnail(*one), False) for one in zip(images, true, maps, strict=True)]


def _pairs(targets: object, maps: Tensor | Ragged) -> list[tuple[Tensor, Tensor]]:
    """The true and the predicted map of each image."""
    return [(targets[slice(place, place + 1)], one) for place, one in enumerate(maps)]  # type: ignore[index]


def _shares(loss: Loss, true: Tensor | Ragged, predicted: Tensor, classes: int) -> tuple[float, float]:
    """The mean IoU of one image's classes, and the share of its pixels that are wrong; 1 and 0 where none is judged."""
    wanted, given = judged(loss, next(iter(true))[None], predicted[None].long())
    if not len(wanted):
        return 1.0, 0.0
    counts = torch.bincount((wanted * classes + given).flatten(), minlength=classes**2).view(classes, classes)
    return float(intersection_over_union(counts).nanmean()), float((wanted != given).float().mean())

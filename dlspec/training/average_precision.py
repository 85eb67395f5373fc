"""COCO's mean average precision, by faster-coco-eval, of boxes or of masks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import contextmanager
from copy import deepcopy

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.found import Found, as_coco, results
from dlspec.training.mask_runs import coco
from dlspec.training.objects import Objects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

KINDS = {"boxes": "bbox", "masks": "segm"}
"""What COCO calls each way to judge."""


class ClassPrecision(Record):
    """Average precision of one class over IoUs from 0.5 to 0.95, and at 0.5; None where no object of it is there."""

    name: str
    objects: int
    ap: float | None
    ap50: float | None


class Precision(Record):
    """The means over the classes that occur, and each class."""

    map: float
    map50: float
    classes: list[ClassPrecision]


def average_precision(
    objects: Objects,
    found: Sequence[Found],
    sizes: Sequence[Sequence[int]],
    classes: Sequence[str],
    kind: str = "boxes",
) -> Precision:
    """Judge what was found in each image against its objects; `kind` is `boxes` or `masks`.

    `classes` are all names, that of the background first; `sizes` height and width of each image. At most 100
    detections of an image count, as in COCO. Raises RunError without the library.
    """
    library = coco()
    truth = as_coco(objects, sizes, classes)
    given = results(found)
    if kind == "masks":
        given = [{key: value for key, value in one.items() if key != "bbox"} for one in given]
    with _quiet():
        own = library.COCO(deepcopy(truth))
        judged = library.COCOeval_faster(own, own.loadRes(given), iouType=KINDS[kind])
        judged.evaluate()
        judged.accumulate()
    precision = judged.eval["precision"][:, :, :, 0, -1]  # (IoUs, recalls, classes), of all areas, of 100 detections
    each = []
    for place, category in enumerate(truth["categories"]):
        count = sum(one["category_id"] == category["id"] and not one["iscrowd"] for one in truth["annotations"])
        own_precision = precision[:, :, place]
        ap, ap50 = (float(own_precision.mean()), float(own_precision[0].mean())) if count else (None, None)
        each.append(ClassPrecision(category["name"], count, ap, ap50))
    return Precision(_mean([one.ap for one in each]), _mean([one.ap50 for one in each]), each)


def _mean(values: Sequence[float | None]) -> float:
    """The mean of what is there; 0 of nothing."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else 0.0


@contextmanager
def _quiet() -> Iterator[None]:
    """The library tells of its progress through `logging`."""
    logger = logging.getLogger("faster_coco_eval")
    before, logger.level = logger.level, logging.ERROR
    try:
        yield
    finally:
        logger.level = before


def table(judged: dict[str, Precision]) -> list[dict[str, Any]]:
    """A row for each class: its objects, and what each way to judge gives it."""
    first = next(iter(judged.values()))
    rows: list[dict[str, Any]] = []
    for place, one in enumerate(first.classes):
        row: dict[str, Any] = {"class": one.name, "objects": one.objects}
        for kind, precision in judged.items():
            before = "mask_" if kind == "masks" else ""
            row |= {f"{before}ap": precision.classes[place].ap, f"{before}ap50": precision.classes[place].ap50}
        rows.append(row)
    return rows

"""Metrics: which tasks each fits and whether more of it is better."""

from __future__ import annotations

from dlspec.plan.facts import Family
from dlspec.plan.kinds import Count, Whole
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar, Literal


class Metric(Family):
    """A number, or a table, that says how good predictions are."""

    tasks: ClassVar[tuple[str, ...]] = ("classes", "two_classes")
    better: ClassVar[str] = "higher"
    scalar: ClassVar[bool] = True
    """Whether it is one number, so that a checkpoint can be chosen by it."""


class Accuracy(Metric):
    """Share of samples, or of the pixels of class maps, whose class is the predicted one."""


class TopKAccuracy(Metric):
    """Share of samples whose class is among the `k` with the highest scores."""

    tasks = ("classes",)

    k: Count = 5
    """How many guesses are allowed."""


class ConfusionMatrix(Metric):
    """How many samples of each class were taken for each class; also drawn as a picture."""

    scalar = False


class Precision(Metric):
    """Of what was predicted to be a class, the share that is."""

    average: Literal["macro", "micro", "weighted"] = "macro"
    """How classes are averaged: alike, by sample, or by their number of samples."""


class Recall(Metric):
    """Of what is a class, the share that was found."""

    average: Literal["macro", "micro", "weighted"] = "macro"
    """How classes are averaged: alike, by sample, or by their number of samples."""


class F1(Metric):
    """The harmonic mean of precision and recall."""

    average: Literal["macro", "micro", "weighted"] = "macro"
    """How classes are averaged: alike, by sample, or by their number of samples."""


class MeanIou(Metric):
    """Mean over classes of what truth and prediction share, as a part of what either of them covers; over all samples.

    The intersection over union of Pascal VOC, Jaccard's index. Classes that are in neither do not count.
    """

    tasks = ("classes",)

    without: tuple[Whole, ...] = ()
    """Classes that are left out of the mean, such as 0 where that is the background."""


class R2(Metric):
    """Share of the target's variance that the prediction explains: 1 - Σ(y - p)² / Σ(y - ȳ)²."""

    tasks = ("numbers",)


class Mae(Metric):
    """Mean absolute error, in the units of the target."""

    tasks = ("numbers",)
    better = "lower"


class Mse(Metric):
    """Mean squared error, in squared units of the target."""

    tasks = ("numbers",)
    better = "lower"


class Rmse(Metric):
    """Root of the mean squared error, in the units of the target."""

    tasks = ("numbers",)
    better = "lower"


class Map(Metric):
    """COCO's mean average precision of boxes: over classes, and over IoUs of 0.5, 0.55, ... 0.95 that make a hit."""

    tasks = ("objects",)


class Map50(Metric):
    """Mean average precision of boxes that overlap the true one with an IoU of at least 0.5."""

    tasks = ("objects",)


class MaskMap(Metric):
    """COCO's mean average precision of masks: as `map`, with the IoU of their pixels."""

    tasks = ("objects",)


class MaskMap50(Metric):
    """Mean average precision of masks that overlap the true one with an IoU of at least 0.5."""

    tasks = ("objects",)


def metrics() -> list[tuple[str, type[Metric]]]:
    """Every metric by its name."""
    return [(name, member) for name, member in Metric.members.items() if issubclass(member, Metric)]

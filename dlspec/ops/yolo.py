"""Operators of detectors without proposals: every cell of a grid says whether an object is centred there, and which.

After "You Only Look Once: Unified, Real-Time Object Detection" (Redmon, Divvala, Girshick, Farhadi; 2016).
"""

from __future__ import annotations

from dlspec.ops.fact import At, Mistake, shown
from dlspec.ops.proposal import stride
from dlspec.ops.region import Given, Region
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.ops.fact import Fact
    from dlspec.ops.kinds import Count, Fraction, Number
    from dlspec.sizes import Dim


class _Grid(Region, abstract=True):
    """What reads a prediction for every cell of a grid over the image."""

    unread = ("image",)

    def bind(self, at: At) -> Sequence[Fact]:
        facts = super().bind(at)
        placed = next(iter(self.placed(at)))
        stride(self, at, Given(placed.name, 0, placed.axes, placed.dtype, placed.fact, placed.position))
        least = self.numbers + 1
        at.at_least(at["P"], least, Mistake(
            "E0323", f"`{self.name}` wants {self.numbers} numbers of boxes for each cell and a score for each class, "
            f"here are {at['P']} in all", shown(facts[0]), input=0,
            notes=["a cell gives a box as two places and two sizes, whether there is an object, then the classes"],
        ))  # fmt: skip
        return facts

    @property
    def numbers(self) -> int:
        """How many numbers of a cell describe boxes."""
        return 5


class YoloLoss(_Grid):
    """How wrong the cells are: boxes by generalized IoU, whether there is an object, and the class of it.

    The cell of an object's centre answers for it, and the two nearest beside and above or below it.
    """

    axes = "N P H_0 W_0, N C H W, M 4, M -> , , "
    inputs = ("prediction", "image", "boxes", "labels")
    lists = ("boxes", "labels")
    dtypes = ("float32", "float32", "float32", "int64")
    results = ("box", "objectness", "classifier")
    samples = (
        "float32[2, 8, 4, 6], float32[2, 1, 32, 48], list[float32[3, 4]], list[int64[3]] -> yolo_loss",
        "float32[2, 7, 4, 6], float32[2, 3, 32, 48], list[float32[3, 4]], list[int64[3]] -> yolo_loss(0.1)",
    )
    mistakes = (
        ("float32[2, 5, 4, 6], float32[2, 1, 32, 48], list[float32[3, 4]], list[int64[3]] -> yolo_loss", "E0323"),
        ("float32[2, 8, 4, 6], float32[2, 1, 2, 3], list[float32[3, 4]], list[int64[3]] -> yolo_loss", "E0324"),
        ("float32[2, 8, 4, 6], float32[2, 1, 32, 48], float32[3, 4], list[int64[3]] -> yolo_loss", "E0325"),
    )

    label_smoothing: Fraction = 0.0
    """The share of the chance of the true class that is spread over all."""


class YoloDetections(_Grid):
    """Turn the predictions of cells into detections of each image, less those that overlap a better one of it."""

    axes = "N P H_0 W_0, N C H W -> d 4, d, d"
    inputs = ("prediction", "image")
    results = ("boxes", "scores", "labels")
    given_lists = ("boxes", "scores", "labels")
    result_dtypes = ("float32", "float32", "int64")
    samples = ("float32[2, 8, 4, 6], float32[2, 1, 32, 48] -> yolo_detections(score_thresh=0.2)",)
    mistakes = (
        ("float32[2, 5, 4, 6], float32[2, 1, 32, 48] -> yolo_detections", "E0323"),
        ("float32[2, 8, 4, 6], float32[3, 1, 32, 48] -> yolo_detections", "E0302"),
    )

    score_thresh: Fraction = 0.05
    """The least chance of an object of a class."""
    nms_thresh: Fraction = 0.5
    """Of two boxes of a class whose intersection over union is larger, the better one is kept."""
    detections_per_img: Count = 100
    """Boxes of an image that are kept."""

    def counts(self, at: At) -> Iterator[tuple[str, Dim | None]]:
        yield "d", self.detections_per_img


class _FirstGrid(_Grid, abstract=True):
    """The grid of the first YOLO: several boxes for each cell, as places and square roots of sizes."""

    boxes_per_cell: Count = 2
    """Boxes that a cell gives; one of them answers for an object."""

    @property
    def numbers(self) -> int:
        return 5 * self.boxes_per_cell


class YoloV1Loss(_FirstGrid):
    """The sums of squares of the first YOLO: of places and sizes, of confidences, and of classes."""

    axes = "N H_0 W_0 P, N C H W, M 4, M -> , , "
    inputs = ("prediction", "image", "boxes", "labels")
    lists = ("boxes", "labels")
    dtypes = ("float32", "float32", "float32", "int64")
    results = ("box", "objectness", "classifier")
    samples = ("float32[2, 3, 4, 13], float32[2, 1, 48, 64], list[float32[3, 4]], list[int64[3]] -> yolo_v1_loss",)
    mistakes = (
        ("float32[2, 3, 4, 10], float32[2, 1, 48, 64], list[float32[3, 4]], list[int64[3]] -> yolo_v1_loss", "E0323"),
        ("float32[2, 3, 4, 13], float32[2, 1, 2, 3], list[float32[3, 4]], list[int64[3]] -> yolo_v1_loss", "E0324"),
    )

    lambda_coord: Number = 5.0
    """How often the error of places and sizes counts."""
    lambda_noobj: Number = 0.5
    """How often the confidence of a box counts that answers for nothing."""


class YoloV1Detections(_FirstGrid):
    """Turn the predictions of the first YOLO into detections: confidences times chances, less what overlaps better."""

    axes = "N H_0 W_0 P, N C H W -> d 4, d, d"
    inputs = ("prediction", "image")
    results = ("boxes", "scores", "labels")
    given_lists = ("boxes", "scores", "labels")
    result_dtypes = ("float32", "float32", "int64")
    samples = ("float32[2, 3, 4, 13], float32[2, 1, 48, 64] -> yolo_v1_detections",)
    mistakes = (("float32[2, 3, 4, 10], float32[2, 1, 48, 64] -> yolo_v1_detections", "E0323"),)

    score_thresh: Fraction = 0.05
    """The least confidence in an object of a class."""
    nms_thresh: Fraction = 0.5
    """Of two boxes of a class whose intersection over union is larger, the better one is kept."""
    detections_per_img: Count = 100
    """Boxes of an image that are kept."""

    def counts(self, at: At) -> Iterator[tuple[str, Dim | None]]:
        yield "d", self.detections_per_img

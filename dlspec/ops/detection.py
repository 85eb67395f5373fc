"""The ends of a detector: what the branches of its regions learn from, and the boxes and masks that it gives.

After "Fast R-CNN" (Girshick; 2015) and "Mask R-CNN" (He, Gkioxari, Dollár, Girshick; 2017).
"""

from __future__ import annotations

from dlspec.ops.fact import At, Mistake, shown
from dlspec.ops.region import Region
from dlspec.ops.roi import weights_of_offsets
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    from dlspec.ops.fact import Fact
    from dlspec.ops.kinds import Count, Fraction, Numbers
    from dlspec.ops.op import Limit
    from dlspec.sizes import Dim


class _Predicted(Region, abstract=True):
    """What reads the two results of a box predictor: a score for each class, and four offsets."""

    def bind(self, at: At) -> Sequence[Fact]:
        facts = super().bind(at)
        classes, offsets = at["K"], at["B"]
        at.equal(4 * classes, offsets, Mistake(
            "E0323", f"the predictor scores {classes} classes and gives {offsets} offsets, not {4 * classes}",
            shown(facts[1]), input=1, notes=["each class has one score and four offsets, the background too"],
        ))  # fmt: skip
        return facts


class FastrcnnLoss(_Predicted):
    """How wrong the box branch is: classes by cross-entropy, offsets of objects for their class by smooth L1."""

    axes = "R K, R B, R, R 4 -> , "
    inputs = ("scores", "deltas", "labels", "targets")
    dtypes = ("float32", "float32", "int64", "float32")
    results = ("classifier", "box_reg")
    samples = ("float32[10, 4], float32[10, 16], int64[10], float32[10, 4] -> fastrcnn_loss",)
    mistakes = (
        ("float32[10, 4], float32[10, 12], int64[10], float32[10, 4] -> fastrcnn_loss", "E0323"),
        ("float32[10, 4], float32[10, 16], float32[10], float32[10, 4] -> fastrcnn_loss", "E0304"),
        ("float32[10, 4], float32[10, 16], int64[9], float32[10, 4] -> fastrcnn_loss", "E0302"),
    )


class PostprocessDetections(_Predicted):
    """Turn scores and offsets into detections: boxes of every class, less those that overlap a better one of it.

    What comes out is sorted by image, then by score.
    """

    axes = "R K, R B, R 5, N 2 -> D 5, D, D"
    inputs = ("scores", "deltas", "rois", "sizes")
    dtypes = ("float32", "float32", "float32", "int64")
    results = ("rois", "scores", "labels")
    result_dtypes = ("float32", "float32", "int64")
    samples = (
        "float32[60, 4], float32[60, 16], float32[60, 5], int64[2, 2] -> postprocess_detections(detections_per_img=20)",
    )
    mistakes = (
        ("float32[60, 4], float32[60, 4], float32[60, 5], int64[2, 2] -> postprocess_detections", "E0323"),
        ("float32[60, 4], float32[60, 16], float32[50, 5], int64[2, 2] -> postprocess_detections", "E0302"),
        ("float32[60, 4], float32[60, 16], float32[60, 4], int64[2, 2] -> postprocess_detections", "E0320"),
    )

    score_thresh: Fraction = 0.05
    """The least probability of a class."""
    nms_thresh: Fraction = 0.5
    """Of two boxes of a class whose intersection over union is larger, the better one is kept."""
    detections_per_img: Count = 100
    """Boxes of an image that are kept."""
    bbox_reg_weights: Numbers = (10.0, 10.0, 5.0, 5.0)
    """What offsets of x, y, width and height were multiplied by when they were learned."""
    activation: Literal["softmax", "sigmoid"] = "softmax"
    """How scores become probabilities: `softmax` weighs classes against each other, `sigmoid` takes each by itself."""

    def limits(self, at: At) -> Iterator[Limit]:
        yield weights_of_offsets(self.bbox_reg_weights)

    def counts(self, at: At) -> Iterator[tuple[str, Dim | None]]:
        yield "D", self.detections_per_img * at["N"]


class MaskrcnnLoss(Region):
    """How wrong the mask branch is: of each object the mask of its class, pixel by pixel, by binary cross-entropy."""

    axes = "R K m m, R 5, R, R, M h w -> "
    inputs = ("mask_logits", "rois", "labels", "matched", "masks")
    lists = ("masks",)
    dtypes = ("float32", "float32", "int64", "int64", "uint8")
    samples = ("float32[6, 4, 14, 14], float32[6, 5], int64[6], int64[6], list[uint8[3, 40, 48]] -> maskrcnn_loss",)
    mistakes = (
        ("float32[6, 4, 14, 14], float32[5, 5], int64[6], int64[6], list[uint8[3, 40, 48]] -> maskrcnn_loss", "E0302"),
        ("float32[6, 4, 14, 7], float32[6, 5], int64[6], int64[6], list[uint8[3, 40, 48]] -> maskrcnn_loss", "E0302"),
        ("float32[6, 4, 14, 14], float32[6, 5], int64[6], int64[6], uint8[3, 40, 48] -> maskrcnn_loss", "E0325"),
    )


class PasteMasks(Region):
    """Lay the mask that each detection has for its class over its image: probabilities for every pixel."""

    axes = "D K m m, D, D 5, N 2 -> d 1 h w"
    inputs = ("mask_logits", "labels", "rois", "sizes")
    dtypes = ("float32", "int64", "float32", "int64")
    given_lists = ("paste_masks",)
    samples = ("float32[5, 4, 28, 28], int64[5], float32[5, 5], int64[2, 2] -> paste_masks",)
    mistakes = (
        ("float32[5, 4, 28, 28], int64[5], float32[5, 4], int64[2, 2] -> paste_masks", "E0320"),
        ("float32[5, 4, 28, 28], int64[4], float32[5, 5], int64[2, 2] -> paste_masks", "E0302"),
    )

    def bind(self, at: At) -> Sequence[Fact]:
        facts = super().bind(at)
        at["h"], at["w"] = (self.side(at, name) for name in "hw")
        at["d"] = at.share_of(at["D"])
        return facts

    def side(self, at: At, name: str) -> Dim:
        """The side of each image: that of the images that came in, where these are a list of several sizes."""
        from dlspec.sizes import symbol

        return symbol(name) if name in at.taken else at.only_a_run_knows(name, least=1)

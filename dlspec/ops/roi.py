"""Operators that look into regions: which to learn from, and what of the maps lies in them.

After "Fast R-CNN" (Girshick; 2015), "Feature Pyramid Networks for Object Detection" (Lin et al.; 2017) and "Mask R-CNN"
(He, Gkioxari, Dollár, Girshick; 2017).
"""

from __future__ import annotations

from dlspec.ops.fact import At, Mistake, shown
from dlspec.ops.proposal import stride, thresholds
from dlspec.ops.region import Region
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from dlspec.ops.fact import Fact
    from dlspec.ops.kinds import Count, Fraction, Numbers, Pair, Positive, Whole
    from dlspec.ops.op import Limit
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim


class SampleRois(Region):
    """Which regions to learn from: true boxes added, each matched with the object that it overlaps most, some drawn.

    The label of a region is that of its object, 0 for the background; `matched` says which object of its image that is.
    """

    axes = "R 5, M 4, M -> P 5, P, P 4, P"
    inputs = ("rois", "boxes", "labels")
    lists = ("boxes", "labels")
    dtypes = ("float32", "float32", "int64")
    results = ("rois", "labels", "targets", "matched")
    result_dtypes = ("float32", "int64", "float32", "int64")
    samples = ("float32[40, 5], list[float32[6, 4]], list[int64[6]] -> sample_rois(batch_size_per_image=16)",)
    mistakes = (
        ("float32[40, 5], list[float32[6, 4]], list[int64[5]] -> sample_rois", "E0302"),
        ("float32[40, 4], list[float32[6, 4]], list[int64[6]] -> sample_rois", "E0320"),
        ("float32[40, 5], list[float32[6, 4]], list[int64[6]] -> sample_rois(0.5, 0.6)", "E0202"),
    )

    fg_iou_thresh: Fraction = 0.5
    """From which intersection over union on a region is of an object."""
    bg_iou_thresh: Fraction = 0.5
    """Below which it is background."""
    batch_size_per_image: Count = 512
    """Regions of an image that are drawn to learn from."""
    positive_fraction: Fraction = 0.25
    """How many of these are of objects, at most."""
    bbox_reg_weights: Numbers = (10.0, 10.0, 5.0, 5.0)
    """What offsets of x, y, width and height are multiplied by, so that all are about 1."""

    def limits(self, at: At) -> Iterator[Limit]:
        yield thresholds(self.fg_iou_thresh, self.bg_iou_thresh)
        yield weights_of_offsets(self.bbox_reg_weights)

    def counts(self, at: At) -> Iterator[tuple[str, Dim | None]]:
        yield "P", self.batch_size_per_image * at["N"]


def weights_of_offsets(weights: tuple[float, ...]) -> Limit:
    """One for each of the four."""
    words = f"offsets of x, y, width and height have a weight each, here are {len(weights)}"
    return len(weights) == 4 and min(weights) > 0, "bbox_reg_weights", words


class RoisFromBoxes(Region):
    """The boxes of all images as regions of the batch: one tensor, of which each row says the image that it is in."""

    axes = "M 4 -> R 5"
    inputs = ("boxes",)
    lists = ("boxes",)
    samples = ("list[float32[6, 4]] -> rois_from_boxes",)
    mistakes = (
        ("float32[6, 4] -> rois_from_boxes", "E0325"),
        ("list[float32[6, 5]] -> rois_from_boxes", "E0320"),
    )

    def counts(self, at: At) -> Iterator[tuple[str, Dim | None]]:
        yield "R", None


class Foreground(Region):
    """The regions of objects alone: those whose label is not 0."""

    axes = "R 5, R, R -> F 5, F, F"
    inputs = ("rois", "labels", "matched")
    dtypes = ("float32", "int64", "int64")
    results = ("rois", "labels", "matched")
    result_dtypes = ("float32", "int64", "int64")
    samples = ("float32[16, 5], int64[16], int64[16] -> foreground",)
    mistakes = (("float32[16, 5], int64[15], int64[16] -> foreground", "E0302"),)

    def counts(self, at: At) -> Iterator[tuple[str, Dim | None]]:
        yield "F", at["R"]


class _Pooled(Region, abstract=True):
    """What of a map lies in each region, at one size for all."""

    inputs = ("x", "rois")

    def bind(self, at: At) -> Sequence[Fact]:
        facts = super().bind(at)
        at["h"], at["w"] = self.output_size  # type: ignore[attr-defined]  # every one has an output size
        return facts


class RoiPool(_Pooled):
    """Cut each region into cells at whole positions and take the largest value in each."""

    axes = "N C H W, R 5 -> R C h w"
    samples = ("float32[2, 3, 12, 16], float32[8, 5] -> roi_pool([3, 5], 0.25)",)
    mistakes = (("float32[2, 3, 12, 16], float32[8, 4] -> roi_pool(7)", "E0320"),)

    output_size: Pair
    """Cells along height and width."""
    spatial_scale: Positive = 1.0
    """Positions of the map to a pixel of the image."""


class RoiAlign(_Pooled):
    """Cut each region into cells and take the mean of values between positions, found by bilinear interpolation."""

    axes = "N C H W, R 5 -> R C h w"
    samples = (
        "float32[2, 3, 12, 16], float32[8, 5] -> roi_align([3, 5], 0.25, sampling_ratio=2)",
        "float32[2, 3, 12, 16], float32[8, 5] -> roi_align(7, aligned=true)",
    )
    mistakes = (("float32[2, 3, 12, 16], float32[8, 4] -> roi_align(7)", "E0320"),)

    output_size: Pair
    """Cells along height and width."""
    spatial_scale: Positive = 1.0
    """Positions of the map to a pixel of the image."""
    sampling_ratio: Whole = -1
    """Values along each side of a cell; -1 takes one for every position in it."""
    aligned: bool = False
    """Whether the middle of a pixel is at half a position, as its edges are at whole ones."""


class MultiScaleRoiAlign(Region):
    """Take each region out of the level that its size asks for: large ones out of coarse maps, small ones out of fine.

    A region of `canonical_scale` pixels a side is of level `canonical_level`, one half as large of the level below. The
    level of a map is the logarithm of its stride, which is found from its size and that of the image.
    """

    axes = "N C H_ W_, N B H W, R 5 -> R C h w"
    inputs = ("*levels", "image", "rois")
    unread = ("image",)
    samples = (
        "float32[2, 8, 32, 48], float32[2, 8, 16, 24], float32[2, 3, 128, 192], float32[9, 5] -> "
        "multi_scale_roi_align(7, 2, canonical_scale=64, canonical_level=3)",
        "float32[2, 8, 32, 48], float32[2, 3, 128, 192], float32[9, 5] -> multi_scale_roi_align([3, 5])",
    )
    mistakes = (
        ("float32[2, 8, 32, 48], float32[2, 4, 16, 24], float32[2, 3, 128, 192], float32[9, 5] -> "
         "multi_scale_roi_align(7)", "E0302"),
        ("float32[2, 8, 32, 48], float32[2, 3, 128, 192], float32[9, 4] -> multi_scale_roi_align(7)", "E0320"),
        ("float32[2, 8, 32, 96], float32[2, 3, 128, 192], float32[9, 5] -> multi_scale_roi_align(7)", "E0324"),
        ("float32[2, 8, 32, 48], float32[2, 8, 32, 48], float32[2, 3, 128, 192], float32[9, 5] -> "
         "multi_scale_roi_align(7)", "E0324"),
    )  # fmt: skip

    output_size: Pair
    """Cells along height and width."""
    sampling_ratio: Whole = 2
    """Values along each side of a cell; -1 takes one for every position in it."""
    canonical_scale: Count = 224
    """The side, in pixels, of a region of the canonical level."""
    canonical_level: Count = 4
    """Its level; 4 has a stride of 16."""

    def bind(self, at: At) -> Sequence[Fact]:
        facts = super().bind(at)
        at["h"], at["w"] = self.output_size
        self.strides(at)
        return facts

    def strides(self, at: At) -> list[int]:
        """The stride of each level, the power of two next to what the sizes say; each twice that before."""
        found: list[int] = []
        for given in self.placed(at):
            if given.level is None:
                continue
            steps = [_power(step) for step in stride(self, at, given)]
            if steps[0] != steps[1]:
                words = f"{steps[0]} along the height, {steps[1]} along the width"
                raise Mistake(
                    "E0324", f"level {given.level} has a stride of {words}",
                    shown(given.fact), input=given.position,
                )  # fmt: skip
            if found and steps[0] != 2 * found[-1]:
                raise Mistake(
                    "E0324", f"level {given.level} has a stride of {steps[0]}, the level before it one of {found[-1]}",
                    shown(given.fact), input=given.position,
                    notes=["levels go from fine to coarse, each of half the resolution of that before"],
                )  # fmt: skip
            found.append(steps[0])
        return found

    def size_words(self, at: At, outputs: Sequence[Fact]) -> Iterator[str]:
        steps = self.strides(at)
        first, last = (step.bit_length() - 1 for step in (steps[0], steps[-1]))
        yield f"strides {', '.join(map(str, steps))}: levels {', '.join(str(step.bit_length() - 1) for step in steps)}"
        middle = f"⌊{self.canonical_level} + log2(√(w·h)/{self.canonical_scale})⌋"
        yield f"a region of w × h pixels is of level {middle}, at least {first} and at most {last}"

    def unwritten(self, at: At) -> Collection[int]:
        return (len(at.inputs) - 2,)

    def expression(self, write: Writer) -> str:
        levels, _, rois = self.grouped(write)
        scales = write.tuple([1 / step for step in self.strides(write.at)])
        options = [
            f"{name}={write.word(name)}" for name in self.fields if name != "output_size" and not write.elided(name)
        ]
        given = ", ".join([levels, rois, scales, write.word("output_size"), *options])
        return f"dlspec.nn.multi_scale_roi_align({given})"


def _power(step: float) -> int:
    """The power of two that a stride is next to."""
    from math import log2

    return int(2 ** round(log2(step)))

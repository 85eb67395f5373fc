"""Data sources of scenes: images with any number of objects, each with a box, a label and often a mask."""

from __future__ import annotations

from dlspec.plan.kinds import Count, Flag, Text, Whole
from dlspec.plan.sources import OPEN, Source
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

SCENE_TARGETS = ("boxes", "labels", "masks", "class_map")
"""What scenes tell of an image: boxes (M, 4) as x1, y1, x2, y2 in pixels, half-open; labels (M) from 1, since 0 is the
background; masks (M, H, W) of 0 and 1; a class for every pixel (H, W)."""

SMALLEST_CANVAS = 64
"""Pixels of a side that seven digits of any size find room on."""

BACKGROUND = "background"
"""The class 0 of scenes: what belongs to no object."""


class DigitScenes(Source):
    """Grey scenes of 128 x 128 pixels with 2 to 7 handwritten digits, 8 to 32 pixels high, made from scikit-learn's.

    The background is a constant from 0.1 to 0.3 with a gradient of up to 0.15 either way along each axis and normal
    noise of 0.06. A digit is one of 8 x 8 pixels, enlarged 1, 2, 3 or 4 times, at any place, painted with a contrast
    from 0.6 to 1. Where it reaches a quarter of full scale is its ink: boxes are tight around it and overlap by an
    IoU of at most 0.02, ink overlaps nowhere. Scenes of `train` show digits 0 to 1346, all others digits 1347 to 1796.
    """

    task = "classes"
    input = "image"
    targets = SCENE_TARGETS
    object_sides = (8, 32)
    upright = "mirrored digits are other signs, or none: a mirrored 2 reads as a 5, a 6 upside down is a 9"

    train: Count = 1000
    """Scenes to train on."""
    val: Whole = 200
    """Scenes to choose by."""
    test: Whole = 0
    """Scenes to be read once, at the end; their digits are those of `val`, elsewhere and in other sizes."""
    seed: Whole = 0
    """Which of the possible scenes they are; more of them begin with the same ones."""
    canvas: tuple[Count, Count] = (128, 128)
    """The shortest and the longest side, in pixels from 64; heights and widths are drawn from one to the other."""

    @property
    def shape(self) -> tuple[int, ...]:
        low, high = self.canvas
        return (1, low, high) if low == high else (1, OPEN, OPEN)

    @property
    def class_names(self) -> tuple[str, ...]:
        return (BACKGROUND, *(str(digit) for digit in range(10)))

    @property
    def target_name(self) -> str:
        return "class_map"

    @property
    def shares(self) -> dict[str, float]:
        return shares_of(self.train, self.val, self.test)


class Coco(Source):
    """Pictures with objects in COCO's JSON: boxes, polygons or runs as masks, and categories."""

    task = "classes"
    input = "image"
    targets = SCENE_TARGETS
    files = ("path", "images")

    path: Text
    """The JSON file of annotations, from the folder of the spec."""
    images: Text
    """The folder that its pictures are in."""
    channels: Literal["rgb", "grey"] = "rgb"
    """What pictures are turned into: three channels, or one."""
    classes: tuple[Text, ...] | None = None
    """The categories that are learned, as classes 1, 2, ...; all by their ids where left out."""
    crowd: Flag = False
    """Whether regions that hold a crowd count as one object each; else nothing is asked of them, nor of what is found
    in them."""
    broken: Literal["refuse", "skip"] = "refuse"
    """What is done about pictures and annotations that cannot be read: `skip` leaves them out and names them."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return _with_background(self.classes)

    @property
    def target_name(self) -> str:
        return "class_map"


class Voc(Source):
    """Pictures with objects as Pascal VOC has them: `Annotations/*.xml`, `JPEGImages`, and perhaps masks.

    Masks are those of `SegmentationObject`, class maps those of `SegmentationClass`, where 255 asks nothing. Boxes
    of the files count pixels from 1 and hold their last one; here they are half-open.
    """

    task = "classes"
    input = "image"
    targets = SCENE_TARGETS
    files = ("path",)

    path: Text
    """The folder that holds `Annotations` and `JPEGImages`, from the folder of the spec."""
    split: Text | None = None
    """A list of pictures, such as `Main/train` of `ImageSets/Main/train.txt`; all that are annotated where left out."""
    channels: Literal["rgb", "grey"] = "rgb"
    """What pictures are turned into: three channels, or one."""
    classes: tuple[Text, ...] | None = None
    """The names that are learned, as classes 1, 2, ...; all by the alphabet where left out."""
    difficult: Flag = False
    """Whether objects that are marked as difficult count; else nothing is asked of them, nor of what finds them."""
    broken: Literal["refuse", "skip"] = "refuse"
    """What is done about files that cannot be read: `skip` leaves them out and names them."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return _with_background(self.classes)

    @property
    def target_name(self) -> str:
        return "class_map"


class MaskPng(Source):
    """Pictures in a folder, and masks of the same names as PNG in another: the number of a pixel says what it shows."""

    task = "classes"
    input = "image"
    targets = SCENE_TARGETS
    files = ("images", "masks")

    images: Text
    """The folder of pictures, from the folder of the spec."""
    masks: Text
    """The folder of masks."""
    classes: tuple[Text, ...]
    """The names of classes 1, 2, ...; 0 is the background."""
    holds: Literal["classes", "objects"] = "classes"
    """What numbers of pixels are: classes (255 asks nothing), or objects of the one class, each with its own."""
    channels: Literal["rgb", "grey"] = "rgb"
    """What pictures are turned into: three channels, or one."""
    broken: Literal["refuse", "skip"] = "refuse"
    """What is done about pictures and masks that cannot be read: `skip` leaves them out and names them."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return _with_background(self.classes)

    @property
    def target_name(self) -> str:
        return "class_map"


def _with_background(classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if classes is None else (BACKGROUND, *classes)


class DigitPatches(Source):
    """Square patches around pixels of digit scenes, each with the class of its middle pixel; 20 of every scene.

    Half of them are around ink, half around background. What a patch sees beyond the scene is 0. The scenes are those
    of `digit_scenes` with the same seed, so that 20,000 patches to train on come from its 1000.
    """

    task = "classes"
    input = "image"
    upright = DigitScenes.upright

    reach: Count = 14
    """Pixels that a patch has on every side of its middle one: 14 make it 29 x 29."""
    train: Count = 20_000
    """Patches to train on."""
    val: Whole = 4000
    """Patches to choose by."""
    test: Whole = 0
    """Patches to be read once, at the end."""
    seed: Whole = 0
    """Which of the possible scenes they are from."""

    @property
    def shape(self) -> tuple[int, ...]:
        side = 2 * self.reach + 1
        return (1, side, side)

    @property
    def class_names(self) -> tuple[str, ...]:
        return (BACKGROUND, *(str(digit) for digit in range(10)))

    @property
    def shares(self) -> dict[str, float]:
        return shares_of(self.train, self.val, self.test)


def shares_of(train: int, val: int, test: int) -> dict[str, float]:
    """Numbers of samples as shares of all of them."""
    total = max(train + val + test, 1)
    return {"train": train / total, "val": val / total, "test": test / total}

"""Data sources of scenes: images with any number of objects, each with a box, a label and often a mask."""

from __future__ import annotations

from dlspec.plan.kinds import Count, Whole
from dlspec.plan.sources import Source

SCENE_TARGETS = ("boxes", "labels", "masks", "class_map")
"""What scenes tell of an image: boxes (M, 4) as x1, y1, x2, y2 in pixels, half-open; labels (M) from 1, since 0 is the
background; masks (M, H, W) of 0 and 1; a class for every pixel (H, W)."""

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

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 128, 128)

    @property
    def class_names(self) -> tuple[str, ...]:
        return (BACKGROUND, *(str(digit) for digit in range(10)))

    @property
    def target_name(self) -> str:
        return "class_map"

    @property
    def shares(self) -> dict[str, float]:
        return shares_of(self.train, self.val, self.test)


def shares_of(train: int, val: int, test: int) -> dict[str, float]:
    """Numbers of samples as shares of all of them."""
    total = max(train + val + test, 1)
    return {"train": train / total, "val": val / total, "test": test / total}

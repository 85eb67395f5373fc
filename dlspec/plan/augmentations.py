"""Augmentations: random changes of a training image that leave its label true.

Those of geometry are composed into one matrix and read the image once; then the others work on its
values, in the order written.
"""

from __future__ import annotations

from dlspec.plan.facts import Family
from dlspec.plan.kinds import Count, Factor, NonNegative, Positive, Share
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar


class Augmentation(Family):
    """A random change of an image, drawn anew for each sample in each epoch."""

    geometric: ClassVar[bool] = True
    """Whether it moves pixels."""

    def turns(self) -> str | None:
        """What it may do to signs that have a right way up, in words; None where nothing."""
        return None


class Rotate(Augmentation):
    """Turn about the centre, by up to `degrees` either way."""

    degrees: Positive
    """The largest angle."""

    def turns(self) -> str | None:
        return f"turns images by up to {self.degrees:g} degrees" if self.degrees > 90 else None


class Translate(Augmentation):
    """Move along each axis by up to a share of its length either way."""

    fraction: Factor
    """The largest share."""


class Scale(Augmentation):
    """Grow or shrink about the centre by a factor between `low` and `high`."""

    low: Positive
    """The smallest factor."""
    high: Positive
    """The largest factor."""


class Shear(Augmentation):
    """Slant horizontally by up to `degrees` either way."""

    degrees: Positive
    """The largest angle."""


class HorizontalFlip(Augmentation):
    """Swap left and right."""

    p: Share = 0.5
    """How likely it is."""

    def turns(self) -> str | None:
        return "swaps left and right"


class VerticalFlip(Augmentation):
    """Swap top and bottom."""

    p: Share = 0.5
    """How likely it is."""

    def turns(self) -> str | None:
        return "swaps top and bottom"


class Crop(Augmentation):
    """Add a margin of zeros and cut an image of the old size out of it, at a random place."""

    padding: Count
    """Pixels of margin on every side."""


class Noise(Augmentation):
    """Add normal noise to every pixel."""

    geometric = False

    std: Positive
    """Its standard deviation."""


class Erase(Augmentation):
    """Set a random rectangle to 0."""

    geometric = False

    p: Share = 0.5
    """How likely it is."""
    low: Factor = 0.02
    """The smallest share of the area."""
    high: Factor = 0.33
    """The largest share of the area."""


class Brightness(Augmentation):
    """Multiply the image by a factor from 1 - `change` to 1 + `change`."""

    geometric = False

    change: NonNegative
    """The largest change."""


class Contrast(Augmentation):
    """Stretch the image about its mean by a factor from 1 - `change` to 1 + `change`."""

    geometric = False

    change: NonNegative
    """The largest change."""

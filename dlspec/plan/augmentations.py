"""Augmentations: random changes of a training image that leave its label true.

Those of geometry are composed into one matrix and read the image once; then the others work on its
values, in the order written.
"""

from __future__ import annotations

from dlspec.plan.facts import Family
from dlspec.plan.kinds import Application, Count, Factor, NonNegative, Positive, Share
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar


class Augmentation(Family):
    """A random change of an image, drawn anew for each sample in each epoch."""

    geometric: ClassVar[bool] = True
    """Whether it moves pixels."""
    mixes: ClassVar[bool] = False
    """Whether it puts two samples of a batch together, and so their targets."""

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


class ResizedCrop(Augmentation):
    """Cut out a part at a random place and enlarge it to the old size, as torchvision's `RandomResizedCrop`."""

    low: Factor = 0.25
    """The smallest share of the area."""
    high: Share = 1.0
    """The largest share of the area."""
    ratio: Positive = 0.75
    """The narrowest part, as width by height beside the image's; the widest is as much wider."""


class ColorJitter(Augmentation):
    """Change brightness, contrast, saturation and hue, in this order; by factors from 1 - x to 1 + x."""

    geometric = False

    brightness: NonNegative = 0.0
    """The largest change of brightness."""
    contrast: NonNegative = 0.0
    """The largest change of contrast, about the image's mean."""
    saturation: NonNegative = 0.0
    """The largest change of saturation."""
    hue: NonNegative = 0.0
    """The largest turn of hue, in turns of the colour circle: 0.5 is half of it."""


class Mixup(Augmentation):
    """Show a sample through another, and ask for both, each as far as it is seen (Zhang et al. 2018)."""

    geometric = False
    mixes = True

    alpha: Positive = 0.2
    """Shares are Beta(alpha, alpha), the sample's own the larger."""


class Cutmix(Augmentation):
    """Paste a rectangle of another sample, and ask for both, each by its area (Yun et al. 2019)."""

    geometric = False
    mixes = True

    alpha: Positive = 1.0
    """Shares of the area are Beta(alpha, alpha), the sample's own the larger."""
    p: Share = 0.5
    """How likely it is."""


class Kornia(Augmentation):
    """An augmentation of the library kornia by its name; needs `kornia`."""

    geometric = False

    operator: Application
    """The name, with parameters: `kornia(RandomSolarize(thresholds=0.1, p=0.3))`."""


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

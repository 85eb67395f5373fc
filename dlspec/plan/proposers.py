"""Proposers: how regions that may hold an object are found in an image before any network sees it."""

from __future__ import annotations

from dlspec.plan.facts import Family
from dlspec.plan.kinds import Count, Factor, NonNegative, Positive
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal


class Proposer(Family):
    """Boxes of an image, chosen without knowing what is to be found."""


class SelectiveSearch(Proposer):
    """Merge alike neighbours of a segmented image, step by step, and propose the box of everything that ever was one
    (Uijlings et al. 2013); of `opencv-contrib-python-headless`, which is in `dlspec[rcnn]`.
    """

    width: Count = 256
    """The width that an image is brought to before it is segmented: small objects need a large one."""
    mode: Literal["single", "fast", "quality"] = "fast"
    """How many segmentations are merged, and in how many colour spaces; more find more and take longer."""
    min_size: NonNegative = 4.0
    """The least height and width of a region, in pixels of the image."""
    most: Count = 2000
    """The most regions of an image."""


class SlidingWindows(Proposer):
    """Windows of a few sizes and shapes at regular places, whatever the image shows."""

    sizes: tuple[Positive, ...] = (12.0, 20.0, 30.0)
    """Sides in pixels; of windows that are not square, of a square as large."""
    aspect_ratios: tuple[Positive, ...] = (1.5,)
    """Heights divided by widths."""
    step: Factor = 0.25
    """The way from one window to the next, as a share of its sides."""

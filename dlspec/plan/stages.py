"""Stages after the gradient steps: layers whose weights are solved for by themselves, on what the network sees by then.

As in "Rich feature hierarchies for accurate object detection" (Girshick, Donahue, Darrell, Malik; 2014).
"""

from __future__ import annotations

from dlspec.plan.facts import Family
from dlspec.plan.kinds import NonNegative, Positive, Share, Text


class Stage(Family):
    """A `linear` layer that is fitted to the regions of the training images, all else as it is."""

    layer: Text
    """Its path in the network."""


class LinearSvm(Stage):
    """A support vector machine for each class but the background: its objects against regions that overlap none.

    Of the background those are taken that the machine so far tells wrongly, or nearly so.
    """

    c: Positive = 0.001
    """How much a region on the wrong side counts against a wide margin."""
    background_below: Share = 0.3
    """The intersection over union with every object of a class below which a region is not of it."""
    weight: Positive = 2.0
    """How many times an object counts."""


class BoxRidge(Stage):
    """For each class a least-squares regression of the offsets between regions and the objects that they overlap."""

    alpha: NonNegative = 1000.0
    """How much long weights count."""
    overlap: Share = 0.6
    """The intersection over union from which on a region is to find an object."""

"""Parameter groups: weights that are trained in a way of their own."""

from __future__ import annotations

from dlspec.plan.facts import Family
from dlspec.plan.kinds import NonNegative, Text


class ParameterGroup(Family):
    """Some of a network's weights, as `torch.optim` groups them."""


class Group(ParameterGroup):
    """The weights that a path pattern covers."""

    path: Text
    """The pattern: `backbone`, `layer*.0`, `**.bias`."""
    lr_factor: NonNegative = 1.0
    """Factor of the learning rate, at every step of the schedule."""
    weight_decay: NonNegative | None = None
    """Weight decay; the optimizer's where left out."""

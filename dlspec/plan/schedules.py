"""Schedules of the learning rate: torch's schedulers, with their length taken from the plan.

`step`, `multi_step` and `exponential` count epochs, or steps where `counts=steps`; `plateau` counts epochs;
`cosine`, `one_cycle`, `linear` and `polynomial` follow every step of the run. All take a warm-up.
"""

from __future__ import annotations

from dlspec.plan.facts import Family
from dlspec.plan.kinds import Count, Factor, Flag, NonNegative, Positive, Score, Share, Whole
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar, Literal


class Schedule(Family):
    """How the learning rate goes from the first step to the last."""

    follows_length: ClassVar[bool] = False
    """Whether its shape depends on how long the run is."""
    closing = ("warmup_epochs", "warmup_steps")

    warmup_epochs: NonNegative = 0.0
    """Epochs over which the learning rate first rises in a line from near 0."""
    warmup_steps: Whole = 0
    """The same in steps."""


class Constant(Schedule):
    """The optimizer's learning rate throughout."""


class Step(Schedule):
    """The learning rate falls by a factor every few epochs or steps."""

    step_size: Count = 10
    """Epochs between two falls."""
    gamma: Positive = 0.1
    """The factor."""
    counts: Literal["epochs", "steps"] = "epochs"
    """What `step_size` counts."""


class MultiStep(Schedule):
    """The learning rate falls by a factor at chosen epochs or steps."""

    milestones: tuple[Count, ...]
    """Epochs after which it falls."""
    gamma: Positive = 0.1
    """The factor."""
    counts: Literal["epochs", "steps"] = "epochs"
    """What `milestones` count."""


class Exponential(Schedule):
    """The learning rate falls by a factor every epoch, or every step."""

    gamma: Positive
    """The factor."""
    counts: Literal["epochs", "steps"] = "epochs"
    """How often it falls."""


class Cosine(Schedule):
    """Half a cosine from the learning rate down to `eta_min`."""

    follows_length = True

    eta_min: NonNegative = 0.0
    """Learning rate at the end."""


class Linear(Schedule):
    """A line from `start_factor` to `end_factor` times the learning rate, over the whole run."""

    follows_length = True

    start_factor: Positive = 1.0
    """Factor at the first step."""
    end_factor: NonNegative = 0.0
    """Factor that the line reaches at the end."""


class Polynomial(Schedule):
    """The learning rate times (1 - progress) to a power."""

    follows_length = True

    power: Positive = 1.0
    """The power; 1 is a line."""


class OneCycle(Schedule):
    """Up to `max_lr` and down to almost nothing, momentum the other way.

    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates".
    """

    follows_length = True

    max_lr: Positive | None = None
    """The highest learning rate; the optimizer's where left out."""
    pct_start: Factor = 0.3
    """Share of the run in which it rises."""
    anneal_strategy: Literal["cos", "linear"] = "cos"
    """The shape of rise and fall."""
    cycle_momentum: Flag = True
    """Whether momentum goes from high to low and back."""
    base_momentum: Share = 0.85
    """Momentum where the learning rate is highest."""
    max_momentum: Share = 0.95
    """Momentum where the learning rate is lowest."""
    div_factor: Positive = 25.0
    """`max_lr` over the first learning rate."""
    final_div_factor: Positive = 10000.0
    """First learning rate over the last."""


class Plateau(Schedule):
    """The learning rate falls by a factor when a score stops getting better."""

    by: Score = "val.loss"
    """The score that is watched."""
    factor: Factor = 0.1
    """The factor."""
    patience: Whole = 10
    """Epochs without betterment that are let pass."""
    threshold: NonNegative = 1e-4
    """Betterment, as a share, that counts as one."""
    min_lr: NonNegative = 0.0
    """Learning rate below which it does not fall."""

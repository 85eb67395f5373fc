"""Losses: what each reads of the network, and which kind of target it wants.

Named and parametrised as in torch (`torch.nn.functional`), in snake case.
"""

from __future__ import annotations

from dlspec.plan.facts import Family
from dlspec.plan.kinds import Factor, NonNegative, Number, Positive, Power, Whole, Word
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar, Literal


class Loss(Family):
    """A loss applied to an output of the network and a target of the data."""

    reads: ClassVar[str]
    """`logits`, `log_probabilities`, `probabilities`, `values`, or the `loss` itself."""
    task: ClassVar[str]
    """`classes` (one of C, a score each), `two_classes` (one score), `numbers` or `objects` (of an image)."""

    maps: ClassVar[bool] = False
    """Whether it judges every pixel of a class map as it does a sample."""

    output: Word | None = None
    """The output of the network that is judged; its only one where left out."""
    target: Word | None = None
    """What the data says it should be; the data's only target where left out."""
    apart = ("span", "spans", "counts")
    counts: tuple[int, ...] = ()
    """How often each class is in the training split, as a run finds it."""


class CrossEntropy(Loss):
    """Minus the logarithm of the probability that softmax gives the true class."""

    reads = "logits"
    task = "classes"
    maps = True

    label_smoothing: Factor = 0.0
    """Share of the probability that is spread over all classes."""
    weight: Literal["balanced"] | tuple[NonNegative, ...] | None = None
    """A factor for each class; `balanced` takes what is inverse to how often it is in `train`, with a mean of 1."""
    ignore_index: Whole | None = None
    """The class of what is not judged; where left out 255 in class maps, and none else."""


class Nll(Loss):
    """Minus the log-probability of the true class."""

    reads = "log_probabilities"
    task = "classes"
    maps = True

    weight: Literal["balanced"] | tuple[NonNegative, ...] | None = None
    """A factor for each class; `balanced` takes what is inverse to how often it is in `train`, with a mean of 1."""
    ignore_index: Whole | None = None
    """The class of what is not judged; where left out 255 in class maps, and none else."""


class MultiMargin(Loss):
    """How far each wrong class comes within a margin of the true one: the multi-class hinge loss."""

    reads = "values"
    task = "classes"

    p: Power = 1
    """Power of each excess."""
    margin: Number = 1.0
    """By how much the true class should lead."""


class BceWithLogits(Loss):
    """Binary cross-entropy of a score that the sigmoid turns into a probability."""

    reads = "logits"
    task = "two_classes"

    pos_weight: Literal["balanced"] | Positive | None = None
    """Factor for samples of class 1; `balanced` makes them weigh as much together as those of class 0."""


class Bce(Loss):
    """Binary cross-entropy of a probability."""

    reads = "probabilities"
    task = "two_classes"


class Hinge(Loss):
    """How far a score is from the right side of a margin: max(0, margin - y s) with y = -1 or 1."""

    reads = "values"
    task = "two_classes"

    margin: NonNegative = 1.0
    """Distance from 0 from which on a score costs nothing."""


class Perceptron(Loss):
    """Rosenblatt's criterion, max(0, -y s) with y = -1 or 1: its gradient step is the perceptron rule."""

    reads = "values"
    task = "two_classes"


class Mse(Loss):
    """Mean of the squared differences."""

    reads = "values"
    task = "numbers"


class L1(Loss):
    """Mean of the absolute differences."""

    reads = "values"
    task = "numbers"


class SmoothL1(Loss):
    """Squared near 0, absolute beyond `beta`, and divided by it."""

    reads = "values"
    task = "numbers"

    beta: Positive = 1.0
    """Difference at which the square becomes a line."""


class Huber(Loss):
    """Squared near 0, absolute beyond `delta`."""

    reads = "values"
    task = "numbers"

    delta: Positive = 1.0
    """Difference at which the square becomes a line."""


class Output(Loss):
    """The value of an output of the network that is a loss already, as those of detectors are in training.

    In a plan the bare name of the output says the same: `loss = loss_classifier + loss_box_reg`.
    """

    reads = "loss"
    task = "objects"


def losses() -> list[tuple[str, type[Loss]]]:
    """Every loss by its name."""
    return [(name, member) for name, member in Loss.members.items() if issubclass(member, Loss)]

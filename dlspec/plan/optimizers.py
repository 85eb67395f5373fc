"""Optimizers, with the parameters and defaults of `torch.optim`."""

from __future__ import annotations

from dlspec.plan.facts import Family
from dlspec.plan.kinds import Count, Factor, Flag, NonNegative, Number, Positive
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar, Literal


class Optimizer(Family):
    """A rule that turns gradients into a step of the weights."""

    torch: ClassVar[str]
    """The class of `torch.optim`."""
    momentum_field: ClassVar[str | None] = None
    """The parameter that a one-cycle schedule moves against the learning rate."""
    whole_batch: ClassVar[bool] = False
    """Whether it only makes sense on the gradient of all samples."""


class Sgd(Optimizer):
    """Gradient descent, on batches or on all samples, with momentum where it is asked for."""

    torch = "SGD"
    momentum_field = "momentum"

    lr: NonNegative = 1e-3
    """Learning rate."""
    momentum: NonNegative = 0.0
    """Share of the last step that is kept in the next."""
    dampening: Number = 0.0
    """Share of the gradient that does not enter the momentum."""
    weight_decay: NonNegative = 0.0
    """Factor of the squared weights in the loss."""
    nesterov: Flag = False
    """Whether the gradient is taken after the momentum's step."""


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square."""

    torch = "Adam"
    momentum_field = "betas"

    lr: NonNegative = 1e-3
    """Learning rate."""
    betas: tuple[Factor, Factor] = (0.9, 0.999)
    """Memory of the two running means."""
    eps: NonNegative = 1e-8
    """What is added to the denominator."""
    weight_decay: NonNegative = 0.0
    """Factor of the squared weights in the loss."""
    amsgrad: Flag = False
    """Whether the largest second moment so far is used."""


class Adamw(Optimizer):
    """Adam with weight decay apart from the gradient."""

    torch = "AdamW"
    momentum_field = "betas"

    lr: NonNegative = 1e-3
    """Learning rate."""
    betas: tuple[Factor, Factor] = (0.9, 0.999)
    """Memory of the two running means."""
    eps: NonNegative = 1e-8
    """What is added to the denominator."""
    weight_decay: NonNegative = 0.01
    """Share of the weights taken away each step, times the learning rate."""
    amsgrad: Flag = False
    """Whether the largest second moment so far is used."""


class Nadam(Optimizer):
    """Adam with Nesterov's momentum."""

    torch = "NAdam"

    lr: NonNegative = 2e-3
    """Learning rate."""
    betas: tuple[Factor, Factor] = (0.9, 0.999)
    """Memory of the two running means."""
    eps: NonNegative = 1e-8
    """What is added to the denominator."""
    weight_decay: NonNegative = 0.0
    """Factor of the squared weights in the loss."""
    momentum_decay: NonNegative = 4e-3
    """How fast the momentum grows to its full value."""


class Radam(Optimizer):
    """Adam whose first steps are corrected for the variance of the second moment."""

    torch = "RAdam"

    lr: NonNegative = 1e-3
    """Learning rate."""
    betas: tuple[Factor, Factor] = (0.9, 0.999)
    """Memory of the two running means."""
    eps: NonNegative = 1e-8
    """What is added to the denominator."""
    weight_decay: NonNegative = 0.0
    """Factor of the squared weights in the loss."""


class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the second moment."""

    torch = "Adamax"

    lr: NonNegative = 2e-3
    """Learning rate."""
    betas: tuple[Factor, Factor] = (0.9, 0.999)
    """Memory of the mean and of the maximum."""
    eps: NonNegative = 1e-8
    """What is added to the denominator."""
    weight_decay: NonNegative = 0.0
    """Factor of the squared weights in the loss."""


class Rmsprop(Optimizer):
    """Steps scaled by a running mean of the squared gradient."""

    torch = "RMSprop"

    lr: NonNegative = 1e-2
    """Learning rate."""
    alpha: NonNegative = 0.99
    """Memory of the running mean."""
    eps: NonNegative = 1e-8
    """What is added to the denominator."""
    weight_decay: NonNegative = 0.0
    """Factor of the squared weights in the loss."""
    momentum: NonNegative = 0.0
    """Share of the last step that is kept in the next."""
    centered: Flag = False
    """Whether the variance is used in place of the mean square."""


class Adagrad(Optimizer):
    """Steps scaled by the sum of all squared gradients so far."""

    torch = "Adagrad"

    lr: NonNegative = 1e-2
    """Learning rate."""
    lr_decay: NonNegative = 0.0
    """How fast the learning rate falls with the steps."""
    weight_decay: NonNegative = 0.0
    """Factor of the squared weights in the loss."""
    initial_accumulator_value: NonNegative = 0.0
    """Where the sums begin."""
    eps: NonNegative = 1e-10
    """What is added to the denominator."""


class Adadelta(Optimizer):
    """Steps scaled by running means of squared gradients and squared steps."""

    torch = "Adadelta"

    lr: NonNegative = 1.0
    """Learning rate."""
    rho: Factor = 0.9
    """Memory of the running means."""
    eps: NonNegative = 1e-6
    """What is added to both means."""
    weight_decay: NonNegative = 0.0
    """Factor of the squared weights in the loss."""


class Rprop(Optimizer):
    """A step size for each weight, by the sign of its gradient; for the gradient of all samples."""

    torch = "Rprop"
    whole_batch = True

    lr: NonNegative = 1e-2
    """First step size."""
    etas: tuple[Positive, Positive] = (0.5, 1.2)
    """Factors of a step size where the sign turned, and where it stayed."""
    step_sizes: tuple[Positive, Positive] = (1e-6, 50.0)
    """Smallest and largest step."""


class Lbfgs(Optimizer):
    """Newton's method with a curvature guessed from the last steps; for the gradient of all samples."""

    torch = "LBFGS"
    whole_batch = True

    lr: Positive = 1.0
    """Length of a step."""
    max_iter: Count = 20
    """Iterations within one step."""
    max_eval: Count | None = None
    """Evaluations of the loss within one step; 5/4 of `max_iter` where left out."""
    tolerance_grad: NonNegative = 1e-7
    """Gradient below which it stops."""
    tolerance_change: NonNegative = 1e-9
    """Change below which it stops."""
    history_size: Count = 100
    """Steps that the curvature is guessed from."""
    line_search_fn: Literal["strong_wolfe"] | None = None
    """How the length of a step is searched."""

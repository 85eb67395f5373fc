"""Losses as functions of outputs and targets, and how classes and probabilities are read off scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlspec.plan import losses as named
from dlspec.plan.keys import ResolvedPlan, Term
from dlspec.plan.losses import Loss
from dlspec.training.class_maps import ignored_class, is_map, judged, mean_of_judged
from dlspec.training.maps import Maps
from dlspec.training.objects import IGNORED, Objects, Targets
from dlspec.training.ragged import Images, Ragged

Outputs = Tensor | dict[str, Tensor]
"""What a network returns: its one output, or all by name."""


def given(inputs: Images) -> Tensor | list[Tensor]:
    """A batch as a module is called with it: images of several sizes are a list."""
    return inputs.tensors if isinstance(inputs, Ragged) else inputs


class Objective:
    """The sum of the plan's losses, each with its factor; the first one's output is what is judged."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self.terms = tuple(terms)
        self.judged = terms[0].loss

    def outputs(self, module: nn.Module, inputs: Images, targets: Targets) -> Outputs:
        """What the network makes of a batch in training."""
        made: Outputs = module(given(inputs))
        return made

    def __call__(self, outputs: Outputs, targets: Targets) -> Tensor:
        """A scalar, the mean over samples."""
        assert isinstance(targets, Tensor)
        first, *others = self.terms
        total = first.factor * loss_of(first.loss, selected(outputs, first.loss), targets)
        for term in others:
            total = total + term.factor * loss_of(term.loss, selected(outputs, term.loss), targets)
        return total

    def each(self, outputs: Outputs, targets: Tensor) -> Tensor:
        """What each loss adds to the sum (losses)."""
        values = [term.factor * loss_of(term.loss, selected(outputs, term.loss), targets) for term in self.terms]
        return torch.stack(values)

    def measures(self, targets: Tensor) -> Tensor:
        """What each loss is a mean over (losses): samples, judged pixels, or the weights of their classes."""
        return torch.stack([measure(term.loss, targets) for term in self.terms])

    def is_over_samples(self, *, maps: bool) -> bool:
        """Whether every loss is a mean in which each sample counts the same."""
        classes = [term.loss for term in self.terms if isinstance(term.loss, named.CrossEntropy | named.Nll)]
        return not any(loss.weight is not None or ignored_class(loss, maps=maps) is not None for loss in classes)

    def scores(self, outputs: Outputs) -> Tensor:
        """What the judged loss reads: (N, classes), (N) for two classes, (N, targets) for numbers.

        Of class maps the class with the highest score (N, H, W), in bytes where that is enough: a score for each class
        at every pixel would fill the memory before it is counted.
        """
        scores = selected(outputs, self.judged)
        if self.judged.maps and scores.dim() > 2:
            return scores.argmax(1).to(torch.uint8 if scores.shape[1] <= 256 else torch.int32)
        if self.judged.task == "two_classes":
            return scores.flatten()
        return scores[:, None] if self.judged.task == "numbers" and scores.dim() == 1 else scores


class OwnLosses(Objective):
    """A sum of outputs of the network, which computes losses of the objects that it is given by name."""

    def __init__(self, terms: Sequence[Term]) -> None:
        super().__init__(terms)
        self._taken: tuple[str, ...] | None = None

    def outputs(self, module: nn.Module, inputs: Images, targets: Targets) -> Outputs:
        assert isinstance(targets, Objects)
        if self._taken is None:
            own = module.module if isinstance(module, nn.parallel.DistributedDataParallel) else module
            self._taken = tuple(signature(own.forward).parameters)
        taken = {name: kind for name, kind in targets.by_name().items() if name in self._taken}
        made: Outputs = module(given(inputs), **taken)
        return made

    def is_over_samples(self, *, maps: bool) -> bool:
        return True  # the network takes the means

    def __call__(self, outputs: Outputs, targets: Targets) -> Tensor:
        first, *others = [term.factor * selected(outputs, term.loss) for term in self.terms]
        return sum(others, first)

    def scores(self, outputs: Outputs) -> Tensor:
        """The value of each loss (1, losses)."""
        return torch.stack([selected(outputs, term.loss).float() for term in self.terms])[None]


def objective(plan: ResolvedPlan) -> Objective:
    return OwnLosses(plan.loss) if plan.task == "objects" else Objective(plan.loss)


def selected(outputs: Outputs, loss: Loss) -> Tensor:
    """The output that a loss judges, in at least float32."""
    if isinstance(outputs, dict):
        chosen = outputs[loss.output] if loss.output else next(iter(outputs.values()))
    else:
        chosen = outputs
    return chosen.float() if chosen.dtype in (torch.bfloat16, torch.float16) else chosen


def loss_of(loss: Loss, scores: Tensor, targets: Tensor) -> Tensor:
    """The mean loss of a batch."""
    return FUNCTIONS[type(loss)](loss, scores, targets)


def _cross_entropy(loss: named.CrossEntropy, scores: Tensor, targets: Tensor) -> Tensor:
    if targets.is_floating_point():  # shares (N, classes) of mixed samples
        return F.cross_entropy(scores, targets, _weight(loss, scores), label_smoothing=loss.label_smoothing)
    if targets.dim() > 1 or loss.ignore_index is not None:
        return mean_of_judged(loss, scores, targets, _weight(loss, scores))
    return F.cross_entropy(scores, targets, _weight(loss, scores), label_smoothing=loss.label_smoothing)


def _nll(loss: named.Nll, scores: Tensor, targets: Tensor) -> Tensor:
    if targets.dim() > 1 or loss.ignore_index is not None:
        return mean_of_judged(loss, scores, targets, _weight(loss, scores))
    return F.nll_loss(scores, targets, _weight(loss, scores))


def _weight(loss: named.CrossEntropy | named.Nll, scores: Tensor) -> Tensor | None:
    weight = balanced(loss.counts, scores.shape[1]) if loss.weight == "balanced" else loss.weight
    return None if weight is None else scores.new_tensor(weight)


def measure(loss: Loss, targets: Tensor) -> Tensor:
    """What the mean of a loss is over, a scalar; it stays on the device, for which nobody waits."""
    dtype = torch.float32 if targets.device.type == "mps" else torch.float64
    if not isinstance(loss, named.CrossEntropy | named.Nll) or targets.is_floating_point():
        return torch.tensor(len(targets), dtype=dtype, device=targets.device)
    ignored = ignored_class(loss, maps=is_map(targets))
    kept = torch.ones_like(targets) if ignored is None else (targets != ignored).long()
    if loss.weight is None:
        return kept.sum().to(dtype)
    factors = balanced(loss.counts, 0) if loss.weight == "balanced" else loss.weight
    table = torch.tensor((*factors, 1.0), dtype=dtype, device=targets.device)  # a class that training lacks counts once
    return (table[(targets * kept).clamp(max=len(factors))] * kept).sum()


def count_classes(plan: ResolvedPlan, targets: Tensor | Maps) -> None:
    """Tell the losses whose weights are `balanced` how often each class is among the targets of training."""
    for term in plan.loss:
        if "balanced" not in (getattr(term.loss, "weight", None), getattr(term.loss, "pos_weight", None)):
            continue
        if isinstance(targets, Maps):
            counts = targets.counts.clone()
            ignored = ignored_class(term.loss, maps=True)
            counts[IGNORED if ignored is None else ignored] = 0
            term.loss.counts = tuple(counts[: int(counts.nonzero()[-1]) + 1].tolist() if counts.any() else (0,))
        else:
            kept, *_ = judged(term.loss, targets)
            term.loss.counts = tuple(kept.long().flatten().bincount().tolist())


def balanced(counts: Sequence[int], classes: int) -> tuple[float, ...]:
    """n / (k n_c) for each of k classes with n_c of n samples (King and Zeng 2001); 1 for one without any.

    >>> balanced((30, 10), 3)
    (0.6666666666666666, 2.0, 1.0)
    """
    filled, present = [*counts, *[0] * (classes - len(counts))], sum(count > 0 for count in counts)
    return tuple(sum(counts) / (present * count) if count else 1.0 for count in filled)


def _multi_margin(loss: named.MultiMargin, scores: Tensor, targets: Tensor) -> Tensor:
    return F.multi_margin_loss(scores, targets, p=loss.p, margin=loss.margin)


def _bce_with_logits(loss: named.BceWithLogits, scores: Tensor, targets: Tensor) -> Tensor:
    factor = loss.pos_weight
    if factor == "balanced":
        zeros, ones = (*loss.counts, 0, 0)[:2]
        factor = zeros / ones if ones else 1.0
    weight = None if factor is None else scores.new_tensor(factor)
    return F.binary_cross_entropy_with_logits(scores.flatten(), targets.to(scores.dtype), pos_weight=weight)


def _bce(loss: named.Bce, scores: Tensor, targets: Tensor) -> Tensor:
    return F.binary_cross_entropy(scores.flatten(), targets.to(scores.dtype))


def _hinge(loss: named.Hinge, scores: Tensor, targets: Tensor) -> Tensor:
    return (loss.margin - _signs(targets, scores) * scores.flatten()).clamp(min=0).mean()


def _perceptron(loss: named.Perceptron, scores: Tensor, targets: Tensor) -> Tensor:
    return (-_signs(targets, scores) * scores.flatten()).clamp(min=0).mean()


def _signs(targets: Tensor, scores: Tensor) -> Tensor:
    """Classes 0 and 1 as -1 and 1."""
    return 2 * targets.to(scores.dtype) - 1


def _mse(loss: named.Mse, scores: Tensor, targets: Tensor) -> Tensor:
    return F.mse_loss(scores.view_as(targets), targets)


def _l1(loss: named.L1, scores: Tensor, targets: Tensor) -> Tensor:
    return F.l1_loss(scores.view_as(targets), targets)


def _smooth_l1(loss: named.SmoothL1, scores: Tensor, targets: Tensor) -> Tensor:
    return F.smooth_l1_loss(scores.view_as(targets), targets, beta=loss.beta)


def _huber(loss: named.Huber, scores: Tensor, targets: Tensor) -> Tensor:
    return F.huber_loss(scores.view_as(targets), targets, delta=loss.delta)


FUNCTIONS: dict[type[Loss], Callable[..., Tensor]] = {
    named.CrossEntropy: _cross_entropy,
    named.Nll: _nll,
    named.MultiMargin: _multi_margin,
    named.BceWithLogits: _bce_with_logits,
    named.Bce: _bce,
    named.Hinge: _hinge,
    named.Perceptron: _perceptron,
    named.Mse: _mse,
    named.L1: _l1,
    named.SmoothL1: _smooth_l1,
    named.Huber: _huber,
}


def classes_of(loss: Loss, scores: Tensor) -> Tensor:
    """The predicted class of each sample: the highest score, or the side of the threshold; maps are classes already."""
    if not scores.is_floating_point():
        return scores.long()
    if loss.task == "two_classes":
        return (scores > (0.5 if loss.reads == "probabilities" else 0)).long()
    return scores.argmax(dim=1)


def probabilities(loss: Loss, scores: Tensor) -> Tensor | None:
    """(N, classes), or None where the loss gives scores no such meaning (margins), and for class maps."""
    if not scores.is_floating_point():
        return None
    match loss:
        case named.CrossEntropy():
            return scores.softmax(dim=1)
        case named.Nll():
            return scores.exp()
        case named.BceWithLogits() | named.Bce():
            one = scores.sigmoid() if loss.reads == "logits" else scores
            return torch.stack([1 - one, one], dim=1)
    return None

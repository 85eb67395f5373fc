"""Metrics from sums that are kept while batches pass: a confusion matrix, or sums of errors.

Averages and edge cases are scikit-learn's: a class that nobody predicted has precision 0, and
`macro` averages over classes that occur as label or prediction.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dlspec.plan import metrics as named
from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.losses import Loss
from dlspec.plan.metrics import Metric
from dlspec.training.class_maps import judged, mean_iou
from dlspec.training.fitted import Fitted
from dlspec.training.objective import classes_of

Values = dict[str, float]


class Scores:
    """The sums behind a plan's metrics; `classes` is how many there are, 0 for numbers."""

    def __init__(self, plan: ResolvedPlan, classes: int, fitted: Fitted) -> None:
        self.metrics = tuple(plan.metrics or ())
        self.loss: Loss = plan.loss[0].loss
        self.fitted = fitted
        self.classes = classes
        self.ranks = [metric.k for metric in self.metrics if isinstance(metric, named.TopKAccuracy)]
        self.reset()

    def reset(self) -> None:
        self.confusion = torch.zeros(self.classes, self.classes, dtype=torch.int64)
        self.hits = torch.zeros(len(self.ranks), dtype=torch.int64)
        self.sums: Tensor | None = None

    def add(self, scores: Tensor, targets: Tensor) -> None:
        """One more batch: scores as the loss's output gives them, targets as the loss saw them."""
        if self.loss.task == "numbers":
            self._add_errors(self.fitted.in_units(scores.double()), self.fitted.in_units(targets.double()))
            return
        ranked = (scores,) if self.ranks else ()
        targets, predicted, *ranked_scores = judged(self.loss, targets, classes_of(self.loss, scores), *ranked)
        found = (self.classes * targets + predicted).flatten()
        self.confusion += found.bincount(minlength=self.classes**2).view_as(self.confusion).cpu()
        for one in ranked_scores:
            best = one.topk(max(self.ranks), dim=1).indices == targets[:, None]
            self.hits += torch.stack([best[:, :k].any(1).sum() for k in self.ranks]).cpu()

    def _add_errors(self, predicted: Tensor, targets: Tensor) -> None:
        """Sums per column of: 1, |error|, error², target, target²."""
        error = predicted - targets
        parts = (torch.ones_like(targets), error.abs(), error**2, targets, targets**2)
        sums = torch.stack([part.sum(0) for part in parts]).cpu()
        self.sums = sums if self.sums is None else self.sums + sums

    def values(self) -> Values:
        """Each metric that is one number, by its name."""
        return {metric.name: self._value(metric) for metric in self.metrics if metric.scalar}

    def _value(self, metric: Metric) -> float:
        match metric:
            case named.TopKAccuracy():
                return int(self.hits[self.ranks.index(metric.k)]) / max(int(self.confusion.sum()), 1)
            case named.Accuracy():
                return int(self.confusion.trace()) / max(int(self.confusion.sum()), 1)
            case named.MeanIou():
                return mean_iou(self.confusion, metric.without)
            case named.Precision() | named.Recall() | named.F1():
                return averaged(metric, self.confusion)
        assert self.sums is not None, "no batch was added"
        return regression(metric, self.sums)

    def state(self) -> dict[str, Tensor]:
        """The sums, to be saved in the middle of an epoch."""
        state = {"confusion": self.confusion, "hits": self.hits}
        return state if self.sums is None else state | {"sums": self.sums}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.confusion, self.hits, self.sums = state["confusion"], state["hits"], state.get("sums")


class LossSums(Scores):
    """Of a network that computes its losses itself: the mean of each. What it finds is judged in evaluation alone."""

    def __init__(self, plan: ResolvedPlan, classes: int, fitted: Fitted) -> None:
        self.names = [str(term.loss.output) for term in plan.loss]
        super().__init__(plan, classes, fitted)

    def reset(self) -> None:
        self.total, self.seen = torch.zeros(len(self.names), dtype=torch.float64), 0

    def add(self, scores: Tensor, targets: Tensor) -> None:
        """One more batch: the values of the losses (parts, losses), and a row of targets for each image."""
        self.total += scores.double().mean(0).cpu() * len(targets)
        self.seen += len(targets)

    def values(self) -> Values:
        means = (self.total / max(self.seen, 1)).tolist()
        return {name: mean for name, mean in zip(self.names, means, strict=True) if len(self.names) > 1}

    def state(self) -> dict[str, Tensor]:
        return {"total": self.total, "seen": torch.tensor(self.seen)}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.total, self.seen = state["total"], int(state["seen"])


def scores_of(plan: ResolvedPlan, classes: int, fitted: Fitted) -> Scores:
    """The sums that the plan's task wants."""
    return (LossSums if plan.task == "objects" else Scores)(plan, classes, fitted)


def averaged(metric: named.Precision | named.Recall | named.F1, confusion: Tensor) -> float:
    """Precision, recall or F1 from a matrix: a row for each true class, a column for each predicted."""
    table = confusion.double()
    right, true, predicted = table.diag(), table.sum(1), table.sum(0)
    if metric.average == "micro":
        return float(right.sum() / table.sum())
    match metric:
        case named.Precision():
            per_class = right / predicted.clamp(min=1)
        case named.Recall():
            per_class = right / true.clamp(min=1)
        case _:
            per_class = 2 * right / (true + predicted).clamp(min=1)
    weight = true if metric.average == "weighted" else (true + predicted > 0).double()
    return float((per_class * weight).sum() / weight.sum())


def regression(metric: Metric, sums: Tensor) -> float:
    """A metric of numbers from the sums of `Scores`, averaged over targets."""
    count, absolute, squared, total, total_squared = sums
    match metric:
        case named.Mae():
            return float((absolute / count).mean())
        case named.Mse():
            return float((squared / count).mean())
        case named.Rmse():
            return float((squared / count).sqrt().mean())
        case named.R2():
            spread = total_squared - total**2 / count
            return float((1 - squared / spread).mean())
    raise TypeError(metric.name)


def by_target(metrics: Sequence[Metric], sums: Tensor, names: Sequence[str]) -> list[dict[str, object]]:
    """A row for each target: its metrics."""
    chosen = [metric for metric in metrics if isinstance(metric, named.Mae | named.Mse | named.Rmse | named.R2)]
    return [
        {"target": name} | {metric.name: regression(metric, sums[:, [column]]) for metric in chosen}
        for column, name in enumerate(names)
    ]


def better(metric: str, value: float, than: float | None, *, by: float = 0.0) -> bool:
    """Whether a score beats another by more than `by`; NaN beats nothing, anything beats None."""
    if than is None or value != value:
        return than is None
    lower = metric == "loss" or dict(named.metrics())[metric].better == "lower"
    return value < than - by if lower else value > than + by

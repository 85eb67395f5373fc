"""Metrics are scikit-learn's, however the samples were batched."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as theirs

from dlspec.training.fitted import Fitted, Scale
from dlspec.training.metrics import Scores, better
from tests.training.runs import DIABETES, plan_of

AS_IT_IS = Fitted(None, None)
LABELS = st.lists(st.integers(0, 4), min_size=2, max_size=40)
SCORES = st.integers(0, 2**32 - 1)


def scores_of(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def filled(sums: Scores, scores: torch.Tensor, targets: torch.Tensor, at_once: int) -> Scores:
    for start in range(0, len(targets), at_once):
        sums.add(scores[start : start + at_once], targets[start : start + at_once])
    return sums


@given(LABELS, SCORES, st.integers(1, 50), st.sampled_from(["macro", "micro", "weighted"]))
def test_classification_metrics_are_scikit_learns(labels: list[int], seed: int, at_once: int, average: str) -> None:
    listed = ", ".join(f"{name}(average={average})" for name in ("precision", "recall", "f1"))
    plan = plan_of(metrics=f"[accuracy, top_k_accuracy(k=2), confusion_matrix, {listed}]")
    targets, scores = torch.tensor(labels), scores_of(seed, len(labels), 5)
    sums = filled(Scores(plan, 5, AS_IT_IS), scores, targets, at_once)
    values, predicted = sums.values(), scores.argmax(1)
    assert values["accuracy"] == pytest.approx(theirs.accuracy_score(targets, predicted))
    top = theirs.top_k_accuracy_score(targets, scores, k=2, labels=range(5))
    assert values["top_k_accuracy"] == pytest.approx(top)
    assert sums.confusion.tolist() == theirs.confusion_matrix(targets, predicted, labels=range(5)).tolist()
    for name, score in (
        ("precision", theirs.precision_score),
        ("recall", theirs.recall_score),
        ("f1", theirs.f1_score),
    ):
        assert values[name] == pytest.approx(score(targets, predicted, average=average, zero_division=0)), name


@given(st.integers(3, 40), SCORES, st.integers(1, 50))
def test_regression_metrics_are_scikit_learns_in_units_of_the_data(count: int, seed: int, at_once: int) -> None:
    plan = plan_of(DIABETES, metrics="[r2, mae, mse, rmse]")
    targets = 150 + 70 * scores_of(seed, count, 1).double()
    predicted = targets + 30 * scores_of(seed + 1, count, 1).double()
    scale = Scale.of(targets, (0,))
    sums = Scores(plan, 0, Fitted(None, scale))
    values = filled(sums, scale.applied(predicted), scale.applied(targets), at_once).values()
    assert values["r2"] == pytest.approx(theirs.r2_score(targets, predicted), abs=1e-6)
    assert values["mae"] == pytest.approx(theirs.mean_absolute_error(targets, predicted))
    assert values["mse"] == pytest.approx(theirs.mean_squared_error(targets, predicted))
    assert values["rmse"] == pytest.approx(theirs.root_mean_squared_error(targets, predicted))


def test_sums_go_on_after_a_checkpoint() -> None:
    plan = plan_of(metrics="[accuracy, top_k_accuracy(k=2)]")
    scores, targets = scores_of(0, 30, 5), torch.arange(30) % 5
    first, second = Scores(plan, 5, AS_IT_IS), Scores(plan, 5, AS_IT_IS)
    first.add(scores[:10], targets[:10])
    second.restore(first.state())
    second.add(scores[10:], targets[10:])
    assert second.values() == filled(Scores(plan, 5, AS_IT_IS), scores, targets, 7).values()


def test_better_knows_which_way_is_up() -> None:
    assert better("accuracy", 0.9, 0.8)
    assert better("loss", 0.1, 0.2)
    assert not better("rmse", 3.0, 3.0)
    assert not better("accuracy", 0.85, 0.8, by=0.1)
    assert better("r2", -5.0, None)
    assert not better("loss", float("nan"), 1.0)

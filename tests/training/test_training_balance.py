"""Classes weighed by how rare they are, as scikit-learn and torch do it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from dlspec.checking import Spec, check_spec
from dlspec.source import Source
from dlspec.training.objective import balanced, count_classes, objective
from tests.training.runs import SCORE, SOFTMAX, plan_of, run

TWO = "{ source = digits(classes=[0, 1]) split { train = 0.5 val = 0.2 test = 0.3 } }"
LABELS = torch.tensor([0] * 30 + [1] * 5 + [2] * 15)


@pytest.mark.parametrize("loss", ["cross_entropy", "nll"])
def test_balanced_weights_are_scikit_learns(loss: str) -> None:
    plan = plan_of(loss=f"{loss}(weight=balanced)")
    count_classes(plan, LABELS)
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=LABELS.numpy())
    scores = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)).log_softmax(1)
    expected = F.nll_loss(scores, LABELS, torch.tensor(wanted, dtype=torch.float32))
    assert float(objective(plan)(scores, LABELS)) == pytest.approx(float(expected))


def test_a_class_without_samples_weighs_as_one() -> None:
    assert balanced((2, 0, 2), 4) == (1.0, 1.0, 1.0, 1.0)


def test_of_two_classes_each_weighs_half() -> None:
    plan = plan_of(data=TWO, loss="bce_with_logits(pos_weight=balanced)")
    labels = torch.tensor([0] * 30 + [1] * 10)
    count_classes(plan, labels)
    scores = torch.zeros(40, 1, requires_grad=True)
    objective(plan)(scores, labels).backward()
    assert scores.grad is not None
    assert float(scores.grad[:30].sum()) == pytest.approx(-float(scores.grad[30:].sum()))


def test_plans_train_with_classes_weighed(tmp_path: Path) -> None:
    report = run(plan_of(loss="cross_entropy(weight=balanced)"), tmp_path / "ten", SOFTMAX)
    assert report.data["test"]["accuracy"] > 0.7
    run(plan_of(data=TWO, loss="bce_with_logits(pos_weight=balanced)"), tmp_path / "two", SCORE)


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ("multi_step([900], counts=steps)", "would fall after step 900"),
        ("exponential(0.5, counts=steps)", "gone after step 20"),
        ("multi_step([90], counts=steps)", ""),
    ],
)
def test_a_schedule_in_steps_is_held_against_the_length_in_steps(schedule: str, says: str) -> None:
    text = f"""network n {{
  input x: float32[N, 1, 8, 8]
  output logits = x -> flatten -> linear(10)
}}
plan p {{
  network = n
  data {{ source = digits }}
  loss = cross_entropy
  optimizer = sgd(lr=0.1)
  schedule = {schedule}
  epochs = 2
  batch_size = 20
}}
"""
    found = [problem.message for problem in check_spec(Spec(Source("spec.dls", text), None))]
    assert (says in " ".join(found)) if says else not found

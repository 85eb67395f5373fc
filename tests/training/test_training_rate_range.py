"""The learning-rate range test: rates that train are told from rates that are too low or too high."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from dlspec.cli import main
from dlspec.training.errors import RunError
from dlspec.training.rate_range import FIRST, find_rate, smoothed, steepest
from tests.training.runs import DIABETES, LINE, SOFTMAX, plan_of


def test_the_steepest_fall_is_where_the_derivative_is_lowest() -> None:
    """Against numpy's central differences, on a curve that falls as a logistic at 1e-2 and rises from 1."""
    rates = np.logspace(-6, 1, 71)
    curve = 2 - 1.5 / (1 + np.exp(-3 * (np.log10(rates) + 2))) + np.maximum(np.log10(rates), 0) * 9
    wanted = rates[FIRST:60][np.gradient(curve, np.log10(rates))[FIRST:60].argmin()]
    assert steepest(list(rates), list(curve)) == pytest.approx(wanted)
    assert wanted == pytest.approx(1e-2)


def test_a_loss_that_only_rises_suggests_nothing() -> None:
    assert steepest([10.0**n for n in range(20)], [float(n) for n in range(20)]) is None


def test_the_smoothed_loss_of_a_constant_is_the_constant() -> None:
    assert smoothed([3.0] * 9) == pytest.approx([3.0] * 9)


def test_of_least_squares_the_rates_beyond_two_over_the_largest_curvature_diverge(tmp_path: Path) -> None:
    """Gradient descent on a quadratic diverges from 2 / λ on, λ the largest eigenvalue of its Hessian."""
    from sklearn.datasets import load_diabetes
    from sklearn.preprocessing import StandardScaler

    plan = plan_of(DIABETES, optimizer="sgd(lr=0.1)")
    found = find_rate(plan, tmp_path / "out", LINE, low=1e-5, high=1e3, steps=120)
    inputs = StandardScaler().fit_transform(load_diabetes().data)
    bound = 2 / np.linalg.eigvalsh(2 * inputs.T @ inputs / len(inputs)).max()
    assert found.suggestion is not None
    assert bound / 300 < found.suggestion < bound
    assert found.rates[-1] < 1e3, "it ends where the loss has risen"
    data = json.loads((tmp_path / "out" / "lr_find.json").read_text())
    assert data["suggestion"] == found.suggestion
    assert len(data["steps"]) == len(found.rates)
    assert (tmp_path / "out" / "lr_find.png").stat().st_size > 5000


def test_the_first_loss_is_that_of_the_untrained_network_and_rates_grow_by_a_factor(tmp_path: Path) -> None:
    found = find_rate(plan_of(), tmp_path / "out", SOFTMAX, steps=50)
    assert found.losses[0] == pytest.approx(math.log(10), rel=0.2)
    ratios = np.divide(found.rates[1:], found.rates[:-1])
    assert ratios == pytest.approx([1e7 ** (1 / 49)] * len(ratios))
    assert found.suggestion is not None
    assert 1e-3 < found.suggestion < 5


@pytest.mark.parametrize(
    ("changed", "range_", "says"),
    [
        ({}, {"low": 1.0, "high": 0.1}, "take `--low` below `--high`"),
        ({"optimizer": "lbfgs", "batch_size": "full"}, {}, "`lbfgs` has no rate to look for"),
        ({"loss": "nll", "optimizer": "sgd(lr=1)"}, {"low": 1e37, "high": 1e38}, "begin lower"),
    ],
)
def test_what_cannot_be_tested_is_told(
    tmp_path: Path, changed: dict[str, str], range_: dict[str, float], says: str
) -> None:
    with pytest.raises(RunError, match=says):
        find_rate(plan_of(**changed), tmp_path / "out", SOFTMAX, **range_)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_command_tells_what_to_try_and_leaves_a_taken_folder_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["lr-find", "linear_classifier", "--steps", "60", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    assert "--set optimizer.lr=" in capsys.readouterr().out
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert main(command) == 1
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

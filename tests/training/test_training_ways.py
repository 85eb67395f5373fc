"""Other ways to take a step: in parts, with a running mean of the weights, laid out for speed; and its gradients."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from dlspec.training.loop import gradient_norms
from dlspec.training.predicting import load_run
from tests.training.runs import CNN, SOFTMAX, equal, final_weights, plan_of, run

torch.set_num_threads(1)

DEEP = """from torch import nn


def build():
    layers = [nn.Flatten(), nn.Linear(64, 32), nn.Sigmoid()]
    for _ in range(5):
        layers += [nn.Linear(32, 32), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Linear(32, 10))
"""


def close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.allclose(one[name].double(), other[name].double(), atol=1e-5) for name in one)


def test_a_batch_in_parts_takes_the_step_of_the_whole(tmp_path: Path) -> None:
    run(plan_of(), tmp_path / "whole", SOFTMAX)
    run(plan_of(accumulate="3"), tmp_path / "parts", SOFTMAX)
    assert close(final_weights(tmp_path / "whole"), final_weights(tmp_path / "parts"))
    rows = [[json.loads(line) for line in (tmp_path / name / "metrics.jsonl").open()] for name in ("whole", "parts")]
    for whole, parts in zip(*rows, strict=True):
        assert whole["loss"] == pytest.approx(parts["loss"], rel=1e-5)


def test_the_running_mean_of_the_weights_is_what_is_kept(tmp_path: Path) -> None:
    """Against the recurrence of the paper: mean ← d·mean + (1 − d)·weights, begun with the first step's weights."""
    plan = plan_of(ema="0.5", epochs="1", batch_size="50", keep="{ every_seconds = 0  last = 9 }")
    report = run(plan, tmp_path / "run", SOFTMAX)
    steps = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))
    from dlspec.training.checkpoints import read

    mean: dict[str, torch.Tensor] = {}
    for step in steps:
        weights = read(step).weights
        mean = {k: 0.5 * mean[k] + 0.5 * v for k, v in weights.items()} if mean else weights
    kept = load_run(tmp_path / "run").module.state_dict()
    assert close(kept, mean)
    assert not close(kept, final_weights(tmp_path / "run"))
    assert report.data["steps"] == len(steps)


def test_a_run_with_a_running_mean_resumes_exactly(tmp_path: Path) -> None:
    """A longer plan goes on as if it had been that long."""
    run(plan_of(ema="0.9", epochs="4"), tmp_path / "at once", CNN)
    run(plan_of(ema="0.9", epochs="2"), tmp_path / "twice", CNN)
    run(plan_of(ema="0.9", epochs="4"), tmp_path / "twice", CNN, resume=True)
    assert equal(final_weights(tmp_path / "at once"), final_weights(tmp_path / "twice"))
    kept = [load_run(tmp_path / name).module.state_dict() for name in ("at once", "twice")]
    assert equal(*kept)


def test_the_last_mean_is_kept_where_nothing_chooses(tmp_path: Path) -> None:
    split = "{ source = digits split { train = 0.5 val = 0 test = 0.5 } }"
    run(plan_of(ema="0.9", epochs="2", data=split), tmp_path / "run", SOFTMAX)
    assert not close(load_run(tmp_path / "run").module.state_dict(), final_weights(tmp_path / "run"))


def test_channels_last_changes_the_layout_and_not_the_numbers(tmp_path: Path) -> None:
    run(plan_of(epochs="1"), tmp_path / "plain", CNN)
    run(plan_of(epochs="1", channels_last="true", augment="[translate(0.1)]"), tmp_path / "augmented", CNN)
    run(plan_of(epochs="1", channels_last="true"), tmp_path / "last", CNN)
    assert close(final_weights(tmp_path / "plain"), final_weights(tmp_path / "last"))


def test_gradients_are_recorded_by_layer_and_vanish_behind_sigmoids(tmp_path: Path) -> None:
    run(plan_of(log="{ gradients = true }"), tmp_path / "run", DEEP, pictures=True)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    lengths = [row["norms"] for row in rows if row["split"] == "gradients"]
    assert len(lengths) == 3
    assert list(lengths[0]) == ["1", "3", "5", "7", "9", "11", "13"]
    assert lengths[0]["1"] < lengths[0]["13"] / 1000
    assert (tmp_path / "run" / "gradients.png").stat().st_size > 5000


def test_the_length_of_a_gradient_is_that_of_its_numbers() -> None:
    line = torch.nn.Linear(2, 2)
    line(torch.tensor([[3.0, 4.0]])).sum().backward()
    assert gradient_norms(line) == {"weight": pytest.approx(math.sqrt(2 * 25))}


@pytest.mark.slow
def test_a_compiled_network_trains_to_the_same_weights(tmp_path: Path) -> None:
    run(plan_of(epochs="1"), tmp_path / "eager", SOFTMAX)
    run(plan_of(epochs="1", compile="true"), tmp_path / "compiled", SOFTMAX)
    assert close(final_weights(tmp_path / "eager"), final_weights(tmp_path / "compiled"))

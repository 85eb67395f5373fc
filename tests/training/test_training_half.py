"""Sixteen bits: float16 with its loss scaled, by torch's own scaler; on a processor only its arithmetic can be tried."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dlspec.training import setting_up
from dlspec.training.errors import RunError
from tests.training.runs import CNN, SOFTMAX, equal, final_weights, plan_of, run


def test_on_a_processor_it_is_refused_and_bf16_proposed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"`fp16` is for accelerators.*precision=bf16"):
        run(plan_of(precision="fp16"), tmp_path / "run")
    run(plan_of(precision="bf16", epochs="1"), tmp_path / "bf16")


def test_scaled_gradients_take_the_steps_of_unscaled_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setting_up, "refuse_half", lambda plan, device: None)
    run(plan_of(clip_norm="0.5", accumulate="2"), tmp_path / "single", SOFTMAX)
    run(plan_of(clip_norm="0.5", accumulate="2", precision="fp16"), tmp_path / "half", SOFTMAX)
    one, other = final_weights(tmp_path / "single"), final_weights(tmp_path / "half")
    for name, tensor in one.items():
        assert torch.allclose(tensor, other[name], atol=3e-3), name


def test_a_run_in_float16_resumes_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setting_up, "refuse_half", lambda plan, device: None)
    run(plan_of(epochs="4", precision="fp16"), tmp_path / "at once", CNN)
    run(plan_of(epochs="2", precision="fp16"), tmp_path / "twice", CNN)
    run(plan_of(epochs="4", precision="fp16"), tmp_path / "twice", CNN, resume=True)
    assert equal(final_weights(tmp_path / "at once"), final_weights(tmp_path / "twice"))

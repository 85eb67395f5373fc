"""A loss that is no finite number: the step, the layer where it began, and the batch, kept to be looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dlspec.training import setting_up
from dlspec.training.errors import RunError
from dlspec.training.module_file import build
from dlspec.training.samples import Dataset
from tests.training.runs import DIABETES, DIGITS, SOFTMAX, plan_of, run

LAYERS = """import torch
from torch import nn


class Faulty(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = 0

    def forward(self, x):
        self.steps += self.training
        return {fault} if self.steps == 5 else x


def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), Faulty(), nn.ReLU(), nn.Linear(16, 10))
"""


def layers_of(out: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((out / "divergence" / "layers.json").read_text())
    return found


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("x * 1e38 * 1e10", "activation", r"the loss is (infinite|not a number) at step 5: it begins in the activat.* `2` \(Faulty\)"),
        ("x / (x - x)", "activation", r"not a number at step 5: it begins in the activations of `2` \(Faulty\)"),
        ("x + (x - x).abs().sqrt()", "gradient", r"the gradient is not a number at step 5: .* gradient of `2` \(Faulty\)"),
    ],
)  # fmt: skip
def test_the_layer_where_it_began_is_named(tmp_path: Path, fault: str, kind: str, says: str) -> None:
    """The fault is in the fifth step; where it is one of the gradient the loss only tells at the sixth."""
    source = LAYERS.replace("{fault}", fault).replace("== 5", ">= 5")
    with pytest.raises(RunError, match=says):
        run(plan_of(optimizer="sgd(lr=0.01)"), tmp_path, source)
    assert layers_of(tmp_path)["kind"] == kind
    assert layers_of(tmp_path)["path"] == "2"


LINE = "from torch import nn\n\n\ndef build():\n    return nn.Linear(10, 1)\n"


def test_a_step_too_long_is_told_as_such(tmp_path: Path) -> None:
    """The gradient of the first step is finite; a rate of 1e38 makes the weights overflow."""
    plan = plan_of(DIABETES, optimizer="sgd(lr=1e38)", data="{ source = diabetes }")
    with pytest.raises(RunError, match=r"at step 2: the step before made `weight` overflow.*lower the learning rate"):
        run(plan, tmp_path, LINE)


def test_the_batch_and_the_weights_that_are_kept_show_the_failure_again(tmp_path: Path) -> None:
    plan = plan_of(DIABETES, optimizer="sgd(lr=10)", data="{ source = diabetes }", epochs="400", batch_size="50")
    with pytest.raises(RunError, match=r"at step \d+: it begins in the loss `mse`.*lower the learning rate") as caught:
        run(plan, tmp_path, LINE)
    assert str(tmp_path / "divergence") in caught.value.hint
    module, batch = build(tmp_path / "model.py"), load_file(tmp_path / "divergence" / "batch.safetensors")
    module.load_state_dict(load_file(tmp_path / "divergence" / "weights.safetensors"))
    assert all(tensor.isfinite().all() for tensor in module.state_dict().values())
    assert torch.nn.functional.mse_loss(module(batch["inputs"]), batch["targets"]).isinf()
    assert len(batch["rows"]) == len(batch["inputs"])


def test_a_sample_that_holds_no_numbers_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = setting_up.load

    def holed(plan: object) -> Dataset:
        dataset = real(plan)  # type: ignore[arg-type]
        dataset.samples.inputs[::2] = torch.nan
        return dataset

    monkeypatch.setattr(setting_up, "load", holed)
    with pytest.raises(
        RunError, match=r"at step 1: \d+ of the 50 samples hold no finite input \(rows \d.*look at these"
    ):
        run(plan_of(DIGITS), tmp_path, SOFTMAX)
    batch = load_file(tmp_path / "divergence" / "batch.safetensors")
    assert layers_of(tmp_path)["kind"] == "input"
    assert batch["inputs"].isnan().any()


def test_a_loss_alone_may_be_at_fault(tmp_path: Path) -> None:
    """The logarithm of a probability of 0: outputs are finite, the loss is not."""
    source = SOFTMAX.replace("nn.Linear(64, 10))", "nn.Linear(64, 10), Far())").replace(
        "def build",
        "class Far(nn.Module):\n    def forward(self, x):\n        return -1e38 * (x * 0 + 1) * 3\n\n\ndef build",
    )
    with pytest.raises(RunError, match="it begins in the loss `nll`, from outputs up to 3e"):
        run(plan_of(loss="nll", optimizer="sgd(lr=0.01)"), tmp_path, source)

"""The loop does what a loop written by hand does, and a resumed run equals one that was never stopped, bit for bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from dlspec.plan.keys import ResolvedPlan
from dlspec.training import module_file
from dlspec.training.batches import batch_ends
from dlspec.training.draws import permutation
from dlspec.training.errors import RunError
from tests.training.runs import DIABETES, LINE, SOFTMAX, equal, final_weights, plan_of, run

RESUMED: dict[str, dict[str, str]] = {
    "momentum, dropout, batch norm": {},
    "augmentation": {
        "augment": "[rotate(10), translate(0.1), noise(0.05), erase]",
        "optimizer": "adamw(lr=0.01)",
    },
    "mixing": {"augment": "[resized_crop, kornia(RandomSolarize(p=0.7)), mixup]"},
    "one cycle": {"schedule": "one_cycle", "optimizer": "adam(lr=0.01)"},
    "plateau": {"schedule": "plateau(by=train.loss, patience=0, threshold=0.5)"},
    "warm-up and clipping": {"schedule": "cosine(warmup_steps=3)", "clip_norm": "0.5"},
    "lbfgs": {"optimizer": "lbfgs(max_iter=3, history_size=3)", "batch_size": "full", "epochs": "9"},
    "steps": {"epochs": None, "steps": "10"},  # type: ignore[dict-item]
    "bf16": {"precision": "bf16"},
    "best by training loss": {"keep": "{ best_by = train.loss  last = 99  every_seconds = 0 }"},
}


def rows(out: Path) -> list[dict[str, object]]:
    """The record without what the clock says."""
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in found]


@pytest.mark.parametrize("changed", RESUMED.values(), ids=RESUMED.keys())
def test_a_resumed_run_equals_an_undisturbed_one(tmp_path: Path, changed: dict[str, str]) -> None:
    plan = plan_of(**{"keep": "{ last = 99  every_seconds = 0 }", **changed})
    whole = run(plan, tmp_path / "whole")
    steps = sorted((tmp_path / "whole" / "checkpoints").glob("step-*"))
    assert len({path.name.partition(".")[0] for path in steps}) == whole.data["steps"]
    for stop in (1, len(steps) // 2, len(steps) - 1):
        cut = tmp_path / f"cut-{stop}"
        shutil.copytree(tmp_path / "whole", cut)
        (cut / "report.json").unlink()
        for path in (cut / "checkpoints").glob("step-*"):
            if path.name > steps[stop - 1].name:
                shutil.rmtree(path)
        named = json.loads((steps[stop - 1] / "state.json").read_text())["best_folder"]
        for path in (cut / "checkpoints").glob("best-*"):
            if path.name != named:
                shutil.rmtree(path)
        again = run(plan, cut, resume=True)
        assert again.data["resumed"] is True
        assert equal(final_weights(cut), final_weights(tmp_path / "whole"))
        assert rows(cut) == rows(tmp_path / "whole")
        assert again.test == whole.test


def trained_by_hand(plan: ResolvedPlan, module: nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> nn.Module:
    """The loop of a tutorial."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9, fused=True)
    for epoch in range(3):
        for rows in permutation(plan.seed, epoch, len(inputs)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(inputs[rows]), labels[rows]).backward()
            optimizer.step()
    return module


def test_the_loop_does_what_one_written_by_hand_does(tmp_path: Path) -> None:
    from dlspec.training.data import load
    from dlspec.training.splits import split

    plan = plan_of()
    run(plan, tmp_path / "run", SOFTMAX)
    torch.manual_seed(plan.seed)
    module = module_file.build(tmp_path / "run" / "model.py")
    train = split(load(plan), plan).train
    by_hand = trained_by_hand(plan, module, train.inputs, train.targets)
    assert equal(dict(by_hand.state_dict()), final_weights(tmp_path / "run"))


def test_the_same_seed_gives_the_same_run_and_another_seed_another(tmp_path: Path) -> None:
    for name, seed in (("one", "0"), ("same", "0"), ("other", "1")):
        run(plan_of(seed=seed), tmp_path / name)
    assert equal(final_weights(tmp_path / "one"), final_weights(tmp_path / "same"))
    assert not equal(final_weights(tmp_path / "one"), final_weights(tmp_path / "other"))


@pytest.mark.parametrize("what", ["weights", "order", "augmentation", "dropout"])
def test_each_seed_moves_what_it_is_of(tmp_path: Path, what: str) -> None:
    def after(name: str, **changed: str) -> dict[str, torch.Tensor]:
        run(plan_of(epochs=None, steps="2", augment="[rotate(10)]", **changed), tmp_path / name)  # type: ignore[arg-type]
        return final_weights(tmp_path / name)

    base = after("base")
    assert equal(after("same", seeds=f"{{ {what} = 0 }}"), base)
    assert not equal(after("other", seeds=f"{{ {what} = 1 }}"), base)


def test_full_batch_takes_one_step_an_epoch(tmp_path: Path) -> None:
    assert run(plan_of(DIABETES), tmp_path / "run", LINE).data["steps"] == 20


def test_steps_may_end_within_an_epoch(tmp_path: Path) -> None:
    report = run(plan_of(epochs=None, steps="5"), tmp_path / "run", SOFTMAX)
    assert (report.data["steps"], report.data["epochs"]) == (5, 2)


@pytest.mark.parametrize(
    ("count", "length", "ends"),
    [
        (10, 4, [4, 8, 10]),
        (9, 4, [4, 9]),
        (8, 4, [4, 8]),
        (3, 3, [3]),
        (1, 1, [1]),
        (3, 1, [1, 2, 3]),
        (5, 4, [5]),
    ],
)
def test_a_last_batch_of_one_joins_the_one_before(count: int, length: int, ends: list[int]) -> None:
    assert batch_ends(count, length) == ends


@pytest.mark.parametrize(("base", "source", "lr"), [(None, SOFTMAX, "1e38"), (DIABETES, LINE, "1e20")])
def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(
    tmp_path: Path, base: dict[str, str] | None, source: str, lr: str
) -> None:
    plan = plan_of(base, optimizer=f"sgd(lr={lr})") if base else plan_of(optimizer=f"sgd(lr={lr})")
    with pytest.raises(
        RunError, match=r"the loss is (not a number|infinite) at step \d.*lower the learning rate of `sgd`"
    ):
        run(plan, tmp_path / "run", source)
    assert not list((tmp_path / "run" / "checkpoints").glob("step-*")), "nothing broken is saved"


def test_early_stopping_ends_a_run_that_does_not_get_better(tmp_path: Path) -> None:
    plan = plan_of(optimizer="sgd(lr=0)", epochs="50", early_stopping="{ patience = 2 }")
    report = run(plan, tmp_path / "run", SOFTMAX)
    assert (report.data["stopped"], report.data["epochs"]) == ("early stopping", 4)


def test_gradients_are_clipped_to_the_plans_norm(tmp_path: Path) -> None:
    clipped = plan_of(clip_norm="1e-6", epochs=None, steps="1", optimizer="sgd(lr=1)")
    run(clipped, tmp_path / "run", SOFTMAX)
    torch.manual_seed(0)
    before = dict(module_file.build(tmp_path / "run" / "model.py").state_dict())
    after = final_weights(tmp_path / "run")
    moved = sum((after[name] - before[name]).square().sum() for name in after).sqrt()
    assert moved.item() == pytest.approx(1e-6, rel=0.2)


def test_the_best_epoch_is_the_one_that_is_reported(tmp_path: Path) -> None:
    report = run(plan_of(epochs="6", optimizer="sgd(lr=0.5)"), tmp_path / "run", SOFTMAX)
    scores = [row["accuracy"] for row in rows(tmp_path / "run") if row["split"] == "val"]
    assert report.data["best"]["value"] == max(scores)
    assert report.val["accuracy"] == max(scores)
    assert report.data["best"]["epoch"] == 6 - scores[::-1].index(max(scores)), "of equal scores the later"


def test_float64_trains_in_float64(tmp_path: Path) -> None:
    run(plan_of(DIABETES, precision="float64"), tmp_path / "run", LINE)
    assert {tensor.dtype for tensor in final_weights(tmp_path / "run").values()} == {torch.float64}

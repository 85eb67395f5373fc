"""A run goes on wherever it was stopped: made longer in the middle of an epoch, killed after its loop, killed in a stage."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dlspec.training import run as runs
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.errors import RunError
from tests.training.runs import CNN, SOFTMAX, equal, final_weights, plan_of, run


class Killed(BaseException):
    """What stands for a kill: nothing below the test catches it."""


def killed(*_: object, **__: object) -> None:
    raise Killed


def rows(out: Path) -> list[dict[str, Any]]:
    """The record without what a clock says."""
    made = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in made]


def check_equal(one: Path, other: Path) -> None:
    """Weights, record, choice and scores."""
    assert equal(final_weights(one), final_weights(other))
    assert rows(one) == rows(other)
    reports = [json.loads((out / "report.json").read_text()) for out in (one, other)]
    for key in ("best", "val", "test", "steps", "epochs"):
        assert reports[0].get(key) == reports[1].get(key), key
    chosen = [Checkpoints(out / "checkpoints", 1).chosen()[0].weights for out in (one, other)]
    assert equal(*chosen)


@pytest.mark.parametrize(
    ("length", "shorter", "longer", "keys"),
    [
        ("steps", "6", "11", {}),
        ("steps", "2", "9", {"keep": "{ best_by = val.loss  last = 1 }", "augment": "[rotate(10)]"}),
        ("steps", "5", "12", {"ema": "0.9", "schedule": "plateau(by=val.loss, patience=1)"}),
        ("epochs", "3", "7", {"evaluate_every": "2"}),
        ("steps", "4", "12", {"batch_size": "full", "evaluate_every": "3"}),
    ],
)
def test_a_longer_plan_goes_on_as_if_the_shorter_one_had_never_ended(
    tmp_path: Path, length: str, shorter: str, longer: str, keys: dict[str, str]
) -> None:
    def plan(value: str) -> Any:
        return plan_of(**{"epochs": None, **keys, length: value})

    run(plan(shorter), tmp_path / "run", CNN)
    run(plan(longer), tmp_path / "run", CNN, resume=True)
    run(plan(longer), tmp_path / "whole", CNN)
    check_equal(tmp_path / "run", tmp_path / "whole")


def test_what_a_longer_plan_reads_of_the_test_split_is_counted(tmp_path: Path) -> None:
    run(plan_of(epochs="1"), tmp_path / "run", SOFTMAX)
    assert run(plan_of(epochs="2"), tmp_path / "run", SOFTMAX, resume=True).data["test_reads"] == 2
    assert run(plan_of(epochs="2"), tmp_path / "run", SOFTMAX, resume=True).data["test_reads"] == 2


def test_a_run_that_stopped_early_goes_on_only_where_it_is_to_wait_longer(tmp_path: Path) -> None:
    early = {"optimizer": "sgd(lr=0)", "early_stopping": "{ patience = 1 }"}
    assert run(plan_of(epochs="9", **early), tmp_path / "run", SOFTMAX).data["stopped"] == "early stopping"
    again = run(plan_of(epochs="12", **early), tmp_path / "run", SOFTMAX, resume=True)
    assert "already finished" in again.notes[-1]
    patient = early | {"early_stopping": "{ patience = 3 }"}
    assert run(plan_of(epochs="12", **patient), tmp_path / "run", SOFTMAX, resume=True).data["epochs"] == 5


@pytest.mark.parametrize("when", ["before the last evaluation", "before the report", "before the pictures"])
def test_a_run_killed_after_its_last_step_is_brought_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    plan = plan_of(epochs=None, steps="6")
    where = {
        "before the last evaluation": "dlspec.training.loop.Run.end_epoch",
        "before the report": "dlspec.training.run.report",
        "before the pictures": "dlspec.training.report._draw",
    }[when]
    with monkeypatch.context() as patched:
        if when == "before the last evaluation":
            patched.setattr("dlspec.training.loop.judge", killed)
        else:
            patched.setattr(where, killed)
        with pytest.raises(Killed):
            run(plan, tmp_path / "run", CNN, pictures=True)
    resumed = run(plan, tmp_path / "run", CNN, resume=True, pictures=True)
    run(plan, tmp_path / "whole", CNN, pictures=True)
    check_equal(tmp_path / "run", tmp_path / "whole")
    assert "report.html" in resumed.files
    assert resumed.data["test_reads"] == 1
    assert "already finished" in run(plan, tmp_path / "run", CNN, resume=True, pictures=True).notes[0]


def test_a_page_of_a_shorter_run_does_not_stay_beside_a_longer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(plan_of(epochs="1"), tmp_path / "run", SOFTMAX, pictures=True)
    monkeypatch.setattr(runs, "fit", killed)
    with pytest.raises(Killed):
        run(plan_of(epochs="2"), tmp_path / "run", SOFTMAX, resume=True)
    assert not (tmp_path / "run" / "report.html").exists()


def test_without_the_checkpoint_of_before_its_end_a_run_is_not_made_longer(tmp_path: Path) -> None:
    run(plan_of(epochs=None, steps="2"), tmp_path / "run", SOFTMAX)
    shutil.rmtree(tmp_path / "run" / "checkpoints" / "step-00000002")
    with pytest.raises(RunError, match=r"no checkpoint of .* is whole that a longer plan could go on from"):
        run(plan_of(epochs=None, steps="4"), tmp_path / "run", SOFTMAX, resume=True)


def test_a_refused_change_is_told_with_all_that_may_change(tmp_path: Path) -> None:
    from dlspec.training.resuming import MAY_CHANGE

    run(plan_of(epochs="1"), tmp_path / "run", SOFTMAX)
    with pytest.raises(RunError, match="follows another plan: `batch_size` was 50, is 10") as told:
        run(plan_of(epochs="1", batch_size="10"), tmp_path / "run", SOFTMAX, resume=True)
    for key in ("epochs", "steps", *MAY_CHANGE):
        assert f"`{key}`" in told.value.hint
    changed = plan_of(
        epochs="1", keep="{ last = 5 }", log="{ gradients = true }", threads="2", evaluate_every="2",
        data="{ source = digits split { train = 0.1 val = 0.1 test = 0.8 }  workers = 2  prefetch = 4 }",
        limits="{ parameters = 10000 }", augment_on="workers", closed_form="least_squares",
    )  # fmt: skip
    assert "already finished" in run(changed, tmp_path / "run", SOFTMAX, resume=True).notes[0]

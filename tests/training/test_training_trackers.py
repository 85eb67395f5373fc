"""Curves go where the plan's `log` says, read back with the trackers' own tools; what is not installed is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dlspec.training.errors import RunError
from dlspec.training.loop import Run
from dlspec.training.trackers import settings
from tests.training.runs import SOFTMAX, plan_of, run


def curve(out: Path, split: str, name: str) -> list[tuple[int, float]]:
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [(row["step"], row[name]) for row in rows if row["split"] == split]


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """MLflow's client on a local file store."""
    module = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    return module.MlflowClient()


def test_mlflow_gets_every_curve_the_plan_and_the_last_scores(tmp_path: Path, mlflow: object) -> None:
    report = run(plan_of(log='{ mlflow = "digits" }'), tmp_path / "run", SOFTMAX)
    experiment = mlflow.get_experiment_by_name("digits")  # type: ignore[attr-defined]  # the client has no types
    (found,) = mlflow.search_runs([experiment.experiment_id])  # type: ignore[attr-defined]
    history = mlflow.get_metric_history(found.info.run_id, "val.loss")  # type: ignore[attr-defined]
    assert [(one.step, one.value) for one in history] == curve(tmp_path / "run", "val", "loss")
    assert found.data.params["optimizer.lr"] == "0.1"
    assert found.data.metrics["kept.test.accuracy"] == report.test["accuracy"]
    assert (found.info.status, found.info.run_name) == ("FINISHED", "run")


def test_a_run_that_goes_on_goes_on_in_mlflow_too(
    tmp_path: Path, mlflow: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, whole = plan_of(log='{ mlflow = "digits" }', keep="{ every_seconds = 0 }"), Run.end_epoch

    def cut(self: Run) -> None:
        if self.state.epoch == 1:
            raise RuntimeError("cut")
        whole(self)

    monkeypatch.setattr(Run, "end_epoch", cut)
    with pytest.raises(RuntimeError, match="cut"):
        run(plan, tmp_path / "run", SOFTMAX)
    experiment = mlflow.get_experiment_by_name("digits").experiment_id  # type: ignore[attr-defined]
    assert mlflow.search_runs([experiment])[0].info.status == "FAILED"  # type: ignore[attr-defined]
    monkeypatch.setattr(Run, "end_epoch", whole)
    run(plan, tmp_path / "run", SOFTMAX, resume=True)
    (found,) = mlflow.search_runs([experiment])  # type: ignore[attr-defined]
    history = mlflow.get_metric_history(found.info.run_id, "train.loss")  # type: ignore[attr-defined]
    assert [one.step for one in history] == [step for step, _ in curve(tmp_path / "run", "train", "loss")]
    assert found.info.status == "FINISHED"


def test_wandb_offline_writes_into_the_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    run(plan_of(log='{ wandb = "digits" }'), tmp_path / "run", SOFTMAX)
    (kept,) = (tmp_path / "run" / "wandb").glob("offline-run-*/run-*.wandb")
    stored = kept.read_bytes()
    assert b"val/accuracy" in stored
    assert b"optimizer.lr" in stored
    assert json.loads((tmp_path / "run" / "trackers.json").read_text())["wandb"] in kept.name


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_tracker_that_is_not_installed_is_told_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RunError, match=f"`log.{name}` needs `{name}`"):
        run(plan_of(log=f'{{ {name} = "digits" }}'), tmp_path / "run", SOFTMAX)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_a_plan_is_told_with_dots_between_its_keys() -> None:
    told = settings(plan_of(augment="[rotate(10)]"))
    assert told["optimizer"] == "sgd"
    assert told["optimizer.lr"] == 0.1
    assert told["data.split.train"] == 0.1
    assert told["augment.0.degrees"] == 10
    assert all(isinstance(value, str | int | float) for value in told.values())

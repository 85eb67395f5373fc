"""Where curves go besides `metrics.jsonl`, as the plan's `log` says: TensorBoard, Weights & Biases, MLflow.

Each is loaded only where it is asked for. A resumed run goes on with the run that it began there, whose names lie in
`trackers.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.writing import to_data
from dlspec.record import TYPE_CHECKING
from dlspec.training.errors import RunError
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from typing import Any

NAMES = "trackers.json"
"""The file of a run folder that holds what a run is called elsewhere."""


class Tracker:
    """One place that curves go to."""

    name = ""
    run: str | None = None
    """What the run is called there, to go on with it."""

    def write(self, step: int, split: str, values: dict[str, float]) -> None:
        """The scores of a split after a step; `split` is empty for what belongs to none."""
        raise NotImplementedError

    def summarize(self, scores: dict[str, float]) -> None:
        """The scores of the weights that were kept, as `test.accuracy`."""

    def close(self, *, finished: bool) -> None:
        raise NotImplementedError


class TensorBoard(Tracker):
    """Event files in `tensorboard/`."""

    name = "tensorboard"

    def __init__(self, folder: Path, from_step: int) -> None:
        module = needed("torch.utils.tensorboard", "tensorboard")
        purged = from_step + 1 if from_step else None
        self.writer = module.SummaryWriter(str(folder / "tensorboard"), purge_step=purged)

    def write(self, step: int, split: str, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(f"{name}/{split}" if split else name, value, step)

    def close(self, *, finished: bool) -> None:
        self.writer.close()


class Wandb(Tracker):
    """A run of a project of Weights & Biases; `WANDB_MODE=offline` keeps it in `wandb/` of the run folder."""

    name = "wandb"

    def __init__(self, folder: Path, plan: ResolvedPlan, before: str | None) -> None:
        module = needed("wandb", "wandb")
        try:
            self.there = module.init(
                project=plan.log.wandb, name=folder.name, dir=str(folder), config=settings(plan), id=before,
                resume="allow" if before else None,
            )  # fmt: skip
        except Exception as error:
            raise refused("wandb", error, "`WANDB_MODE=offline` needs no account and no network") from error
        self.run = self.there.id

    def write(self, step: int, split: str, values: dict[str, float]) -> None:
        self.there.log({f"{split}/{name}" if split else name: value for name, value in values.items()}, step=step)

    def summarize(self, scores: dict[str, float]) -> None:
        self.there.summary.update(scores)

    def close(self, *, finished: bool) -> None:
        self.there.finish(exit_code=0 if finished else 1)


class Mlflow(Tracker):
    """A run of an experiment of MLflow, where `MLFLOW_TRACKING_URI` says."""

    name = "mlflow"

    def __init__(self, folder: Path, plan: ResolvedPlan, before: str | None) -> None:
        module = needed("mlflow", "mlflow")
        try:
            self.client = module.MlflowClient()
            self.run = before or self._begun(folder, plan)
        except Exception as error:
            raise refused("mlflow", error, "`MLFLOW_TRACKING_URI` names where it writes") from error

    def _begun(self, folder: Path, plan: ResolvedPlan) -> str:
        name = plan.log.mlflow
        known = self.client.get_experiment_by_name(name)
        experiment = known.experiment_id if known is not None else self.client.create_experiment(name)
        run: str = self.client.create_run(experiment, run_name=folder.name).info.run_id
        for key, value in settings(plan).items():
            self.client.log_param(run, key, value)
        return run

    def write(self, step: int, split: str, values: dict[str, float]) -> None:
        for name, value in values.items():
            self.client.log_metric(self.run, f"{split}.{name}" if split else name, value, step=step)

    def summarize(self, scores: dict[str, float]) -> None:
        for name, value in scores.items():
            self.client.log_metric(self.run, f"kept.{name}", value)

    def close(self, *, finished: bool) -> None:
        self.client.set_terminated(self.run, "FINISHED" if finished else "FAILED")


@contextmanager
def opened(plan: ResolvedPlan, folder: Path, from_step: int) -> Iterator[list[Tracker]]:
    """The trackers that a plan asks for; closed at the end, as failed where an error passes through.

    Raises RunError where one is not installed or does not take the run.
    """
    before = _names(folder) if from_step else {}
    trackers: list[Tracker] = []
    finished = False
    try:
        if plan.log.tensorboard:
            trackers.append(TensorBoard(folder, from_step))
        if plan.log.wandb is not None:
            trackers.append(Wandb(folder, plan, before.get("wandb")))
        if plan.log.mlflow is not None:
            trackers.append(Mlflow(folder, plan, before.get("mlflow")))
        names = {one.name: one.run for one in trackers if one.run is not None}
        if names:
            write_whole(folder / NAMES, json.dumps(before | names) + "\n")
        yield trackers
        finished = True
    finally:
        for one in trackers:
            one.close(finished=finished)


def _names(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / NAMES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(found)


def settings(plan: ResolvedPlan) -> dict[str, str | int | float | bool]:
    """The plan with dots between its keys, as trackers show it: `optimizer.lr`, `data.split.train`."""
    return dict(_flat("", to_data(plan)))


def _flat(key: str, value: Any) -> Iterator[tuple[str, str | int | float | bool]]:
    if isinstance(value, dict):
        for name, inside in value.items():
            yield from _flat(f"{key}.{name}" if key and name != "op" else key or name, inside)
    elif isinstance(value, list):
        for place, inside in enumerate(value):
            yield from _flat(f"{key}.{place}", inside)
    elif value is not None:
        yield key, value


def needed(module: str, package: str) -> Any:
    """A module of a package that training does without; raises RunError where it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        hint = f"`pip install {package}`, or take it out of the plan"
        raise RunError(f"`log.{package}` needs `{error.name}`, which is not installed", hint) from error


def refused(name: str, error: Exception, hint: str) -> RunError:
    """What is told where a tracker does not begin."""
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return RunError(f"`log.{name}` could not begin: {reason}", hint)

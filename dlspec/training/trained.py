"""A finished run, loaded from its folder to be used: scores on a split, predictions for inputs."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.writing import from_data
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training import environment, module_file
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.class_maps import MAPS_AT_ONCE
from dlspec.training.data import load
from dlspec.training.errors import RunError, UnreadableError
from dlspec.training.evaluation import judge
from dlspec.training.fitted import Fitted
from dlspec.training.job import Setting
from dlspec.training.objective import classes_of, objective, probabilities
from dlspec.training.ragged import OPEN, Ragged, filled_up
from dlspec.training.report import read_report
from dlspec.training.splits import split
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from dlspec.training.found import Found


class Predictions(Record):
    """For each input a class with the probability of every class, or numbers in the data's units."""

    labels: list[str]
    probabilities: Tensor | None
    numbers: Tensor | None


class Trained:
    """A network with its best weights, and all that its inputs and outputs need."""

    def __init__(self, folder: Path, *, device: str | None = None) -> None:
        """Raises RunError where the folder holds no run or no whole checkpoint."""
        if not (folder / "checkpoints").is_dir():
            hint = "it should hold `model.py` and `checkpoints/`"
            raise UnreadableError(f"`{folder}` is not the folder of a run", hint, code="E0702")
        checkpoint, self.notes = Checkpoints(folder / "checkpoints", keep=1).chosen()
        self.folder = folder
        self.about: dict[str, Any] = checkpoint.state
        self.plan: ResolvedPlan = from_data(self.about["plan"])
        self.fitted = Fitted.from_data(self.about["fitted"])
        self.classes: tuple[str, ...] = tuple(self.about["classes"])
        self.features: tuple[str, ...] = tuple(self.about["features"])
        self.sample: tuple[int, ...] = tuple(self.about["sample"])
        self.segments: bool = self.about.get("segments", False)
        """Whether it gives a class for every pixel."""
        self.device = environment.choose_device(device or self.plan.device)
        self.module = module_file.build(folder / "model.py")
        try:
            self.module.load_state_dict(checkpoint.weights)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise RunError(f"the weights of `{folder}` are not those of its `model.py`", reason) from error
        self.module.to(self.device, self.dtype).eval()

    def __repr__(self) -> str:
        shape = " ".join(str(size or "any") for size in self.sample)
        gives = f"{len(self.classes)} classes" if self.classes else "numbers"
        return f"<run {self.folder}: {self.plan.network}, N {shape} → {gives}>"

    @property
    def dtype(self) -> torch.dtype:
        return torch.float64 if self.plan.precision == "float64" else torch.float32

    @torch.no_grad()
    def predict(self, inputs: Tensor | NDArray[Any], *, at_once: int = 512) -> Predictions:
        """Predictions for inputs (N, ...) as the data source gives them, before any scaling; a tensor or an array."""
        inputs = torch.as_tensor(inputs)
        if self.segments:
            raise RunError("the network gives a class for every pixel", "`class_maps(images)` predicts them")
        if tuple(inputs.shape[1:]) != self.sample:
            given, wanted = (" ".join(map(str, shape)) for shape in (inputs.shape[1:], self.sample))
            raise RunError(f"the inputs are {given}, and the network was trained on {wanted}")
        if self.plan.task == "objects":
            raise RunError("a detector gives objects, not a label for each image", "call `detect`")
        judged = objective(self.plan)
        parts = []
        for start in range(0, len(inputs), at_once):
            batch = inputs[start : start + at_once].to(self.device, self.dtype)
            parts.append(judged.scores(self.module(self.fitted.prepared(batch))).cpu())
        scores = torch.cat(parts)
        if self.plan.task == "numbers":
            return Predictions([], None, self.fitted.in_units(scores.double()))
        names = self.classes or ("0", "1")
        labels = [names[number] for number in classes_of(judged.judged, scores).tolist()]
        return Predictions(labels, probabilities(judged.judged, scores), None)

    def detect(self, images: Sequence[Tensor]) -> list[Found]:
        """What a detector finds in images (C, H, W) in 0..1 of any size: boxes, scores, labels, in pixels of each."""
        from dlspec.training.predicting_objects import detect

        return detect(self, images)

    @property
    def keeps_sizes(self) -> bool:
        """Whether it was trained on images of several sizes, and takes each as it is."""
        return len(self.sample) == 3 and self.sample[-1] == OPEN

    @torch.no_grad()
    def class_maps(self, images: Tensor) -> Tensor:
        """The class of every pixel (N, H, W) of images (N, C, H, W), in bytes; of any size that the network takes."""
        judged, (height, width) = objective(self.plan), images.shape[-2:]
        parts = []
        for batch in images.to(self.device, self.dtype).split(MAPS_AT_ONCE):
            inputs = self.fitted.prepared(batch)
            if self.keeps_sizes:
                inputs = filled_up(Ragged([*inputs]), 0, self.plan.data.size_divisible)
            parts.append(judged.scores(self.module(inputs)).cpu()[:, :height, :width])
        return torch.cat(parts)


class Evaluation(Record):
    """Scores on a split; for `test`, how often it has been read."""

    split: str
    values: dict[str, float]
    test_reads: int | None = None

    def __str__(self) -> str:
        line = f"{self.split:<6}" + "  ".join(f"{name} {value:.4f}" for name, value in self.values.items())
        return line if self.test_reads is None else f"{line}  (read {self.test_reads} times in all)"


def evaluate(folder: Path, *, test: bool = False, device: str | None = None) -> Evaluation:
    """The scores of a run's best weights on `val`, or once more on `test`, which the report counts.

    Raises RunError where that split is empty or the data is no longer what it was.
    """
    run = Trained(folder, device=device)
    dataset = load(run.plan)
    if not dataset.classes:
        dataset.classes = run.classes
    shares = split(dataset, run.plan)
    setting = Setting(run.plan, run.module, dataset, shares, run.fitted, _classes(run), run.device)
    role, count = ("test", len(shares.test)) if test else ("val", len(shares.val))
    if count == 0:
        other = "`--test` reads the test split" if not test else "leave out `--test`"
        raise RunError(f"the split of this run holds no `{role}`", other)
    samples = shares.test.read() if test else shares.val
    values = judge(setting, setting.prepared(samples)).values
    return Evaluation(role, values, _counted(folder, values) if test else None)


def _classes(run: Trained) -> int:
    if run.plan.task == "numbers":
        return 0
    return 2 if run.plan.task == "two_classes" else len(run.classes)


def _counted(folder: Path, values: dict[str, float]) -> int:
    """One more reading of the test split in the report, its scores if they are the first; gives how many there were."""
    data = read_report(folder).data
    data["test"] = data["test"] or values
    data["test_reads"] += 1
    write_whole(folder / "report.json", json.dumps(data, indent=2) + "\n")
    return int(data["test_reads"])

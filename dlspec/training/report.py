"""The report of a run: the chosen weights judged, the test split read once, numbers and pictures written."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training import class_maps, closed_form
from dlspec.training.average_precision import table
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.class_maps import is_map
from dlspec.training.detection import Findings
from dlspec.training.errors import RunError
from dlspec.training.evaluation import Judgement, MapJudgement, judge
from dlspec.training.job import Setting, State
from dlspec.training.metrics import by_target
from dlspec.training.mistakes import worst, write_mistakes
from dlspec.training.page import write_page
from dlspec.training.samples import Samples
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from typing import Any


CONTENTS = {
    "report.html": "all of this on one page, for a browser",
    "spec.dlspec.yaml": "the spec with every default and override; it trains again",
    "model.py": "the generated PyTorch module",
    "figure.svg": "the network drawn",
    "summary.json": "its layers: shapes, parameters, arithmetic",
    "report.json": "the scores, and how they came about",
    "metrics.jsonl": "every epoch's loss and metrics",
    "environment.json": "versions, hardware, seeds, the state of git",
    "mistakes.json": "the validation samples that went worst",
    "augmentation.png": "training samples as they were changed",
    "class_maps.png": "images, their true class maps and the predicted ones",
    "coefficients.png": "the trained coefficients beside the exact ones",
    "confusion_matrix.png": "which class was taken for which",
    "curves.png": "loss and metrics over the epochs",
    "gradients.png": "the length of every layer's gradient",
    "mistakes.png": "the validation samples that went worst, as pictures",
    "predictions.png": "test samples and what they were taken for, or what was found in them",
    "regions.png": "which class each point of the plane is taken for",
    "templates.png": "the weights as pictures",
    "checkpoints/": "the best weights, and the last to resume from",
    "tensorboard/": "curves for TensorBoard",
    "trackers.json": "what the run is called elsewhere",
    "wandb/": "what Weights & Biases keeps here",
}
"""What a run folder may hold, in the order of reading it."""


class Report(Record):
    """What `report.json` holds, the files of the run, and what was noted on the way."""

    folder: Path
    data: dict[str, Any]
    files: list[str]
    notes: list[str]

    @property
    def test(self) -> dict[str, float]:
        """Scores on the test split, empty where there is none."""
        return dict(self.data["test"])

    @property
    def val(self) -> dict[str, float]:
        return dict(self.data["val"])

    def __str__(self) -> str:
        """The scores, what they cost, and everything that was written."""
        data = self.data
        lines = [f"warning[{w['code']}]: {w['message']}" for w in data.get("warnings", ())]
        lines += [f"{role:<5} {_said(data[role])}" for role in ("test", "val") if data[role]]
        for row in data.get("per_target", {}).get("targets", ()):
            lines.append(
                f"      {row['target']:<16}" + _said({name: value for name, value in row.items() if name != "target"})
            )
        if "best" in data:
            best = data["best"]
            lines.append(f"kept  epoch {best['epoch']} of {data['epochs']}, the best by {best['by']}")
        if "closed_form" in data:
            lines += closed_form.told(data["closed_form"])
        seconds = f"{data['train_seconds']:.1f} s of training"
        lines.append(f"{data['parameters']:,} parameters, {data['steps']:,} steps in {seconds}")
        lines.append(f"{self.folder}/")
        lines += [f"  {name:<20}  {CONTENTS[name]}" for name in self.files]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def _said(values: dict[str, float]) -> str:
    """Metrics first, the loss last."""
    named = [(name, value) for name, value in values.items() if name != "loss"]
    loss = [("loss", values["loss"])] if "loss" in values else []
    return "  ".join(f"{name} {value:.4f}" for name, value in (*named, *loss))


def report(
    setting: Setting,
    checkpoints: Checkpoints,
    state: State,
    out: Path,
    facts: dict[str, Any],
    *,
    pictures: bool = True,
    read_test: bool = True,
) -> Report:
    """Judge the chosen weights, read the test split, write `report.json` and the pictures.

    `facts` are what the run itself does not find: how many parameters, whether it was resumed, warnings.
    """
    chosen, notes = checkpoints.chosen()
    setting.module.load_state_dict(chosen.weights)
    val = judge(setting, setting.prepared(setting.splits.val)) if len(setting.splits.val) else None
    held_out = setting.splits.test
    samples = held_out.read() if read_test and len(held_out) else None
    test = judge(setting, setting.prepared(samples)) if samples is not None else None
    data: dict[str, Any] = {
        "schema_version": 1,
        "plan": setting.plan.title,
        "network": setting.plan.network,
        "source": setting.plan.data.source.name,
        "test": test.values if test else {},
        "val": val.values if val else {},
        "train_seconds": round(state.seconds, 3),
        **facts,
        "steps": state.step,
        "epochs": state.epoch,
        "stopped": state.stopped,
        "test_reads": held_out.reads + _reads_before(out, state),
        "samples": {role: len(rows) for role, rows in setting.splits.rows.items()},
    }
    if state.best is not None:
        by = setting.plan.keep.best_by
        data["best"] = {"by": by, "value": state.best, "epoch": state.best_epoch, "step": state.best_step}
    if setting.plan.allow:
        data["allowed"] = setting.plan.allow
    if setting.classes:
        data["confusion_matrix"] = _confusion(setting, test, val)
    if isinstance(findings := test or val, Findings):
        data["per_class"] = {"split": "test" if test else "val", "classes": table(findings.precision)}
    if (shown := test or val) is not None and is_map(setting.splits.train.targets):
        rows = class_maps.table(shown.sums.confusion, setting.dataset.classes)
        data["per_class"] = {"split": "test" if test else "val", "classes": rows}
    names = setting.plan.data.source.target_names
    shown = test or val
    errors = shown.sums.sums if shown is not None and setting.plan.task == "numbers" else None
    if shown is not None and errors is not None and 1 < len(names) == errors.shape[1]:
        rows = by_target(shown.sums.metrics, errors, names)
        data["per_target"] = {"split": "test" if test else "val", "targets": rows}
    compared = _compared(setting, samples) if setting.plan.closed_form else None
    if compared is not None:
        data["closed_form"] = compared
    write_whole(out / "report.json", json.dumps(data, indent=2) + "\n")
    if pictures:
        _draw(setting, state, out, test, val, samples, compared)
    return Report(out, data, listed(out), notes)


def _reads_before(out: Path, state: State) -> int:
    """How often the test split was read for a shorter run in the same folder."""
    if not (out / "report.json").exists():
        return 0
    before = read_report(out).data
    return int(before["test_reads"]) if before["steps"] != state.step else 0


def read_report(out: Path) -> Report:
    """The report of a run that was finished before; raises RunError where there is none."""
    try:
        data = json.loads((out / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RunError(f"`{out}` holds no report", "the run is not finished: go on with `--resume`") from None
    return Report(out, data, listed(out), [])


def listed(out: Path) -> list[str]:
    """What a run folder holds, by name, in the order of reading it."""
    return [name for name in CONTENTS if (out / name).exists()]


def _confusion(setting: Setting, test: Judgement | None, val: Judgement | None) -> dict[str, Any] | None:
    split, judged = ("test", test) if test else ("val", val)
    if judged is None:
        return None
    return {
        "split": split,
        "classes": list(setting.dataset.classes),
        "counts": judged.sums.confusion.tolist(),
    }


def _compared(setting: Setting, test: Samples | None) -> dict[str, Any]:
    """The scores of the exact solution on every split, and how it differs from what was trained."""
    train, trained = setting.prepared(setting.splits.train), setting.module
    shares = {"train": setting.splits.train, "val": setting.splits.val, "test": test}
    exact = closed_form.solved(trained, train, setting.classes)
    both = (("trained", trained), ("least_squares", exact))
    scores = {
        key: {role: _scores(setting, module, part) for role, part in shares.items() if part} for key, module in both
    }
    if setting.classes:
        return {"scores": scores} | closed_form.misfit(train, setting.classes).as_data()
    features, targets = setting.dataset.features, setting.plan.data.source.target_names
    return {"scores": scores} | closed_form.compare(trained, train, features, targets).as_data()


def _scores(setting: Setting, module: nn.Module, samples: Samples) -> dict[str, float]:
    return judge(setting.with_module(module), setting.prepared(samples)).values


def _draw(
    setting: Setting,
    state: State,
    out: Path,
    test: Judgement | None,
    val: Judgement | None,
    samples: Samples | None,
    compared: dict[str, Any] | None,
) -> None:
    from dlspec.training import gallery, pictures, plane
    from dlspec.training.record import read_rows

    rows = read_rows(out / "metrics.jsonl")
    if rows:
        best = state.best_epoch if state.best is not None and setting.plan.keep.best_by else None
        levels = dict(compared["scores"]["least_squares"]["train"]) if compared else {}
        if setting.classes:
            levels.pop("loss", None)  # it is of another kind than what least squares minimises
        pictures.curves(rows, out / "curves.png", best_epoch=best, levels=levels)
    lengths = [row for row in rows if row["split"] == "gradients"]
    if lengths:
        pictures.gradients(lengths, out / "gradients.png")
    confusion = _confusion(setting, test, val) if setting.classes else None
    if confusion is not None:
        pictures.confusion_matrix(
            confusion["counts"], confusion["classes"], out / "confusion_matrix.png", split=confusion["split"]
        )
    if compared is not None and "coefficients" in compared:
        pictures.coefficients(compared, out / "coefficients.png")
    if test is None and isinstance(val, Findings):
        gallery.draw_predictions(setting, setting.splits.val, val, out / "predictions.png")
    if is_map(setting.splits.train.targets):
        gallery.draw_class_maps(setting, samples, test or val, out / "class_maps.png")
    elif test is not None and samples is not None:
        gallery.draw_predictions(setting, samples, test, out / "predictions.png")
    with torch.no_grad():
        gallery.draw_templates(setting, out / "templates.png")
        plane.draw_regions(setting, samples, out / "regions.png")
        gallery.draw_augmentation(setting, out / "augmentation.png")
        thumbnails = _mistakes(setting, val, out) if val is not None else []
    write_page(out, thumbnails)


def _mistakes(setting: Setting, val: Judgement, out: Path) -> list[tuple[bytes, bool]]:
    """Write what the run is worst at; small pictures of it, where samples are images."""
    if isinstance(val, Findings):
        from dlspec.training.scene_mistakes import write_worst_scenes

        return write_worst_scenes(setting, val, out)
    if isinstance(val, MapJudgement):
        from dlspec.training.map_mistakes import write_worst_maps

        return write_worst_maps(setting, val, out)
    from dlspec.training import pictures

    found, samples = worst(setting, setting.splits.val, val)
    write_mistakes(found, samples, out, has_images=setting.dataset.has_images)
    if not setting.dataset.has_images:
        return []
    return [(pictures.thumbnail(image), len(image) != 3) for image in samples.values]

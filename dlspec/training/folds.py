"""Cross-validation: a network for each fold, and the mean and spread of their scores.

The test split is not read: it is for the plan that is settled on in the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.report import Report
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from typing import Any


class FoldsReport(Record):
    """What `report.json` holds: every fold's scores on its `val`, their mean and their standard deviation."""

    folder: Path
    data: dict[str, Any]
    notes: list[str]

    def __str__(self) -> str:
        """A line for each fold, then mean and spread."""
        data, names = self.data, list(self.data["val"])
        lines = [f"fold {number}  {_line(scores, names)}" for number, scores in enumerate(data["folds"])]
        lines.append("mean    " + "  ".join(f"{n} {data['val'][n]:.4f} ± {data['val_spread'][n]:.4f}" for n in names))
        count, seconds = len(data["folds"]), f"{data['train_seconds']:.1f} s of training"
        lines.append(f"{count} networks of {data['parameters']:,} parameters, {data['steps']:,} steps in {seconds}")
        lines.append(f"{self.folder}/")
        lines += [f"  fold-{number}/  the run of fold {number}" for number in range(count)]
        lines.append("  report.json  the scores of every fold")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    @property
    def val(self) -> dict[str, float]:
        """The mean over the folds."""
        return dict(self.data["val"])


def _line(scores: dict[str, float], names: list[str]) -> str:
    return "  ".join(f"{name} {scores[name]:.4f}" for name in names)


def train_folds(folds: int, out: Path, train: Callable[[int, Path], Report]) -> FoldsReport:
    """Train every fold into a folder of its own, and write what they come to.

    `train` is given the number of a fold and its folder, and may find there what it did before.
    """
    reports = [train(number, out / f"fold-{number}") for number in range(folds)]
    scores = [report.val for report in reports]
    names = [name for name in scores[0] if name != "loss"] + (["loss"] if "loss" in scores[0] else [])
    data: dict[str, Any] = {
        "schema_version": 1,
        "plan": reports[0].data["plan"],
        "network": reports[0].data["network"],
        "test": {},
        "val": {name: mean(one[name] for one in scores) for name in names},
        "val_spread": {name: stdev([one[name] for one in scores]) for name in names},
        "folds": scores,
        "train_seconds": round(sum(report.data["train_seconds"] for report in reports), 3),
        "parameters": reports[0].data["parameters"],
        "steps": sum(report.data["steps"] for report in reports),
        "resumed": any(report.data["resumed"] for report in reports),
        "test_reads": 0,
    }
    write_whole(out / "report.json", json.dumps(data, indent=2) + "\n")
    notes = list(dict.fromkeys(note for report in reports for note in report.notes))
    return FoldsReport(out, data, notes)

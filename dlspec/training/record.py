"""`metrics.jsonl`, an object per epoch and split: the record that pictures and comparisons read."""

from __future__ import annotations

import json
import os
from pathlib import Path

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from dlspec.training.job import State
    from dlspec.training.trackers import Tracker

    Row = dict[str, Any]


class Recorder:
    """Appends rows as they come, to the file and to the trackers of the plan."""

    def __init__(self, folder: Path, *, trackers: Sequence[Tracker] = (), after: State | None = None) -> None:
        """A run that goes on begins `after` a state; one that has none before it has nothing there yet."""
        self.path = folder / "metrics.jsonl"
        _cut(self.path, after)
        self.file = self.path.open("a", encoding="utf-8")
        self.trackers = trackers

    def write(self, state: State, split: str, values: dict[str, float], **beside: Any) -> None:
        """One row: `{"epoch": 3, "step": 120, "split": "val", "loss": 0.31, "accuracy": 0.98}`."""
        row = {"epoch": state.epoch, "step": state.step, "split": split, **values, **beside}
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()
        for one in self.trackers:
            if values:
                one.write(state.step, split, values)
            if "learning_rate" in beside:
                one.write(state.step, "", {"learning_rate": beside["learning_rate"]})

    def close(self) -> None:
        self.file.close()


def read_rows(path: Path) -> list[Row]:
    """The rows of a record; a last line that was cut off by a crash is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def measured(rows: Sequence[Row]) -> list[str]:
    """What rows of `train` and `val` measure, in the order of curves: the loss, what `val` has, other losses, the rate.

    The learning rate is left out where it does not move.
    """
    shown = [row for row in rows if row["split"] in ("train", "val")]
    named = {name: None for row in shown for name in row if name not in ("epoch", "step", "split", "seconds")}
    moves = len({row.get("learning_rate") for row in rows} - {None}) > 1
    val = {name for row in rows if row["split"] == "val" for name in row}
    place = {"loss": 0, "learning_rate": 3}
    names = sorted(named, key=lambda name: place.get(name, 1 if name in val else 2))
    return [name for name in names if name != "learning_rate" or moves]


def _cut(path: Path, after: State | None) -> None:
    """Take away rows beyond the place that a run goes on from: they come again."""
    if path.exists():
        rows = [row for row in read_rows(path) if after and row["step"] <= after.step and row["epoch"] <= after.epoch]
        aside = path.with_suffix(".part")
        aside.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        os.replace(aside, path)

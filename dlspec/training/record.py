"""`metrics.jsonl`, an object per epoch and split: the record that pictures and comparisons read."""

from __future__ import annotations

import json
import os
from pathlib import Path

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.training.job import State

    Row = dict[str, Any]


class Recorder:
    """Appends rows as they come, to the file and, where the plan says so, to TensorBoard."""

    def __init__(self, folder: Path, *, tensorboard: bool = False, from_step: int = 0) -> None:
        self.path = folder / "metrics.jsonl"
        _cut(self.path, from_step)
        self.file = self.path.open("a", encoding="utf-8")
        self.writer: Any = None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=from_step + 1 if from_step else None)

    def write(self, state: State, split: str, values: dict[str, float], **beside: Any) -> None:
        """One row: `{"epoch": 3, "step": 120, "split": "val", "loss": 0.31, "accuracy": 0.98}`."""
        row = {"epoch": state.epoch, "step": state.step, "split": split, **values, **beside}
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()
        for name, value in values.items() if self.writer is not None else ():
            self.writer.add_scalar(f"{name}/{split}", value, state.step)
        if self.writer is not None and "learning_rate" in beside:
            self.writer.add_scalar("learning_rate", beside["learning_rate"], state.step)

    def close(self) -> None:
        self.file.close()
        if self.writer is not None:
            self.writer.close()


def read_rows(path: Path) -> list[Row]:
    """The rows of a record; a last line that was cut off by a crash is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _cut(path: Path, step: int) -> None:
    """Take away rows beyond the step that a run goes on from: they come again."""
    rows = [row for row in read_rows(path) if row["step"] <= step]
    if path.exists():
        aside = path.with_suffix(".part")
        aside.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        os.replace(aside, path)

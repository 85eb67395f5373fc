"""The curves of several runs in one picture: a panel for each score, a line for each run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dlspec.record import TYPE_CHECKING
from dlspec.training.errors import RunError
from dlspec.training.pictures import INK, panels, save
from dlspec.training.record import read_rows

if TYPE_CHECKING:
    from typing import Any

COLOURS = ("#2563A8", "#B42318", "#0F7B63", "#B7791F", "#6D3FA6", "#0E7490", "#9D174D", "#4D7C0F")
LEFT_OUT = ("epoch", "step", "split", "seconds", "learning_rate", "norms")
WIDE_RANGE = 20
"""How many times its lowest value a loss reaches where its axis is logarithmic."""


def draw_beside(folders: Sequence[Path], file: Path) -> None:
    """Every score of training and validation over the epochs. Raises RunError where no run has a curve."""
    if file.suffix != ".png":
        raise RunError(f"`{file}` does not end in `.png`", "curves of runs are written as PNG")
    called = [folder.name for folder in folders]
    rows = {
        folder.name if called.count(folder.name) == 1 else str(folder): read_rows(folder / "metrics.jsonl")
        for folder in folders
    }
    names = _panels(rows)
    if not names:
        raise RunError("none of these runs has a curve", "name folders that `dlspec train` wrote")
    figure, parts = panels(len(names), width=4.6, height=3.4, columns=min(len(names), 2))
    for axes, (split, name) in zip(parts, names, strict=True):
        values = [value for points in _lines(rows, split, name).values() for _, value in points]
        for colour, (run, points) in zip(_coloured(len(rows)), _lines(rows, split, name).items(), strict=False):
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.6, label=run,
                      marker="o" if len(points) == 1 else "")  # fmt: skip
        if name == "loss" and min(values) > 0 and max(values) > WIDE_RANGE * min(values):
            axes.set_yscale("log")
        axes.set_title(f"{split} {name.replace('_', ' ')}", loc="left", color=INK)
        axes.set_xlabel("epoch")
        axes.legend(frameon=False, fontsize=8)
    try:
        save(figure, file)
    except OSError as error:
        raise RunError(f"`{file}` cannot be written: {error.strerror or error}") from error


def _coloured(count: int) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(count)]


def _panels(rows: dict[str, list[dict[str, Any]]]) -> list[tuple[str, str]]:
    """The splits and scores that any of the runs has a number for, losses first."""
    found = {
        (row["split"], name): None
        for run in rows.values()
        for row in run
        if row["split"] in ("train", "val")
        for name, value in row.items()
        if name not in LEFT_OUT and isinstance(value, int | float)
    }
    return sorted(found, key=lambda pair: (pair[1] != "loss", pair[1], pair[0]))


def _lines(rows: dict[str, list[dict[str, Any]]], split: str, name: str) -> dict[str, list[tuple[int, float]]]:
    """The points of every run that has that score, by the run's name."""
    lines = {
        run: [(row["epoch"], row[name]) for row in found if row["split"] == split and name in row]
        for run, found in rows.items()
    }
    return {run: points for run, points in lines.items() if points}

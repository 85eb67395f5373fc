"""Data sets of the Hugging Face Hub, and those that `datasets` saved on disk."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from dlspec.plan.file_sources import Hub
from dlspec.plan.keys import ResolvedPlan
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training import files, image_files
from dlspec.training.arrays import inputs_of
from dlspec.training.errors import RunError
from dlspec.training.groups import numbered_groups
from dlspec.training.hub_access import opened
from dlspec.training.samples import Dataset, Samples, check_classes, loads

if TYPE_CHECKING:
    from typing import Any


class Rows(Record):
    """How a picture of a data set is opened: its column holds bytes, or the path of a file."""

    data: Any
    column: str

    def __call__(self, row: int) -> Path | io.BytesIO:
        held = self.data[row][self.column]
        if held is None:
            raise OSError("it is missing")
        return io.BytesIO(held["bytes"]) if held["bytes"] is not None else Path(held["path"])


@loads(Hub)
def _hub(source: Hub, plan: ResolvedPlan) -> Dataset:
    data, notes = opened(source, Path(plan.folder))
    columns = (source.x,) if isinstance(source.x, str) else source.x
    groups = plan.data.split.groups
    for name in (*columns, *source.target_names, *([groups] if groups else ())):
        if name not in data.column_names:
            hint = files.known_names(name, tuple(data.column_names), "columns")
            error = RunError(f"`{source.dataset}` has no column `{name}`", hint)
            error.field = "x" if name in columns else "y" if name in source.target_names else "groups"
            raise error
    made = _pictures(data, source, plan) if _holds_pictures(data, columns[0]) else _numbers(data, columns, source, plan)
    made.notes = (*notes, *made.notes)
    return made


def _holds_pictures(data: Any, column: str) -> bool:
    import datasets

    return isinstance(data.features[column], datasets.Image)


def _pictures(data: Any, source: Hub, plan: ResolvedPlan) -> Dataset:
    import datasets

    assert isinstance(source.x, str)
    raw = data.cast_column(source.x, datasets.Image(decode=False))
    names = [f"{source.dataset}:{row + 1}" for row in range(len(raw))]
    pictures = image_files.Pictures(names, Rows(raw, source.x), 1 if source.channels == "grey" else 3)
    found = image_files.loaded(pictures, plan, source.broken, source.dataset)
    dataset = Dataset(Samples(found.inputs, torch.empty(0)), names=[names[row] for row in found.rows])
    dataset.notes = found.notes
    return _with_targets(dataset, data, found.rows, source, plan)


def _numbers(data: Any, columns: tuple[str, ...], source: Hub, plan: ResolvedPlan) -> Dataset:
    parts = []
    for name in columns:
        try:
            values = np.asarray(data.with_format("numpy")[name][:])
        except (TypeError, ValueError):
            values = np.array("ragged")
        if values.dtype.kind not in "biuf":
            hint = "text becomes numbers outside, with a tokenizer"
            raise RunError(f"{_column(name, source)} holds neither pictures nor numbers", hint)
        inputs = inputs_of(values, _column(name, source))
        parts.append(inputs[:, None] if inputs.dim() == 1 else inputs)
    inputs = parts[0] if len(parts) == 1 else torch.cat([part.flatten(1) for part in parts], dim=1)
    dataset = Dataset(Samples(inputs, torch.empty(0)), features=columns if len(columns) == inputs.shape[1] else ())
    return _with_targets(dataset, data, range(len(data)), source, plan)


def _with_targets(dataset: Dataset, data: Any, rows: Sequence[int], source: Hub, plan: ResolvedPlan) -> Dataset:
    """Classes by the names that the data set gives them, or numbers; and the groups, where the plan has any."""
    if (groups := plan.data.split.groups) is not None:
        together = data[groups]
        dataset.groups = numbered_groups([together[row] for row in rows])
    targets = {name: np.asarray(data[name][:])[rows] for name in source.target_names}
    if plan.task == "numbers":
        numbers = [files.as_floats(values, _column(name, source)) for name, values in targets.items()]
        joined = np.concatenate([one.reshape(len(one), -1) for one in numbers], axis=1)
        dataset.samples.targets = torch.from_numpy(joined).to(torch.float32)
        return dataset
    ((name, values),) = targets.items()
    names = getattr(data.features[name], "names", None)
    if names is None and values.dtype.kind in "USO":
        labels, dataset.classes = files.labels([str(one) for one in values], name, Path(source.dataset))
    else:
        labels = files.as_classes(values, _column(name, source))
        dataset.classes = tuple(names or (str(one) for one in range(int(labels.max()) + 1)))
    dataset.samples.targets = torch.from_numpy(labels)
    check_classes(dataset, len(dataset.classes), source=f"`{source.dataset}`")
    return dataset


def _column(name: str, source: Hub) -> str:
    return f"column `{name}` of `{source.dataset}`"

"""Arrays of NumPy's and of safetensors files as samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dlspec.plan import file_sources
from dlspec.plan import sources as named
from dlspec.plan.keys import ResolvedPlan
from dlspec.training import files
from dlspec.training.class_maps import is_map, named_classes
from dlspec.training.groups import numbered_groups
from dlspec.training.objects import IGNORED
from dlspec.training.samples import Dataset, Samples, check_classes, loads


@loads(named.Npz, file_sources.Safetensors)
def _arrays(source: named.Npz | file_sources.Safetensors, plan: ResolvedPlan) -> Dataset:
    path = Path(plan.folder) / source.path
    grouped = [plan.data.split.groups] if plan.data.split.groups is not None else []
    read = files.read_arrays if isinstance(source, named.Npz) else files.read_tensors
    x, y, *groups = read(path, source.x, source.y, *grouped)
    dataset = Dataset(Samples(inputs_of(x, f"`{source.x}` of `{path}`"), torch.empty(0)))
    dataset.groups = numbered_groups(groups[0].tolist()) if groups else None
    if plan.task == "numbers":
        numbers = files.as_floats(y, f"`{source.y}` of `{path}`")
        dataset.samples.targets = torch.from_numpy(numbers.reshape(len(y), -1)).to(torch.float32)
        return dataset
    dataset.samples.targets = torch.from_numpy(files.as_classes(y, f"`{source.y}` of `{path}`"))
    count = source.classes or max(int(named_classes(dataset.samples.truth).max()) + 1, 0)
    dataset.classes = tuple(str(number) for number in range(count))
    if source.classes is not None:
        ignored = IGNORED if is_map(dataset.samples.truth) else None
        check_classes(dataset, source.classes, ignored, source=f"`{source.name}`")
    return dataset


def inputs_of(array: files.Array, what: str) -> Tensor:
    """An array as inputs: bytes become 0 to 1, and images without a channel axis get one."""
    values = files.as_floats(array, what)
    if array.dtype == np.uint8:
        values = values / 255
        if array.ndim == 3:
            values = values[:, None]
    return torch.from_numpy(values).to(torch.float32)

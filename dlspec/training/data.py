"""Data sources as tensors in memory: inputs, targets, and the names of features and classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dlspec.plan import sources as named
from dlspec.plan.keys import ResolvedPlan
from dlspec.training import files, points, scene_data  # noqa: F401  # those who load register themselves
from dlspec.training.samples import LOADERS, Dataset, Samples, check_classes, loads


def load(plan: ResolvedPlan) -> Dataset:
    """The plan's source, its images resized; raises RunError for a file that does not hold what it should."""
    source = plan.data.source
    dataset = LOADERS[type(source)](source, plan)
    inputs = dataset.samples.inputs
    if plan.data.resize is not None and dataset.has_images and isinstance(inputs, Tensor):
        dataset.samples.inputs = resized(inputs, plan.data.resize)
    return dataset


def resized(images: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Images (N, C, H, W) at another height and width, bilinear, smoothed where they shrink."""
    height, width = (size, size) if isinstance(size, int) else size
    if tuple(images.shape[-2:]) == (height, width):
        return images
    return F.interpolate(images, size=(height, width), mode="bilinear", antialias=True, align_corners=False)


@loads(named.Digits)
def _digits(source: named.Digits, plan: ResolvedPlan) -> Dataset:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy(bunch.images / 16.0).to(torch.float32)[:, None]
    return _classes_kept(Samples(images, torch.from_numpy(bunch.target).to(torch.int64)), source)


@loads(named.Iris, named.Wine, named.BreastCancer)
def _bundled(source: named.Iris | named.Wine | named.BreastCancer, plan: ResolvedPlan) -> Dataset:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{source.name}")()
    inputs = torch.from_numpy(bunch.data).to(torch.float32)
    dataset = _classes_kept(Samples(inputs, torch.from_numpy(bunch.target).to(torch.int64)), source)
    dataset.features = tuple(str(name) for name in bunch.feature_names)
    return dataset


def _classes_kept(samples: Samples, source: named.Source) -> Dataset:
    """The samples of the chosen classes, which then count from 0."""
    chosen = getattr(source, "classes", None)
    if chosen is not None:
        samples = samples.at(torch.isin(samples.truth, torch.tensor(chosen)).nonzero()[:, 0])
        number = torch.full((max(chosen) + 1,), -1).scatter(0, torch.tensor(chosen), torch.arange(len(chosen)))
        samples.targets = number[samples.truth]
    return Dataset(samples, source.class_names or ())


@loads(named.Diabetes)
def _diabetes(source: named.Diabetes, plan: ResolvedPlan) -> Dataset:
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes()
    targets = torch.from_numpy(bunch.target).to(torch.float32)[:, None]
    inputs = torch.from_numpy(bunch.data).to(torch.float32)
    return Dataset(Samples(inputs, targets), features=tuple(bunch.feature_names))


@loads(named.Xor)
def _xor(source: named.Xor, plan: ResolvedPlan) -> Dataset:
    return Dataset(points.xor(source), source.class_names)


@loads(named.Rings)
def _rings(source: named.Rings, plan: ResolvedPlan) -> Dataset:
    return Dataset(points.rings(source), source.class_names)


@loads(named.Csv)
def _csv(source: named.Csv, plan: ResolvedPlan) -> Dataset:
    path = Path(plan.folder) / source.path
    table = files.read_table(path, source.delimiter)
    target = files.column(table, source.target, path)
    names = source.features or tuple(name for name in table if name != source.target)
    columns = [files.numbers(files.column(table, name, path), name, path) for name in names]
    inputs = torch.from_numpy(np.stack(columns, axis=1)).to(torch.float32)
    if plan.task == "numbers":
        values = torch.from_numpy(files.numbers(target, source.target, path)).to(torch.float32)
        return Dataset(Samples(inputs, values[:, None]), features=tuple(names))
    labels, classes = files.labels(target, source.target, path)
    return Dataset(Samples(inputs, torch.from_numpy(labels)), classes, tuple(names))


@loads(named.Npz)
def _npz(source: named.Npz, plan: ResolvedPlan) -> Dataset:
    path = Path(plan.folder) / source.path
    x, y = files.read_arrays(path, source.x, source.y)
    inputs = inputs_of(x, f"`{source.x}` of `{path}`")
    if plan.task == "numbers":
        numbers = files.as_floats(y, f"`{source.y}` of `{path}`")
        return Dataset(Samples(inputs, torch.from_numpy(numbers.reshape(len(y), -1)).to(torch.float32)))
    labels = files.as_classes(y, f"`{source.y}` of `{path}`")
    count = source.classes or max(int(labels.max()) + 1, 0)
    dataset = Dataset(Samples(inputs, torch.from_numpy(labels)), tuple(str(number) for number in range(count)))
    if source.classes is not None:
        check_classes(dataset, source.classes)
    return dataset


def inputs_of(array: files.Array, what: str) -> Tensor:
    """An array as inputs: bytes become 0 to 1, and images without a channel axis get one."""
    values = files.as_floats(array, what)
    if array.dtype == np.uint8:
        values = values / 255
        if array.ndim == 3:
            values = values[:, None]
    return torch.from_numpy(values).to(torch.float32)

"""Samples and data sets: what every source is loaded as, and the registry of those who load."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dlspec.plan import sources as named
from dlspec.plan.keys import ResolvedPlan
from dlspec.record import Record
from dlspec.training.errors import RunError, UnknownLabel
from dlspec.training.maps import Maps
from dlspec.training.objects import Objects, Targets
from dlspec.training.ragged import Images, Ragged, Size, sizes_of
from dlspec.training.stored import Ahead, Stored


class Samples(Record):
    """Inputs (N, ...) and targets: int64 classes (N) or class maps (N, H, W), float32 numbers (N, targets), objects.

    Images of several sizes, and class maps of them, are no tensors but `Ragged`.
    """

    inputs: Images | Stored
    targets: Targets

    def __len__(self) -> int:
        return len(self.inputs)

    def at(self, rows: Tensor) -> Samples:
        """Some of the samples; those that lie in files stay there, masks stay runs."""
        inputs = self.inputs.at(rows) if isinstance(self.inputs, Stored) else self.inputs[rows]
        kept = isinstance(self.targets, Objects | Maps)
        return Samples(inputs, self.targets.at(rows) if kept else self.targets[rows])  # type: ignore[union-attr]

    def taken(self, rows: Tensor | slice) -> tuple[Images, Targets]:
        """A batch: inputs and targets of some samples, as pixels."""
        return self.inputs[rows], self.targets[rows]

    @property
    def images(self) -> Images:
        """All inputs, in memory; of several sizes ragged."""
        return self.inputs[slice(None)] if isinstance(self.inputs, Stored) else self.inputs

    @property
    def values(self) -> Tensor:
        """All inputs, in memory, where they are of one size."""
        images = self.images
        assert isinstance(images, Tensor), "images of several sizes are not one tensor"
        return images

    @property
    def sizes(self) -> list[Size]:
        """Height and width of each image."""
        return self.inputs.sizes if isinstance(self.inputs, Stored) else sizes_of(self.inputs)

    @property
    def is_ragged(self) -> bool:
        """Whether images are of several sizes."""
        return self.inputs.is_ragged if isinstance(self.inputs, Stored) else isinstance(self.inputs, Ragged)

    @property
    def beside(self) -> dict[str, list[Tensor]]:
        """What a network is given beside the inputs, in evaluation too: the proposals, where there are any."""
        return self.targets.searched() if isinstance(self.targets, Objects) else {}

    @property
    def truth(self) -> Tensor:
        """The targets of a task that has a class or numbers for each sample."""
        assert isinstance(self.targets, Tensor), "objects are not one tensor"
        return self.targets

    def to(self, device: torch.device, dtype: torch.dtype) -> Samples:
        """On a device, floats at a precision; classes stay whole numbers."""
        if isinstance(self.targets, Objects | Maps | Ragged):
            return Samples(self.inputs.to(device, dtype), self.targets.to(device))
        targets = self.targets if self.targets.dtype == torch.int64 else self.targets.to(dtype)
        return Samples(self.inputs.to(device, dtype), targets.to(device))


class Dataset(Record):
    """All samples of a source; `classes` and `features` are names, empty where there are none.

    `rows` are those of train, val and test where the source itself says which they are.
    """

    samples: Samples
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    rows: dict[str, Tensor] | None = None
    held: dict[str, Tensor] = {}
    """The rows of `val` and `test`, as far as they have files of their own."""
    groups: Tensor | None = None
    """For each sample the number of what it belongs to, where the split keeps such samples together."""
    names: list[str] = []
    """The file of each sample, where each has one."""
    notes: tuple[str, ...] = ()
    """What is to be said of how it was read."""
    may_differ: bool = False
    """Whether images may be of several sizes; where not, files of `val` have the size of those of `train`."""

    @property
    def has_images(self) -> bool:
        return self.samples.inputs.dim() == 4


Loader = Callable[..., Dataset]
"""From a source and its plan to all of its samples."""

LOADERS: dict[type[named.Source], Loader] = {}
"""Who loads a source; each registers itself with `loads`."""


def loads(*sources: type[named.Source]) -> Callable[[Loader], Loader]:
    """Register the function below as the loader of some sources."""

    def registered(loader: Loader) -> Loader:
        LOADERS.update(dict.fromkeys(sources, loader))
        return loader

    return registered


def loader_of(source: named.Source) -> Loader:
    """Who loads a source; one of another package loads itself."""
    return LOADERS.get(type(source), from_package)


def from_package(source: named.Source, plan: ResolvedPlan) -> Dataset:
    """The samples of a source that another package declares; raises RunError for what is no data set."""
    made = source.load(plan.folder)
    wanted = ("inputs", "targets")
    if not isinstance(made, dict) or any(key not in made for key in wanted):
        hint = "give a dictionary of `inputs` and `targets`, and of `classes` or `features`, which are names"
        raise RunError(f"the source `{source.name}` gave no samples", hint)
    inputs, targets = made["inputs"], torch.as_tensor(made["targets"])
    if len(inputs) != len(targets):
        raise RunError(f"the source `{source.name}` gave {len(inputs):,} inputs and {len(targets):,} targets")
    if targets.is_floating_point():
        targets = targets.to(torch.float32).reshape(len(targets), -1)
    else:
        targets = targets.to(torch.int64)
    if hasattr(inputs, "read"):
        samples = Samples(Stored(inputs, Ahead(plan.data.workers, plan.data.prefetch)), targets)
    else:
        samples = Samples(torch.as_tensor(inputs).to(torch.float32), targets)
    return Dataset(samples, tuple(made.get("classes", source.class_names or ())), tuple(made.get("features", ())))


def check_classes(dataset: Dataset, count: int, ignored: int | None = None, *, source: str = "") -> None:
    """Raise UnknownLabel where a label, or a pixel of a class map, is to be judged and is no class.

    Classes are as many as the network gives scores, or as a `source` is said to hold.
    """
    if isinstance(dataset.samples.targets, Maps):
        _check_map_classes(dataset, dataset.samples.targets, count, ignored, source)
        return
    targets = dataset.samples.truth
    if ignored is not None:
        targets = targets.where(targets != ignored, 0)
    low, high = int(targets.min()), int(targets.max())
    if low >= 0 and high < count:
        return
    row = int(torch.nonzero((targets < 0) | (targets >= count))[0, 0])
    wrong = int(targets[row].min() if targets[row].min() < 0 else targets[row].max())
    raise _unknown(dataset, row, wrong, (low, high), count, source)


def _check_map_classes(dataset: Dataset, maps: Maps, count: int, ignored: int | None, source: str) -> None:
    """The same of class maps that are kept as runs."""
    found = [number for number in maps.counts.nonzero()[:, 0].tolist() if number != ignored]
    if found and found[-1] >= count:
        row = next(row for row, one in enumerate(maps.maps) if found[-1] in one.classes)
        raise _unknown(dataset, row, found[-1], (found[0], found[-1]), count, source)


def _unknown(dataset: Dataset, row: int, wrong: int, ends: tuple[int, int], count: int, source: str) -> UnknownLabel:
    """A label that is no class, where the labels go from the first of the ends to the last."""
    low, high = ends
    what = f"`{dataset.names[row]}`" if dataset.names else f"row {row + 1}"
    classes = (
        f"{source} has the classes 0 to {count - 1}"
        if source
        else f"the network gives {count} scores (0 to {count - 1})"
    )
    repair = f"say `classes={high + 1}`" if source else f"give the network {high + 1} scores"
    if low < 0 or (low == 1 and high == count):
        repair = "classes count from 0"
    return UnknownLabel(f"{what} has the label {wrong}", classes, repair)

"""Samples of `val` or `test` that have files of their own, put behind those of the source."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.training.errors import RunError
from dlspec.training.maps import Maps, encoded_map
from dlspec.training.objects import Objects, Targets, joined
from dlspec.training.ragged import OPEN, Images, Ragged, Size, sizes_of
from dlspec.training.samples import Dataset, Samples
from dlspec.training.stored import Ahead, Stored


def add_role(dataset: Dataset, role: str, own: Dataset) -> None:
    """Put the samples of `own` behind those of the data set, for a role.

    Raises RunError where they are of another shape or hold classes that the data set does not know.
    """
    if _rows_of(own.samples.targets) != _rows_of(dataset.samples.targets):
        raise RunError(f"the targets of `{role}` are not like those of `train`")
    inputs = own.samples.inputs
    if isinstance(inputs, Tensor) and own.features != dataset.features:
        inputs = _in_order_of(dataset.features, own, inputs, role)
    sides = (slice(1, 2),) if dataset.may_differ and own.may_differ else (slice(1, None),)
    if any(inputs.shape[part] != dataset.samples.inputs.shape[part] for part in sides):
        given, wanted = (_said(one.shape[1:]) for one in (inputs, dataset.samples.inputs))
        hint = "`resize` brings images to one size" if inputs.dim() == 4 else ""
        raise RunError(f"the samples of `{role}` are {given}, and those of `train` {wanted}", hint)
    start = len(dataset.samples)
    targets = _in_classes_of(dataset, own, role)
    together = _joined(dataset.samples.inputs, inputs)
    dataset.samples = Samples(together, _behind(dataset.samples.targets, targets, ragged=together.shape[-1] == OPEN))
    dataset.held = dataset.held | {role: torch.arange(start, len(dataset.samples))}
    dataset.names = [*dataset.names, *own.names]
    dataset.notes = (*dataset.notes, *own.notes)


def _said(shape: torch.Size) -> str:
    return " ".join(str(size) for size in shape)


def _in_order_of(features: tuple[str, ...], own: Dataset, inputs: Tensor, role: str) -> Tensor:
    """Columns as `train` has them; a name that a column of categories lacks here is a column of zeros."""
    place = {name: number for number, name in enumerate(own.features)}
    if new := [name for name in own.features if name not in features]:
        column, _, name = new[0].partition("=")
        holds = f"holds `{name}` in column `{column}`" if name else f"has a column `{column}`"
        raise RunError(f"`{role}` {holds}, and `train` does not", "leave such rows or columns out")
    lacking = [name for name in features if name not in place and "=" not in name]
    if lacking:
        raise RunError(f"`{role}` has no column `{lacking[0]}`, which `train` has")
    zeros = torch.zeros(len(inputs))
    return torch.stack([inputs[:, place[name]] if name in place else zeros for name in features], dim=1)


def _rows_of(targets: Targets) -> tuple[int, ...]:
    """The shape of what each sample is to be; objects have none, and class maps the size of their images."""
    if isinstance(targets, Objects):
        return (0,)
    return tuple(targets.shape[1:]) if isinstance(targets, Tensor) and targets.dim() != 3 else (OPEN, OPEN)


def _behind(first: Targets, second: Targets, *, ragged: bool) -> Targets:
    if isinstance(first, Objects) and isinstance(second, Objects):
        return joined([first, second])
    if isinstance(first, Tensor) and isinstance(second, Tensor) and first.shape[1:] == second.shape[1:]:
        return torch.cat([first, second])
    maps = [one for targets in (first, second) for one in _as_maps(targets).maps]
    return Maps(maps, ragged=ragged)


def _as_maps(targets: Targets) -> Maps:
    if isinstance(targets, Maps):
        return targets
    assert isinstance(targets, Tensor)
    return Maps([encoded_map(one) for one in targets], ragged=False)


def _in_classes_of(dataset: Dataset, own: Dataset, role: str) -> Targets:
    targets = own.samples.targets
    floats = isinstance(targets, Tensor) and targets.is_floating_point()
    if floats or own.classes == dataset.classes or not own.classes:
        return targets
    number = {name: place for place, name in enumerate(dataset.classes)}
    found = _classes_in(targets)
    found = [one for one in found if one < len(own.classes)]  # beyond them is what nothing is asked of
    if new := [own.classes[one] for one in found if own.classes[one] not in number]:
        listed = ", ".join(f"`{name}`" for name in dataset.classes[:8])
        raise RunError(f"`{role}` holds the class `{new[0]}`, and `train` {listed}", code="E0705")
    table = torch.tensor([number.get(name, -1) for name in own.classes])
    if isinstance(targets, Objects):
        return targets.mapped(table)
    if isinstance(targets, Maps):
        whole = torch.arange(256)
        whole[: len(table)] = table
        return targets.with_classes(whole)
    assert isinstance(targets, Tensor)
    return torch.where(targets < len(table), table[targets.clamp(max=len(table) - 1)], targets)


def _classes_in(targets: Targets) -> list[int]:
    """The numbers of all classes that occur."""
    if isinstance(targets, Maps):
        return [int(number) for number in targets.counts.nonzero()[:, 0]]
    if isinstance(targets, Objects):
        labels = targets.labels + ([] if targets.ignored is None else targets.ignored.labels)
        return [int(number) for number in torch.cat(labels).unique()]
    assert isinstance(targets, Tensor)
    return [int(number) for number in targets.unique()]


def _joined(first: Images | Stored, second: Images | Stored) -> Images | Stored:
    """The inputs of both; images become ragged where those of the two are of several sizes."""
    if not isinstance(first, Stored) and not isinstance(second, Stored):
        if isinstance(first, Tensor) and isinstance(second, Tensor) and first.shape[1:] == second.shape[1:]:
            return torch.cat([first, second])
        return Ragged([*first, *second])
    ahead = next((one.ahead for one in (first, second) if isinstance(one, Stored)), Ahead())
    return Stored(
        Together([_Rows(one) if isinstance(one, Stored) else _InMemory(one) for one in (first, second)]), ahead
    )


class _InMemory:
    """Inputs in memory, read as files are."""

    def __init__(self, inputs: Images) -> None:
        self.inputs, self.shape = inputs, tuple(inputs.shape[1:])

    @property
    def sizes(self) -> list[Size]:
        return sizes_of(self.inputs)

    def __len__(self) -> int:
        return len(self.inputs)

    def read(self, rows: list[int]) -> Images:
        return self.inputs[rows]


class _Rows:
    """Some rows of inputs in files."""

    def __init__(self, inputs: Stored) -> None:
        self.inputs, self.shape = inputs, inputs.reader.shape

    @property
    def sizes(self) -> list[Size]:
        return self.inputs.sizes

    def __len__(self) -> int:
        return len(self.inputs.rows)

    def read(self, rows: list[int]) -> Images:
        return self.inputs.reader.read(self.inputs.rows[rows].tolist())


class Together:
    """Readers one behind the other; where their samples differ in size, all are read as ragged."""

    def __init__(self, readers: list[_InMemory | _Rows]) -> None:
        self.readers, self.shape = readers, readers[0].shape
        if any(reader.shape != self.shape for reader in readers):
            self.shape = (*self.shape[:-2], OPEN, OPEN)

    @property
    def sizes(self) -> list[Size]:
        """Height and width of each image."""
        return [size for reader in self.readers for size in reader.sizes]

    def __len__(self) -> int:
        return sum(len(reader) for reader in self.readers)

    def read(self, rows: list[int]) -> Images:
        """The inputs of rows in any order."""
        wanted, start = torch.tensor(rows), 0
        found: dict[int, Tensor] = {}
        for reader in self.readers:
            here = ((wanted >= start) & (wanted < start + len(reader))).nonzero()[:, 0]
            if len(here):
                found |= dict(zip(here.tolist(), reader.read((wanted[here] - start).tolist()), strict=True))
            start += len(reader)
        tensors = [found[place] for place in range(len(rows))]
        return Ragged(tensors) if self.shape[-1:] == (OPEN,) else torch.stack(tensors)

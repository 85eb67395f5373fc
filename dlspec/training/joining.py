"""Samples of `val` or `test` that have files of their own, put behind those of the source."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.training.errors import RunError
from dlspec.training.objects import Objects, Targets, joined
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
    if inputs.shape[1:] != dataset.samples.inputs.shape[1:]:
        given, wanted = (_said(one.shape[1:]) for one in (inputs, dataset.samples.inputs))
        hint = "`resize` brings images to one size" if inputs.dim() == 4 else ""
        raise RunError(f"the samples of `{role}` are {given}, and those of `train` {wanted}", hint)
    start = len(dataset.samples)
    targets = _in_classes_of(dataset, own, role)
    dataset.samples = Samples(_joined(dataset.samples.inputs, inputs), _behind(dataset.samples.targets, targets))
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
    """The shape of what each sample is to be; objects have none."""
    return (0,) if isinstance(targets, Objects) else tuple(targets.shape[1:])


def _behind(first: Targets, second: Targets) -> Targets:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.cat([first, second])
    assert isinstance(first, Objects)
    assert isinstance(second, Objects)
    return joined([first, second])


def _in_classes_of(dataset: Dataset, own: Dataset, role: str) -> Targets:
    targets = own.samples.targets
    floats = isinstance(targets, Tensor) and targets.is_floating_point()
    if floats or own.classes == dataset.classes or not own.classes:
        return targets
    number = {name: place for place, name in enumerate(dataset.classes)}
    found = (torch.cat(targets.labels) if isinstance(targets, Objects) else targets).unique().tolist()
    found = [one for one in found if one < len(own.classes)]  # beyond them is what nothing is asked of
    if new := [own.classes[one] for one in found if own.classes[one] not in number]:
        listed = ", ".join(f"`{name}`" for name in dataset.classes[:8])
        raise RunError(f"`{role}` holds the class `{new[0]}`, and `train` {listed}", code="E0705")
    table = torch.tensor([number.get(name, -1) for name in own.classes])
    if isinstance(targets, Objects):
        return Objects(targets.boxes, [table[labels] for labels in targets.labels], targets.masks, targets.proposals)
    return torch.where(targets < len(table), table[targets.clamp(max=len(table) - 1)], targets)


def _joined(first: Tensor | Stored, second: Tensor | Stored) -> Tensor | Stored:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.cat([first, second])
    ahead = next((one.ahead for one in (first, second) if isinstance(one, Stored)), Ahead())
    return Stored(
        Together([_InMemory(one) if isinstance(one, Tensor) else _Rows(one) for one in (first, second)]), ahead
    )


class _InMemory:
    """A tensor of inputs, read as files are."""

    def __init__(self, inputs: Tensor) -> None:
        self.inputs, self.shape = inputs, tuple(inputs.shape[1:])

    def __len__(self) -> int:
        return len(self.inputs)

    def read(self, rows: list[int]) -> Tensor:
        return self.inputs[rows]


class _Rows:
    """Some rows of inputs in files."""

    def __init__(self, inputs: Stored) -> None:
        self.reader, self.rows, self.shape = inputs.reader, inputs.rows, inputs.reader.shape

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, rows: list[int]) -> Tensor:
        return self.reader.read(self.rows[rows].tolist())


class Together:
    """Readers one behind the other."""

    def __init__(self, readers: list[_InMemory | _Rows]) -> None:
        self.readers, self.shape = readers, readers[0].shape

    def __len__(self) -> int:
        return sum(len(reader) for reader in self.readers)

    def read(self, rows: list[int]) -> Tensor:
        """The inputs of rows in any order."""
        result = torch.empty(len(rows), *self.shape)
        wanted, start = torch.tensor(rows), 0
        for reader in self.readers:
            here = (wanted >= start) & (wanted < start + len(reader))
            if here.any():
                result[here] = reader.read((wanted[here] - start).tolist())
            start += len(reader)
        return result

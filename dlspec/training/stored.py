"""Inputs that stay in files until a batch asks for them, read ahead by worker processes.

They stand where a tensor of all inputs would: they have its shape and are indexed by rows. What is read depends on the
rows alone, so that neither the number of workers nor a resume changes it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.ragged import OPEN, Images, Size, changed

if TYPE_CHECKING:
    from typing import Protocol

    class Reader(Protocol):
        """What knows the files: the inputs of some rows, as a tensor (rows, ...), or images of several sizes.

        One of the latter tells, as `sizes`, the height and width of each.
        """

        shape: tuple[int, ...]
        """The axes of one sample; height and width 0 where they differ."""

        def __len__(self) -> int: ...

        def read(self, rows: list[int]) -> Images: ...


Change = Callable[[Tensor], Tensor]
"""What is done to a batch after it was read, in the process that trains."""

Reading = Callable[[Images, Tensor, int], Images]
"""What is done to a batch where it is read, given its rows and the epoch."""

AT_ONCE = 256
"""Samples that are read together where all are gone through."""


class Ahead(Record):
    """How batches are read before they are needed."""

    workers: int = 0
    """Processes that read; with none a batch is read when it is asked for."""
    prefetch: int = 2
    """Batches that each of them has ready."""


class Stored:
    """Inputs (N, ...) that lie in files."""

    def __init__(
        self, reader: Reader, ahead: Ahead, rows: Tensor | None = None, changes: tuple[Change, ...] = (),
        pinned: bool = False,
    ) -> None:  # fmt: skip
        self.reader = reader
        self.ahead = ahead
        self.rows = torch.arange(len(reader)) if rows is None else rows
        self.changes = changes
        self.pinned = pinned
        self._expected: deque[Tensor] = deque()
        self._coming: Iterator[Images] | None = None
        self._loader: DataLoader[Images] | None = None
        self._batches: list[tuple[list[int], int]] = []
        self.reading: Reading | None = None
        """A change that is made where a batch is read, such as augmentation."""
        self.epoch = 0
        """What `reading` is told."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self), *self.reader.shape))

    @property
    def blocks(self) -> Tensor | None:
        """For each the number of the file that it shares with others; None where each has its own."""
        blocks = getattr(self.reader, "blocks", None)
        return None if blocks is None else torch.tensor(blocks)[self.rows]

    def dim(self) -> int:
        return 1 + len(self.reader.shape)

    @property
    def is_ragged(self) -> bool:
        """Whether these are images of several sizes."""
        return len(self.reader.shape) == 3 and self.reader.shape[-1] == OPEN

    @property
    def sizes(self) -> list[Size]:
        """Height and width of each image."""
        if not self.is_ragged:
            return [(self.reader.shape[-2], self.reader.shape[-1])] * len(self)
        known: list[Size] = getattr(self.reader, "sizes")  # noqa: B009  # of readers of several sizes alone
        return [known[row] for row in self.rows.tolist()]

    def at(self, rows: Tensor) -> Stored:
        """Some of the inputs, still in their files."""
        return Stored(self.reader, self.ahead, self.rows[rows], self.changes, self.pinned)

    def then(self, change: Change) -> Stored:
        """The same after one more change of every batch."""
        made = Stored(self.reader, self.ahead, self.rows, (*self.changes, change), self.pinned)
        made.reading = self.reading
        return made

    def to(self, device: torch.device, dtype: torch.dtype) -> Stored:
        """The same on a device, at a precision."""
        moved = self.then(lambda batch: batch.to(device, dtype, non_blocking=True))
        moved.pinned = device.type == "cuda"
        return moved

    def __getitem__(self, rows: Tensor | slice) -> Images:
        """The inputs of some rows; those that were expected next are ready."""
        chosen = torch.arange(len(self))[rows].cpu() if isinstance(rows, slice) else rows.cpu()
        if self._expected and torch.equal(self._expected[0], chosen) and self._coming is not None:
            self._expected.popleft()
            batch = next(self._coming)
        else:
            self._expected.clear()
            batch = _Batches(self)[chosen.tolist(), self.epoch]
        for change in self.changes:
            batch = changed(batch, change)
        return batch

    def expect(self, batches: Iterable[Tensor], epoch: int = 0) -> None:
        """Begin to read the batches that are asked for next, in this order, where there are workers to do it."""
        self.epoch = epoch
        if self.ahead.workers == 0:
            return
        self._expected = deque(rows.cpu() for rows in batches)
        self._batches[:] = [(rows.tolist(), epoch) for rows in self._expected]
        self._loader = self._loader or self._made_loader()
        self._coming = iter(self._loader)

    def _made_loader(self) -> DataLoader[Images]:
        """Workers that live as long as this does; they draw no number of torch's global generator."""
        return DataLoader(
            _Batches(self), batch_size=None, sampler=self._batches, num_workers=self.ahead.workers,
            prefetch_factor=self.ahead.prefetch, persistent_workers=True, pin_memory=self.pinned,
            generator=torch.Generator(),
        )  # fmt: skip

    def chunks(self) -> Iterator[Images]:
        """All inputs from the first to the last, a part at a time."""
        parts = torch.arange(len(self)).split(AT_ONCE)
        self.expect(parts)
        for rows in parts:
            yield self[rows]


class _Batches(torch.utils.data.Dataset[Images]):
    """What a worker is asked for: the rows of a whole batch at once."""

    def __init__(self, stored: Stored) -> None:
        self.reader, self.rows, self.reading = stored.reader, stored.rows, stored.reading

    def __getitem__(self, asked: tuple[list[int], int]) -> Images:
        rows, epoch = asked
        batch = self.reader.read(self.rows[rows].tolist())
        return batch if self.reading is None else self.reading(batch, torch.tensor(rows), epoch)


def expect(inputs: Images | Stored, batches: Iterable[Tensor], epoch: int = 0) -> None:
    """Begin to read batches where inputs lie in files; inputs in memory are there."""
    if isinstance(inputs, Stored):
        inputs.expect(batches, epoch)

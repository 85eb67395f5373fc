"""Class maps kept as runs: a few kilobytes for an image, and pixels only for the batch that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlspec.record import Record
from dlspec.training.nearest import nearest
from dlspec.training.ragged import Ragged, Size, places


class EncodedMap(Record):
    """A class map of one image: classes of runs of pixels in reading order, and how long each run is."""

    classes: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    size: Size
    wanted: Size
    """The size that the map is brought to, each place the nearest pixel."""

    def decoded(self) -> Tensor:
        """The class of every pixel (H, W), int64."""
        pixels = torch.from_numpy(np.repeat(self.classes, self.lengths).reshape(self.size))
        return nearest(pixels[None], self.wanted)[0].long()

    def with_classes(self, table: Tensor) -> EncodedMap:
        """The same with other numbers of the classes: `table` (256) says which."""
        return EncodedMap(table.numpy().astype(np.uint8)[self.classes], self.lengths, self.size, self.wanted)


def encoded_map(named: Tensor, wanted: Size | None = None) -> EncodedMap:
    """A class map (H, W) of classes up to 255 as runs.

    >>> encoded_map(torch.tensor([[0, 0, 3], [3, 0, 0]])).lengths.tolist()
    [2, 2, 2]
    """
    size = (named.shape[0], named.shape[1])
    flat = named.flatten().to(torch.uint8).numpy()
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    lengths = np.diff(starts, append=len(flat)).astype(np.int32)
    return EncodedMap(flat[starts].copy(), lengths, size, wanted or size)


class Maps:
    """Class maps of several images, as runs; some of them are pixels: a tensor (n, H, W), or ragged."""

    def __init__(self, maps: Sequence[EncodedMap], *, ragged: bool, device: torch.device | None = None) -> None:
        self.maps, self.ragged, self.device = list(maps), ragged, device or torch.device("cpu")

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, rows: Tensor | slice | Sequence[int]) -> Tensor | Ragged:
        """The maps of some images, decoded."""
        chosen = [one.decoded().to(self.device, non_blocking=True) for one in self.at(rows).maps]
        return Ragged(chosen) if self.ragged else torch.stack(chosen)

    def at(self, rows: Tensor | slice | Sequence[int]) -> Maps:
        """Some of them, still as runs."""
        chosen = [self.maps[row] for row in places(rows, len(self))]
        return Maps(chosen, ragged=self.ragged, device=self.device)

    def to(self, device: torch.device) -> Maps:
        return Maps(self.maps, ragged=self.ragged, device=device)

    def with_classes(self, table: Tensor) -> Maps:
        """The same with other numbers of the classes."""
        return Maps([one.with_classes(table) for one in self.maps], ragged=self.ragged, device=self.device)

    @cached_property
    def counts(self) -> Tensor:
        """How many pixels each class has in all (256), as the files have them; int64."""
        total = np.zeros(256, np.int64)
        for one in self.maps:
            np.add.at(total, one.classes, one.lengths)
        return torch.from_numpy(total)

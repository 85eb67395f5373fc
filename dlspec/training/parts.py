"""Tensors that lie in parts, one for each process: what a part knows of its whole, and the files that hold parts.

The files are safetensors as `torch.distributed.checkpoint` writes them with its `HuggingFaceStorageWriter`, which reads
them too: the header tells where each part begins. What it needs beside them, a plan agreed on by all processes, is
left out, since where parts begin follows from their number.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from typing import Any

    Block = tuple[slice, ...]

BEGINS = "DCP_SHARDING_INFO"
"""The key of a header under which PyTorch notes where parts begin."""


class Part(Record):
    """A block of a tensor."""

    values: Tensor
    start: tuple[int, ...]
    """The index of its first element in the whole."""

    def copied(self) -> Part:
        """The same in memory of its own, beside the processor."""
        return Part(copied(self.values), self.start)


def copied(tensor: Tensor | Part) -> Any:
    """A copy that training does not change, in the memory of the processor."""
    return tensor.copied() if isinstance(tensor, Part) else tensor.detach().cpu().clone()


def first_axis(shape: Sequence[int], rank: int, count: int) -> Block:
    """What of a tensor one of several processes holds, as `torch.chunk` cuts its first axis.

    >>> first_axis((5, 2), 2, 3)
    (slice(4, 5, None), slice(0, 2, None))
    """
    rows = -(-shape[0] // count)
    start, end = min(rank * rows, shape[0]), min((rank + 1) * rows, shape[0])
    return (slice(start, end), *(slice(0, size) for size in shape[1:]))


def write_parts(parts: Mapping[str, Part], path: Path) -> None:
    """Write parts by the name of their whole; raises OSError where the disk does not take them."""
    begins = {name: {"saved_offsets": list(part.start)} for name, part in parts.items()}
    header = {BEGINS: json.dumps(begins), "DCP_VERSION": "1.0", "format": "pt"}
    try:
        save_file({name: part.values.detach().cpu().contiguous() for name, part in parts.items()}, path, header)
    except SafetensorError as error:
        raise OSError(errno.ENOSPC, str(error), str(path)) from error


class Piece(Record):
    """A part that lies in a file."""

    path: Path
    name: str
    block: Block
    dtype: torch.dtype

    def read(self, block: Block) -> Tensor:
        """Some of it; the file is open no longer than that, since what is mapped of it counts as memory."""
        with _opened(self.path) as file:
            return cast("Tensor", file.get_slice(self.name)[block] if block else file.get_tensor(self.name))


def _opened(path: Path) -> Any:
    return safe_open(path, framework="pt")


class InParts:
    """A tensor that lies in the files of several processes; any block of it can be read alone."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self.shape = torch.Size(
            max(axis.stop for axis in axes) for axes in zip(*(p.block for p in pieces), strict=True)
        )

    def __getitem__(self, block: Block) -> Tensor:
        if not self.shape:
            return self.pieces[0].read(())
        values = torch.empty([axis.stop - axis.start for axis in block], dtype=self.pieces[0].dtype)
        for piece in self.pieces:
            both = [_common(one, other) for one, other in zip(block, piece.block, strict=True)]
            if all(axis.start < axis.stop for axis in both):
                here, there = _within(both, block), _within(both, piece.block)
                values[here] = piece.read(there)
        return values

    def whole(self) -> Tensor:
        return self[tuple(slice(0, size) for size in self.shape)]


def _common(one: slice, other: slice) -> slice:
    return slice(max(one.start, other.start), min(one.stop, other.stop))


def _within(block: Sequence[slice], outer: Block) -> Block:
    """A block, counted from where another begins."""
    return tuple(
        slice(axis.start - around.start, axis.stop - around.start) for axis, around in zip(block, outer, strict=True)
    )


def in_files(paths: Iterable[Path]) -> dict[str, InParts]:
    """The tensors that lie in some files, by name; nothing of them is read yet."""
    pieces: dict[str, list[Piece]] = {}
    for path in paths:
        with _opened(path) as file:
            begins = json.loads((file.metadata() or {}).get(BEGINS, "{}"))
            for name in file.keys():  # noqa: SIM118  # it is no dictionary
                lying = file.get_slice(name)
                shape = lying.get_shape()
                start = begins.get(name, {}).get("saved_offsets", [0] * len(shape))
                block = tuple(slice(first, first + size) for first, size in zip(start, shape, strict=True))
                dtype = (lying[:0] if shape else file.get_tensor(name)).dtype
                pieces.setdefault(name, []).append(Piece(path, name, block, dtype))
    return {name: InParts(found) for name, found in pieces.items()}


KEPT_APART = "in parts"
"""The key of what stands in a nested state for a tensor that lies in parts."""


def apart(state: Any, path: str = "") -> tuple[Any, dict[str, Part]]:
    """A nested state with names in place of its parts, and the parts by these names.

    >>> apart({"step": 3, "mean": Part(torch.zeros(2), (4,))}, "optimizer")[0]
    {'step': 3, 'mean': {'in parts': 'optimizer.mean'}}
    """
    if isinstance(state, Part):
        return {KEPT_APART: path}, {path: state}
    if not isinstance(state, dict | list):
        return state, {}
    keys = state if isinstance(state, dict) else range(len(state))
    cut = {key: apart(state[key], f"{path}.{key}".lstrip(".")) for key in keys}
    parts = {name: part for _, found in cut.values() for name, part in found.items()}
    left = {key: one for key, (one, _) in cut.items()}
    return (left if isinstance(state, dict) else [*left.values()]), parts


def together(state: Any, parts: Mapping[str, InParts | Tensor]) -> Any:
    """The state that `apart` took apart, with what lies in files in place of parts."""
    if isinstance(state, list):
        return [together(one, parts) for one in state]
    if not isinstance(state, dict):
        return state
    if state.keys() == {KEPT_APART}:
        return parts[state[KEPT_APART]]
    return {key: together(one, parts) for key, one in state.items()}

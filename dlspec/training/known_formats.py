"""The file formats of well-known data sets: MNIST's IDX, and the binary versions of CIFAR-10 and CIFAR-100."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dlspec.plan.file_sources import Cifar10, Cifar100, Idx
from dlspec.plan.keys import ResolvedPlan
from dlspec.training import files
from dlspec.training.arrays import inputs_of
from dlspec.training.errors import RunError, UnreadableError
from dlspec.training.samples import Dataset, Samples, check_classes, loads

UNSIGNED_BYTE = 8
"""The element type of IDX files that is read."""

CIFAR_PIXELS = 3 * 32 * 32


@loads(Idx)
def _idx(source: Idx, plan: ResolvedPlan) -> Dataset:
    folder = Path(plan.folder)
    images, labels = read_idx(folder / source.images), read_idx(folder / source.labels)
    if images.ndim not in (3, 4) or labels.ndim != 1:
        which, axes = (source.images, images.ndim) if images.ndim not in (3, 4) else (source.labels, labels.ndim)
        hint = "`images` is the file with `idx3` in its name, `labels` the one with `idx1`"
        raise RunError(f"`{which}` has {axes} axes", hint)
    if len(images) != len(labels):
        raise RunError(f"`{source.images}` holds {len(images):,} pictures, `{source.labels}` {len(labels):,} labels")
    inputs = inputs_of(images, f"`{source.images}`")
    samples = Samples(inputs, torch.from_numpy(labels.astype(np.int64)))
    dataset = Dataset(samples, source.class_names or ())
    check_classes(dataset, source.classes, source=f"`{source.name}`")
    return dataset


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array of an IDX file, compressed or not; raises UnreadableError where it is none or is cut."""
    hint = "IDX files begin with two zero bytes, the element type and the number of axes"
    data = files.existing(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise UnreadableError(f"`{path}` cannot be decompressed: {error}", "download it again") from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTE or len(data) < 4 + 4 * data[3]:
        raise UnreadableError(f"`{path}` is no IDX file of bytes", hint)
    shape = tuple(np.frombuffer(data, ">u4", count=data[3], offset=4).tolist())
    start, wanted = 4 + 4 * len(shape), int(np.prod(shape, dtype=np.int64))
    if len(data) - start != wanted:
        said = f"it promises {wanted:,} bytes and holds {len(data) - start:,}"
        raise UnreadableError(f"`{path}` is cut or damaged: {said}", "download it again")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


@loads(Cifar10, Cifar100)
def _cifar(source: Cifar10 | Cifar100, plan: ResolvedPlan) -> Dataset:
    """A label byte before each picture; in CIFAR-100 the group's before the class's."""
    path = Path(plan.folder) / source.path
    fine = isinstance(source, Cifar100)
    parts = ["train.bin"] if fine else [f"data_batch_{number}.bin" for number in range(1, 6)]
    records = [
        _records(file, 2 if fine else 1) for file in ([path / one for one in parts] if path.is_dir() else [path])
    ]
    rows = np.concatenate(records)
    place = 1 if isinstance(source, Cifar100) and source.labels == "fine" else 0
    labels = torch.from_numpy(rows[:, place].astype(np.int64))
    images = np.ascontiguousarray(rows[:, -CIFAR_PIXELS:]).reshape(-1, 3, 32, 32)
    dataset = Dataset(Samples(inputs_of(images, f"`{path}`"), labels), source.class_names or ())
    check_classes(dataset, len(dataset.classes), source=f"`{source.name}`")
    return dataset


def _records(path: Path, labels: int) -> NDArray[np.uint8]:
    data = files.existing(path).read_bytes()
    if data[:1] == b"\x80":
        hint = "download the binary version, whose files end in `.bin`"
        raise UnreadableError(f"`{path}` is a pickle, which may run code and is not read", hint)
    length = labels + CIFAR_PIXELS
    if not data or len(data) % length:
        said = f"its {len(data):,} bytes are no multiple of {length:,}, a sample's"
        raise UnreadableError(f"`{path}` is no CIFAR file, or is cut: {said}", "download the binary version again")
    return np.frombuffer(data, np.uint8).reshape(-1, length)

"""Samples in tar files, a key for each: `7.jpg` and `7.cls`. Read in place, so that any sample can be reached.

The files are gone through once for the places of what they hold. From then on a sample is a place in a file, a run can
go on at any of them, and an epoch still reads each file in one piece (`draws.permutation_in_blocks`).
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import torch

from dlspec.plan.file_sources import Shards
from dlspec.plan.keys import ResolvedPlan
from dlspec.record import Record
from dlspec.training import files, image_files
from dlspec.training.errors import RunError, UnreadableError
from dlspec.training.groups import numbered_groups
from dlspec.training.samples import Dataset, Samples, check_classes, loads


class Place(Record):
    """Where a picture lies: a file, from which byte on, how many; its label, and what it shares with its group."""

    path: str
    start: int
    length: int
    label: int
    group: str

    def __call__(self) -> io.BytesIO:
        with open(self.path, "rb") as file:
            file.seek(self.start)
            return io.BytesIO(file.read(self.length))


class Opened(Record):
    """How a row is opened."""

    places: list[Place]

    def __call__(self, row: int) -> io.BytesIO:
        return self.places[row]()


@loads(Shards)
def _shards(source: Shards, plan: ResolvedPlan) -> Dataset:
    paths = expanded(Path(plan.folder) / source.path)
    places: list[Place] = []
    names: list[str] = []
    blocks: list[int] = []
    lacking: list[str] = []
    for number, path in enumerate(paths):
        for key, place in _samples(path, source, lacking, plan.data.split.groups):
            names.append(f"{path.name}:{key}")
            places.append(place)
            blocks.append(number)
    notes = _told(lacking, source)
    if not places:
        ends = ", ".join(f"`.{one}`" for one in source.image)
        raise RunError(f"`{source.path}` holds no samples", f"a sample is a picture ({ends}) and a `.{source.target}`")
    pictures = image_files.Pictures(names, Opened(places), 1 if source.channels == "grey" else 3)
    pictures.blocks = blocks
    found = image_files.loaded(pictures, plan, source.broken, source.path)
    labels = torch.tensor([place.label for place in places])[found.rows]
    count = source.classes or max(int(labels.max()) + 1, 0)
    classes = tuple(str(one) for one in range(count))
    dataset = Dataset(Samples(found.inputs, labels), classes, names=[names[row] for row in found.rows])
    dataset.notes = (*notes, *found.notes)
    if plan.data.split.groups is not None:
        dataset.groups = numbered_groups([places[row].group for row in found.rows])
    check_classes(dataset, count, source="`shards`")
    return dataset


def expanded(pattern: Path) -> list[Path]:
    """The files of `train-{000..099}.tar`, all of which must be there, or of `train-*.tar`, in order."""
    if braces := re.search(r"\{(\d+)\.\.(\d+)\}", pattern.name):
        first, last = braces.group(1), braces.group(2)
        numbers = [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
        made = [pattern.with_name(pattern.name.replace(braces.group(0), number)) for number in numbers]
        if not made:
            raise RunError(f"`{pattern.name}` names no files", "the lower number comes first")
        return [files.existing(path) for path in made]
    if not any(sign in pattern.name for sign in "*?["):
        return [files.existing(pattern)]
    found = sorted(files.existing_folder(pattern.parent).glob(pattern.name))
    if not found:
        raise UnreadableError(f"no file is called `{pattern.name}` in `{pattern.parent}`")
    return found


def _samples(path: Path, source: Shards, lacking: list[str], groups: str | None) -> Iterator[tuple[str, Place]]:
    """The samples of one file by key; keys that lack their picture, label or group are added to `lacking`."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isfile():
                    folder, _, name = member.name.rpartition("/")
                    key, _, ending = name.partition(".")
                    parts = found.setdefault(f"{folder}/{key}".lstrip("/"), {})
                    parts[ending.lower()] = (member.offset_data, member.size)
    except tarfile.ReadError as error:
        packed = path.suffix.lower() in (".gz", ".tgz", ".bz2", ".xz", ".zst")
        hint = "unpack it first: pictures are compressed already" if packed else "copy it anew"
        raise UnreadableError(f"`{path}` cannot be read as a tar file: {error}", hint) from None
    with path.open("rb") as file:

        def content(part: tuple[int, int]) -> bytes:
            file.seek(part[0])
            return file.read(part[1])

        for key, parts in found.items():
            image = next((parts[one] for one in source.image if one in parts), None)
            if image is None or source.target not in parts:
                what = "picture" if image is None else f"`.{source.target}`"
                lacking.append(f"`{path.name}:{key}` has no {what}")
                continue
            label = _label(content(parts[source.target]), source.target)
            if label is None:
                lacking.append(f"`{path.name}:{key}.{source.target}` holds no class")
                continue
            group = (
                ""
                if groups is None
                else _group({one: content(parts[one]) for one in (groups, "json") if one in parts}, groups)
            )
            if group is None:
                lacking.append(f"`{path.name}:{key}` has neither `.{groups}` nor a `.json` with the field `{groups}`")
                continue
            yield key, Place(str(path), image[0], image[1], label, group)


def _label(text: bytes, ending: str) -> int | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, dict):
        value = value.get("label", value.get("cls"))
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _group(parts: dict[str, bytes], name: str | None) -> str | None:
    """What a sample shares with others: the text of `7.patient`, or the field `patient` of `7.json`, if any."""
    if name is None:
        return ""
    if name in parts:
        return parts[name].decode("utf-8", "replace").strip()
    try:
        fields = json.loads(parts.get("json", b"{}"))
    except ValueError:
        return None
    return str(fields[name]) if isinstance(fields, dict) and name in fields else None


def _told(lacking: list[str], source: Shards) -> tuple[str, ...]:
    if not lacking:
        return ()
    more = f", and {len(lacking) - 1:,} more are like it" if len(lacking) > 1 else ""
    if source.broken == "refuse":
        raise UnreadableError(f"{lacking[0]}{more}", "leave such samples out with `broken=skip`")
    return (f"{len(lacking):,} samples of `{source.path}` are left out: {lacking[0]}{more}",)

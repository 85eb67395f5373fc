"""Checkpoints that are whole or not there: written aside, synced, renamed, and checked when read.

`checkpoints/step-00000123/` holds weights, optimizer, random state and position of a run, and a second one of that step
is `step-00000123.1`; `checkpoints/best-00000100/` holds the weights that scored best. Each has a manifest with the
SHA-256 of its files, since no format notices a flipped bit. Where several processes hold a part of each tensor, each
writes its own, as `weights-1-of-2.safetensors`, and the first all else, the manifest last.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import RunError
from dlspec.training.parallel import ALONE, Group
from dlspec.training.parts import Part, apart, in_files, together, write_parts

if TYPE_CHECKING:
    from typing import Any

    State = dict[str, Any]

WEIGHTS, TRAINING, STATE, MANIFEST = "weights.safetensors", "training.pt", "state.json", "manifest.json"


class Damaged(Exception):
    """A checkpoint that is not what was written."""


class Checkpoint(Record):
    """What a folder of `checkpoints/` holds; `training` is empty in a `best` one."""

    folder: Path
    weights: Mapping[str, Any]
    """Tensors; where they were not asked for whole, those that lie in parts as `InParts`."""
    state: State
    training: State


class Checkpoints:
    """The folder of a run's checkpoints: the last few to resume from, and the best.

    All processes of a group save and look for the latest together; anything else one of them does alone.
    """

    def __init__(self, folder: Path, keep: int, group: Group = ALONE) -> None:
        self.folder = folder
        self.keep = keep
        self.group = group
        self.best: str | None = None

    def save(self, step: int, weights: Mapping[str, Tensor | Part], training: State, state: State) -> Path:
        """Write a checkpoint of a step, then take away the oldest; `state` names the best as of this step."""
        target = self._write(f"step-{step:08d}", weights, state | {"best_folder": self.best}, training)
        if self.group.is_first:
            self._prune()
        return target

    def save_best(self, step: int, weights: Mapping[str, Tensor | Part], state: State) -> Path:
        """Write the best weights; the ones before stay as long as a checkpoint names them."""
        target = self._write(f"best-{step:08d}", weights, state, {})
        self.best = target.name
        return target

    def _write(self, name: str, weights: Mapping[str, Tensor | Part], state: State, training: State) -> Path:
        group, aside = self.group, self.folder / f".writing-{name}"
        left, parts = apart(training)
        target = self._each(aside, lambda: self._begun(aside, name) if group.is_first else None)[0]
        mine = {"weights": {key: one for key, one in weights.items() if isinstance(one, Part)}, "training": parts}
        sums = self._each(aside, lambda: _parts_written(aside, mine, f"{group.rank + 1}-of-{group.count}"))

        def finish() -> None:
            whole = {key: one for key, one in weights.items() if isinstance(one, Tensor)}
            own = _written(aside, whole, left, state)
            _sealed(aside, {key: value for some in (own, *sums) for key, value in some.items()})
            aside.rename(target)
            _sync(self.folder)

        self._each(aside, finish if group.is_first else lambda: None)
        return Path(target)

    def _begun(self, aside: Path, name: str) -> Path:
        """An empty folder to write into, where a killed run may have left another; gives the name to come to."""
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        target, again = self.folder / name, 0
        while target.exists():
            again += 1
            target = self.folder / f"{name}.{again}"
        return target

    def _each(self, aside: Path, work: Callable[[], Any]) -> list[Any]:
        """What every process came to; raises RunError in all of them, and takes the folder away, where a disk did not
        do what one of them asked.
        """
        try:
            mine, reason = work(), ""
        except OSError as error:
            mine, reason = None, error.strerror or str(error)
        told = self.group.gathered((mine, reason))
        if reasons := [reason for _, reason in told if reason]:
            if self.group.is_first:
                shutil.rmtree(aside, ignore_errors=True)
            target = self.folder / aside.name.removeprefix(".writing-")
            goes_on = any(self.folder.glob("step-*"))
            hint = "checkpoints before it are whole; make room and go on with `--resume`"
            hint = hint if goes_on else "make room and begin anew: it would have been the first"
            raise RunError(f"the checkpoint `{target}` cannot be written: {reasons[0]}", hint)
        return [mine for mine, _ in told]

    def _prune(self) -> None:
        """Keep the last few, the last that a longer plan goes on from, and what they name as best."""
        steps = [*self._steps()]
        kept = {*steps[: self.keep], *[path for path in steps if not is_cut(_state(path))][:1]}
        bests = {self.best, *(_state(path).get("best_folder") for path in kept)}
        for path in (*steps, *self.folder.glob("best-*"), *self.folder.glob(".writing-*")):
            if path not in kept and path.name not in bests:
                shutil.rmtree(path, ignore_errors=True)

    def _steps(self) -> Iterator[Path]:
        """The newest first."""
        yield from sorted(self.folder.glob("step-*"), key=_age, reverse=True)

    def latest(self, *, whole: bool = True, cut: bool = True) -> tuple[Checkpoint | None, list[str]]:
        """The newest checkpoint that is not damaged, and a sentence about each damaged one passed over.

        Without `cut` it is one that a longer plan goes on from.
        """
        notes = []
        for path in self._steps():
            if not cut and is_cut(_state(path)):
                continue
            try:
                checkpoint = read(path, self.group, whole=whole)
            except Damaged as damage:
                notes.append(f"{damage}; the one before it is used")
                continue
            self.best = checkpoint.state.get("best_folder")
            return checkpoint, notes
        return None, notes

    def chosen(self) -> tuple[Checkpoint, list[str]]:
        """The best weights, or the last where no best was kept or it is damaged.

        Raises RunError where nothing can be read.
        """
        latest, notes = self.latest()
        named = [self.best] if self.best else []
        others = sorted((path.name for path in self.folder.glob("best-*") if path.name not in named), reverse=True)
        for name in (*named, *(others if latest is None else [])):
            try:
                return read(self.folder / name), notes
            except Damaged as damage:
                notes.append(f"{damage}; the last weights are used, not the best")
        if latest is None:
            raise RunError(f"`{self.folder}` holds no whole checkpoint", "; ".join(notes))
        return latest, notes


def is_cut(state: State) -> bool:
    """Whether a longer run never is as this one ended: with a last evaluation out of turn, or with layers fitted."""
    run = state.get("run", {})
    return bool(run.get("cut") or run.get("stages"))


def _age(path: Path) -> tuple[int, ...]:
    """A step, and which of those of this step it is."""
    return tuple(int(number) for number in path.name.removeprefix("step-").split(".") if number.isdigit())


def _state(folder: Path) -> State:
    try:
        state = json.loads((folder / STATE).read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def read(folder: Path, group: Group = ALONE, *, whole: bool = True) -> Checkpoint:
    """A checkpoint, every file checked against the manifest first; raises Damaged, in all processes of a group."""
    names = _checked(folder, group)
    state, training = json.loads((folder / STATE).read_text()), {}
    if TRAINING in names:
        try:
            training = torch.load(folder / TRAINING, map_location="cpu", weights_only=True, mmap=not whole)
        except pickle.UnpicklingError as error:
            raise Damaged(f"the checkpoint `{folder.name}` holds more than tensors, and is not read") from error
    weights, moments = (_lying(folder, names, kind, whole=whole) for kind in ("weights", "training"))
    return Checkpoint(folder, weights, state, together(training, moments))


def _lying(folder: Path, names: list[str], kind: str, *, whole: bool) -> dict[str, Any]:
    """The tensors of some files, put together where they are wanted whole."""
    found = in_files(folder / name for name in names if name.startswith(kind) and name.endswith(".safetensors"))
    return {name: one.whole() if whole else one for name, one in found.items()}


def _checked(folder: Path, group: Group) -> list[str]:
    """The names of a checkpoint's files, of which each process has read its share against the manifest."""
    try:
        sums = json.loads((folder / MANIFEST).read_text())
        names = [*sums]
        wrong = [name for name in names[group.rank :: group.count] if _sum(folder / name) != sums[name]]
        reason = f"`{wrong[0]}` does not match its checksum" if wrong else _lacking(names)
    except (OSError, ValueError, TypeError) as error:
        names, reason = [], f"{MANIFEST}: {error}"
    if reasons := [reason for reason in group.gathered(reason) if reason]:
        raise Damaged(f"the checkpoint `{folder.name}` is damaged ({reasons[0]})")
    return names


def _lacking(names: list[str]) -> str:
    """What to say where a manifest does not name all that belongs together."""
    wanted = {STATE}
    for name in names:
        kind, _, count = name.removesuffix(".safetensors").partition("-of-")
        wanted |= {f"{kind[: kind.index('-')]}-{one + 1}-of-{count}.safetensors" for one in range(int(count or 0))}
    is_whole = wanted <= {*names} and any(name.startswith("weights") for name in names)
    return "" if is_whole else f"{MANIFEST} names too few files"


def _parts_written(aside: Path, parts: dict[str, dict[str, Part]], number: str) -> dict[str, str]:
    """Write the parts of this process; gives the checksum of each file."""
    sums = {}
    for kind, some in parts.items():
        if some:
            path = aside / f"{kind}-{number}.safetensors"
            write_parts(some, path)
            _sync(path)
            sums[path.name] = _sum(path)
    return sums


def _written(aside: Path, weights: dict[str, Tensor], training: State, state: State) -> dict[str, str]:
    """Write what lies whole in the first process; gives the checksum of each file."""
    if weights:
        plain = {key: tensor.detach().cpu().contiguous() for key, tensor in weights.items()}
        (aside / WEIGHTS).write_bytes(save(plain))
    if training:
        _save(training, aside / TRAINING)
    (aside / STATE).write_text(json.dumps(state))
    return {name: _sum(aside / name) for name in (WEIGHTS, TRAINING, STATE) if (aside / name).exists()}


def _sealed(aside: Path, sums: dict[str, str]) -> None:
    """Write the manifest, once all that it names is there; raises OSError where it is not."""
    if missing := [name for name in sums if not (aside / name).exists()]:
        raise OSError(errno.ENOENT, f"the first process does not see `{missing[0]}`: let all see the run folder")
    (aside / MANIFEST).write_text(json.dumps(dict(sorted(sums.items())), indent=1))
    for path in (*aside.iterdir(), aside):
        _sync(path)


def _save(training: State, path: Path) -> None:
    """torch's own writing; raises OSError where it cannot, for which torch raises what says nothing of disks."""
    try:
        torch.save(training, path)
    except RuntimeError as error:
        raise OSError(errno.ENOSPC, "the disk is full, or files may not be that long", str(path)) from error


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Make the disk hold what was written; a folder too, so that a rename outlives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

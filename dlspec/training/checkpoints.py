"""Checkpoints that are whole or not there: written aside, synced, renamed, and checked when read.

`checkpoints/step-00000123/` holds weights, optimizer, random state and position of a run;
`checkpoints/best-00000100/` the weights that scored best. Each has a manifest with the SHA-256 of
its files, since no format notices a flipped bit.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import RunError

if TYPE_CHECKING:
    from typing import Any

    State = dict[str, Any]

WEIGHTS, TRAINING, STATE, MANIFEST = "weights.safetensors", "training.pt", "state.json", "manifest.json"


class Damaged(Exception):
    """A checkpoint that is not what was written."""


class Checkpoint(Record):
    """What a folder of `checkpoints/` holds; `training` is empty in a `best` one."""

    folder: Path
    weights: dict[str, Tensor]
    state: State
    training: State


class Checkpoints:
    """The folder of a run's checkpoints: the last few to resume from, and the best."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.keep = keep
        self.best: str | None = None

    def save(self, step: int, weights: dict[str, Tensor], training: State, state: State) -> Path:
        """Write a checkpoint of a step, then take away the oldest; `state` names the best as of this step."""
        target = self._write(self.path(step).name, weights, state | {"best_folder": self.best}, training)
        self._prune()
        return target

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.folder / f"step-{step:08d}"

    def save_best(self, step: int, weights: dict[str, Tensor], state: State) -> Path:
        """Write the best weights; the ones before stay until a checkpoint that names these is there."""
        self.best = f"best-{step:08d}"
        return self._write(self.best, weights, state, {})

    def _write(self, name: str, weights: dict[str, Tensor], state: State, training: State) -> Path:
        target, aside = self.folder / name, self.folder / f".writing-{name}-{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            aside.mkdir()
            plain = {key: tensor.detach().cpu().contiguous() for key, tensor in weights.items()}
            (aside / WEIGHTS).write_bytes(save(plain))
            if training:
                _save(training, aside / TRAINING)
            (aside / STATE).write_text(json.dumps(state))
            sums = {path.name: _sum(path) for path in sorted(aside.iterdir())}
            (aside / MANIFEST).write_text(json.dumps(sums, indent=1))
            for path in (*aside.iterdir(), aside):
                _sync(path)
            _put(aside, target)
            _sync(self.folder)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            hint = "checkpoints before it are whole; make room and go on with `--resume`"
            raise RunError(f"the checkpoint `{target}` cannot be written: {error.strerror or error}", hint) from error
        return target

    def _prune(self) -> None:
        steps = sorted(self.folder.glob("step-*"))
        bests = [path for path in self.folder.glob("best-*") if path.name != self.best]
        for path in (*steps[: -self.keep], *bests, *self._strays()):
            shutil.rmtree(path, ignore_errors=True)

    def _strays(self) -> Iterator[Path]:
        return self.folder.glob(".writing-*")

    def latest(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest checkpoint that is whole, and a sentence about each damaged one passed over."""
        notes = []
        for path in sorted(self.folder.glob("step-*"), reverse=True):
            try:
                checkpoint = read(path)
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


def read(folder: Path) -> Checkpoint:
    """A checkpoint, every file checked against the manifest first; raises Damaged."""
    try:
        sums = json.loads((folder / MANIFEST).read_text())
        contents = {name: (folder / name).read_bytes() for name in sums}
    except (OSError, ValueError, TypeError) as error:
        raise Damaged(f"the checkpoint `{folder.name}` is damaged ({MANIFEST}: {error})") from error
    for name, expected in sums.items():
        if hashlib.sha256(contents[name]).hexdigest() != expected:
            raise Damaged(f"the checkpoint `{folder.name}` is damaged (`{name}` does not match its checksum)")
    if not {WEIGHTS, STATE} <= contents.keys():
        raise Damaged(f"the checkpoint `{folder.name}` is damaged ({MANIFEST} names too few files)")
    training: State = {}
    if TRAINING in contents:
        try:
            training = torch.load(io.BytesIO(contents[TRAINING]), map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise Damaged(f"the checkpoint `{folder.name}` holds more than tensors, and is not read") from error
    return Checkpoint(folder, load(contents[WEIGHTS]), json.loads(contents[STATE]), training)


def _save(training: State, path: Path) -> None:
    """torch's own writing; raises OSError where it cannot, for which torch raises what says nothing of disks."""
    try:
        torch.save(training, path)
    except RuntimeError as error:
        raise OSError(errno.ENOSPC, "the disk is full, or files may not be that long", str(path)) from error


def _put(aside: Path, target: Path) -> None:
    """Rename to the target; one of this name that is whole is the same run's same step, and stays."""
    if target.exists():
        try:
            read(target)
        except Damaged:
            shutil.rmtree(target)
        else:
            shutil.rmtree(aside)
            return
    aside.rename(target)


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

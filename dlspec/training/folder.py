"""Whether a folder may take a run; known without torch, so that a refusal does not wait for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dlspec.training.errors import RunError


def refuse_taken(out: Path, *, resume: bool) -> None:
    """Raise RunError for a file, and for a folder that holds a run which is not to be resumed."""
    if out.exists() and not out.is_dir():
        raise RunError(f"`{out}` is a file", "name a folder with `--out`", code="E0701")
    held = (out / "checkpoints").exists() or (out / "report.json").exists()
    if held and not resume:
        hint = "go on with `--resume`, or name another folder with `--out`"
        raise RunError(f"`{out}` already holds a run", hint, code="E0701")


WORTH_KEEPING = ("checkpoints/step-*", "checkpoints/best-*", "report.json", "divergence/*")
"""What of a run that failed is of use: something to go on with, or to look into."""


@contextmanager
def nothing_left(out: Path) -> Iterator[None]:
    """A run that fails before there is anything worth keeping leaves its folder, and those around it, as they were."""
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    before = {*out.iterdir()} if out.is_dir() else set()
    try:
        yield
    except BaseException:
        if out.is_dir() and not any(any(out.glob(pattern)) for pattern in WORTH_KEEPING):
            for path in {*out.iterdir()} - before:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            with suppress(OSError):
                for folder in missing:
                    folder.rmdir()
        raise

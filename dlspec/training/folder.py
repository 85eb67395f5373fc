"""Whether a folder may take a run; known without torch, so that a refusal does not wait for it."""

from __future__ import annotations

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

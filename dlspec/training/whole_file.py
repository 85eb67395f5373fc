"""Text files that a crash leaves as they were or as they should be."""

from __future__ import annotations

import os
from pathlib import Path

from dlspec.training.errors import RunError


def write_whole(path: Path, text: str) -> None:
    """Write aside and rename; raises RunError where the disk does not take it."""
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise RunError(f"`{path}` cannot be written: {error.strerror or error}", "nothing before it is lost") from error

"""The specs below a folder: what a reference or a rename must look through beside what is open."""

from __future__ import annotations

import os
from pathlib import Path

SPECS = 500
"""Specs that are looked through; a folder with more is no folder of one project."""
FOLDERS = 2000
SKIPPED = ("node_modules", "site-packages", "__pycache__", "runs", "build", "dist")


def spec_files(folder: Path) -> list[Path]:
    """The specs in a folder and below, sorted; hidden folders and those of packages are left out."""
    found: list[Path] = []
    for count, (root, folders, files) in enumerate(os.walk(folder)):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in SKIPPED)
        found += [Path(root, name) for name in sorted(files) if is_spec(name)]
        if len(found) >= SPECS or count >= FOLDERS:
            break
    return found[:SPECS]


def is_spec(name: str) -> bool:
    """Whether a file is a spec by its name."""
    return name.endswith((".dls", ".dlspec.yaml", ".dlspec.yml"))

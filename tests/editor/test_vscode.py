"""The extension for VS Code is built from its sources, and its colours are what its own tests say.

Needs what `npm ci` brings into `editors/vscode`; `make editors` fetches it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "editors" / "vscode"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("npm") is None or not (FOLDER / "node_modules" / ".bin" / "vsce").exists(),
        reason="needs node, and `npm ci` in editors/vscode (`make editors`)",
    ),
]


def npm(*words: str) -> None:
    ran = subprocess.run(["npm", "run", *words], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_it_is_packaged_with_all_that_it_names() -> None:
    npm("package")
    with zipfile.ZipFile(FOLDER / "dlspec.vsix") as package:
        names = set(package.namelist())
        manifest = json.loads(package.read("extension/package.json"))
    contributed = manifest["contributes"]
    named = [manifest["main"], *(one["path"] for one in contributed["grammars"])]
    named += [one["configuration"] for one in contributed["languages"]]
    assert {f"extension/{path.removeprefix('./')}" for path in named} <= names
    assert "extension/LICENSE.txt" in names
    assert not any("node_modules" in name for name in names)


def test_its_grammars_colour_as_vs_code_does() -> None:
    npm("test")

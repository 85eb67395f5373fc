"""A wheel is all that a user has: it carries the grammar and the zoo, and works in an empty environment.

The environment gets the base dependencies from the package registry, so these tests need one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow

TINY = """network tiny {
  input image: float32[N, 1, 8, 8]
  output logits = image -> flatten -> linear(10)
}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    run(build)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that has the wheel and what it asks for, and no more."""
    folder = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", str(folder)])
    run([*pip(folder / "bin"), "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)])
    return folder / "bin"


def pip(programs: Path) -> list[str]:
    return [sys.executable, "-m", "pip", "--python", str(programs / "python")]


def finished(command: list[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command that ran in a folder, with nothing of the checkout on its path."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300)


def run(command: list[str], folder: Path | None = None) -> str:
    """What a command prints, which must end with 0."""
    result = finished(command, folder)
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


def files_under(folder: str) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*") if path.is_file()}


def test_the_wheel_carries_the_grammar_and_the_zoo(wheel: Path) -> None:
    expected = {f"dlspec/_data/{name}" for name in files_under("grammar") | files_under("specs")}
    assert expected
    assert expected <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_carries_the_types_and_the_pages_of_the_codes(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    pages = {name for name in files_under("dlspec/diagnostics/explain") if name.endswith(".md")}
    assert pages
    assert {"dlspec/py.typed", *pages} <= set(names)


def test_the_wheel_carries_nothing_but_the_package(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"dlspec"}


def test_the_base_install_is_without_torch_and_numpy(environment: Path) -> None:
    listed = run([*pip(environment), "list", "--format", "json"])
    installed = {package["name"].lower() for package in json.loads(listed)}
    assert "dlspec" in installed
    assert not installed & {"torch", "numpy", "scikit-learn", "matplotlib"}


def test_an_installed_dlspec_knows_the_zoo(environment: Path, tmp_path: Path) -> None:
    dlspec = str(environment / "dlspec")
    run([dlspec, "check", "lenet"], tmp_path)
    summary = json.loads(run([dlspec, "summary", "lenet", "--json"], tmp_path))
    assert summary["network"] == "lenet"
    run([dlspec, "compile", "lenet", "-o", "lenet.py"], tmp_path)
    compile((tmp_path / "lenet.py").read_text(), "lenet.py", "exec")
    for suffix in ("mmd", "svg", "tex", "html"):
        run([dlspec, "draw", "lenet", "-o", f"lenet.{suffix}"], tmp_path)
    assert "flowchart" in (tmp_path / "lenet.mmd").read_text()


def test_an_installed_dlspec_reads_the_dsl(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.dls").write_text(TINY)
    run([str(environment / "dlspec"), "check", "tiny.dls"], tmp_path)


def test_training_without_its_extra_says_how_to_install_it(environment: Path, tmp_path: Path) -> None:
    result = finished([str(environment / "dlspec"), "train", "lenet"], tmp_path)
    assert result.returncode == 2
    assert "dlspec[train]" in result.stderr
    assert "Traceback" not in result.stderr

"""What the page about commits and pull requests shows is what works: the hooks, and the steps of the workflow."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
STEPS = yaml.safe_load(re.findall(r"```yaml\n(# \.github.*?)```", PAGE, re.DOTALL)[0])["jobs"]["specs"]["steps"]
GOOD = "network n {\n  input x: float32[N, 8]\n  output y = x -> fc: linear(4)\n}\n"
pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose branch `main` has a good spec, and whose head has changed it."""
    git = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "init.defaultBranch=main"]
    for name in ("good.dls", "with blank.dls"):
        (tmp_path / name).write_text(GOOD)
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["commit", "-qm", "one"],
        ["update-ref", "refs/remotes/origin/main", "HEAD"],
    ):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    (tmp_path / "with blank.dls").write_text(GOOD.replace("linear(4)", "linear(6)"))
    subprocess.run([*git, "commit", "-qam", "two"], cwd=tmp_path, check=True)
    return tmp_path


def run(words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A step as GitHub runs it, with the `dlspec` of this environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", words], cwd=folder, env={**os.environ, "PATH": path, **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def step(name: str) -> str:
    return str(next(one["run"] for one in STEPS if one.get("name") == name))


def test_the_hooks_of_the_page_exist_and_take_both_spellings() -> None:
    named = set(re.findall(r"- id: ([\w-]+)", PAGE))
    assert named == {hook["id"] for hook in HOOKS}
    for hook in HOOKS:
        assert re.search(hook["files"], "specs/a.dls")
        assert re.search(hook["files"], "specs/a.dlspec.yaml")
        assert not re.search(hook["files"], "plan.yaml")


def test_a_hook_stops_a_mistake_and_formats_a_file(repository: Path) -> None:
    entries = {hook["id"]: hook["entry"] for hook in HOOKS}
    assert run(f"{entries['dlspec-check']} good.dls 'with blank.dls'", repository).returncode == 0
    (repository / "good.dls").write_text(GOOD.replace("linear(4)", "linaer(  4)"))
    assert run(f"{entries['dlspec-check']} good.dls 'with blank.dls'", repository).returncode == 1
    (repository / "good.dls").write_text(GOOD.replace("linear(4)", "linear(  4)"))
    assert run(f"{entries['dlspec-fmt']} good.dls 'with blank.dls'", repository).returncode == 0
    assert (repository / "good.dls").read_text() == GOOD


def test_the_check_of_the_workflow_puts_mistakes_on_their_lines(repository: Path) -> None:
    assert run(step("check"), repository).returncode == 0
    (repository / "with blank.dls").write_text(GOOD.replace("fc: linear", "fc: linaer"))
    ran = run(step("check"), repository)
    assert ran.returncode != 0
    assert "::error file=with blank.dls,line=3" in ran.stdout


def test_the_comment_of_the_workflow_tells_what_the_change_means(repository: Path) -> None:
    ran = run(step("compare"), repository, BASE="origin/main")
    assert ran.returncode == 0, ran.stderr
    comment = (repository / "changes.md").read_text()
    assert "linear(4)" in comment or "out_features" in comment
    assert "54" in comment  # the parameters after
    assert "good.dls" not in comment


def test_a_comparison_that_cannot_be_made_fails_its_step(repository: Path) -> None:
    git = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org"]
    (repository / "good.dls").write_text(GOOD.replace("fc: linear", "fc: linaer"))
    subprocess.run([*git, "commit", "-qam", "three"], cwd=repository, check=True)
    assert run(step("compare"), repository, BASE="origin/main").returncode != 0

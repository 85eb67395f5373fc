"""Every code has a page, its failing example triggers just that code, and its repair is clean.

A fenced block whose info string has `file=NAME` is a file that lies beside the spec (in another encoding
with `encoding=NAME`; `encoding=safetensors` makes the file from the shapes that are listed). The first block without one is the failing spec, called `spec.dls` or
`spec.dlspec.yaml`; the last is the repaired one. Where `command="train --plan long"` stands, it is that
command which fails, not the check; `before="train --out run"` is run before it, and succeeds. A file that comes after the failing spec replaces an
earlier one, and where no spec follows it is itself the repair.
"""

from __future__ import annotations

import gc
import json
import re
import shlex
from pathlib import Path

import pytest

from dlspec.cli import main
from dlspec.diagnostics.codes import CODES, UNREADABLE
from dlspec.diagnostics.explain import PAGES, code_of, near_codes, page
from dlspec.diagnostics.record import Diagnostic

FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPECS = {"dls": "spec.dls", "yaml": "spec.dlspec.yaml"}


class Block:
    """A fenced block of a page as a file."""

    def __init__(self, language: str, settings: str, text: str) -> None:
        chosen = dict(setting.split("=", 1) for setting in shlex.split(settings))
        self.is_spec = "file" not in chosen
        self.name = chosen.get("file") or SPECS[language]
        self.command = shlex.split(chosen.get("command", ""))
        self.before = shlex.split(chosen.get("before", ""))
        encoding = chosen.get("encoding", "utf-8")
        self.content = saved_tensors(text) if encoding == "safetensors" else text.encode(encoding)


def saved_tensors(text: str) -> bytes:
    """A safetensors file with tensors of the shapes that a JSON object gives by name."""
    import torch
    from safetensors.torch import save

    return bytes(save({name: torch.zeros(shape) for name, shape in json.loads(text).items()}))


def blocks(code: str) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(page(code) or "")]


def check(folder: Path, files: list[Block]) -> list[Diagnostic]:
    """What is found in the last spec among the files."""
    import dlspec

    for file in files:
        (folder / file.name).write_bytes(file.content)
    spec = folder / next(file.name for file in reversed(files) if file.is_spec)
    return list(dlspec.check(spec))


def failing(code: str) -> list[Block]:
    found = blocks(code)
    first = next(index for index, block in enumerate(found) if block.is_spec)
    return found[: first + 1]


COMMANDS = sorted(path.stem for path in PAGES.glob("*.md") if " command=" in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("code", [code for code in CODES if code not in COMMANDS])
def test_the_first_example_triggers_just_its_code(code: str, tmp_path: Path) -> None:
    assert {diagnostic.code for diagnostic in check(tmp_path, failing(code))} == {code}


@pytest.mark.parametrize("code", COMMANDS)
def test_the_command_of_the_first_example_ends_with_its_code(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = failing(code)[-1]
    assert check(tmp_path, failing(code)) == []
    monkeypatch.chdir(tmp_path)
    if spec.before:
        assert main([spec.before[0], spec.name, *spec.before[1:]]) == 0
        capsys.readouterr()
    name, *options = spec.command
    usage = "--plan" in options  # a plan that the command line names and the file lacks
    assert main([name, spec.name, *options]) == (2 if code in UNREADABLE or usage else 1)
    gc.enable()  # a command turns it off for the short time that it lives
    assert re.findall(r"^(?:error|warning)\[(\w+)\]", capsys.readouterr().err, re.MULTILINE) == [code]


@pytest.mark.parametrize("code", CODES)
def test_the_repaired_example_is_clean(code: str, tmp_path: Path) -> None:
    assert [repr(diagnostic) for diagnostic in check(tmp_path, blocks(code))] == []


@pytest.mark.parametrize("code", CODES)
def test_a_page_is_titled_explained_and_short(code: str) -> None:
    text = page(code) or ""
    assert text.startswith(f"# {code}: {CODES[code]}\n\n")
    assert "\n**Why it matters.** " in text
    assert len(text.splitlines()) <= 30
    assert max(map(len, text.splitlines())) <= 110


def test_there_is_no_page_without_a_code() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(CODES)


def test_a_page_is_found_by_its_code_and_by_its_name() -> None:
    assert page("e0302") == page("shapes-differ") == page("Shapes_Differ") == page("E0302")
    assert code_of("E0302") == "E0302"


def test_an_unknown_code_has_no_page_and_brings_up_the_near_ones() -> None:
    assert page("E9999") is None
    assert page("../explain") is None
    assert near_codes("shape-differs")[0] == "shapes-differ"
    assert "E0302" in near_codes("E302")

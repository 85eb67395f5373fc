"""The generated modules are reviewed source: what the compiler writes today is what a reviewer has read.

After a change that is meant, run `pytest tests/golden --bless` and read the difference as you would anyone's code.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from zoo import DETECTORS, FOLDER, ROOT, SPECS

import dlspec

COMPILE = "import sys, dlspec; print(*(dlspec.compile(spec) for spec in sys.argv[1:]), sep='\\x00')"


def compiled(hash_seed: str) -> dict[str, str]:
    """The modules of all specs, as a process of its own writes them."""
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, *SPECS.values()],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(zip(SPECS, done.stdout.removesuffix("\n").split("\0"), strict=True))


@pytest.fixture(scope="module")
def today() -> dict[str, str]:
    return compiled("1")


def golden(name: str) -> str:
    return (FOLDER / f"{name}.py").read_text(encoding="utf-8")


def ruff(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The linter or formatter as it comes, without the project's settings."""
    files = [str(FOLDER / f"{name}.py") for name in SPECS]
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache", *files]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", SPECS)
def test_the_module_is_the_one_that_was_reviewed(name: str, today: dict[str, str], bless: bool) -> None:
    if bless:
        (FOLDER / f"{name}.py").write_text(today[name], encoding="utf-8")
    assert today[name] == golden(name), "if this is meant: pytest tests/golden --bless, and read the difference"


def test_no_file_is_left_over() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")}
    assert files - set(SPECS) == {"test_golden", "zoo"}


def test_every_process_writes_the_same_bytes(today: dict[str, str]) -> None:
    assert compiled("2") == today


def test_the_linter_finds_nothing() -> None:
    done = ruff("check", "--select", "E,F,W,I,B,C4,PIE,SIM,RET,UP", "--line-length", "88", "--ignore", "RET504")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("length", ["88", "100", "120"])
def test_the_formatter_changes_nothing(length: str) -> None:
    done = ruff("format", "--check", "--line-length", length)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SPECS)
def test_only_torch_is_imported(name: str) -> None:
    roots = set()
    for node in ast.walk(ast.parse(golden(name))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            roots.add((node.module or "").partition(".")[0])
    assert roots <= {"torch", "collections", *(["dlspec"] if name in DETECTORS else [])}


def test_resnet50_is_shorter_than_120_lines() -> None:
    assert len(golden("resnet50").splitlines()) < 120


@pytest.mark.parametrize("name", [name for name in SPECS if name not in DETECTORS])
def test_the_numbers_of_the_docstring_are_what_torch_counts(name: str) -> None:
    module, text = built(name), golden(name).split('"""')[1]
    assert f"{sum(p.numel() for p in module.parameters()):,} parameters" in text
    said = re.search(r"([\d.,]+) (MACs|MMACs|GMACs)(?: at (\d+) × (\d+)| per sample)", text)
    assert said is not None
    sides = {"H": said[3], "W": said[4], "N": "1"}
    inputs = [torch.empty(sizes(shape, sides), device="meta") for shape in given_shapes(text)]
    assert macs_words(module, inputs) == f"{said[1]} {said[2]}"


@pytest.mark.parametrize("name", DETECTORS)
def test_the_docstring_of_a_detector_tells_what_each_region_costs(name: str) -> None:
    module, text = built(name), golden(name).split('"""')[1]
    weights = [weight for path, weight in module.named_parameters() if "box_" in path and weight.dim() == 2]
    assert f"{sum(p.numel() for p in module.parameters()):,} parameters" in text
    assert f"{sum(weight.numel() for weight in weights):,}·R" in text


def built(name: str) -> nn.Module:
    space: dict[str, object] = {}
    exec(compile(golden(name), f"{name}.py", "exec"), space)  # noqa: S102  # reviewed source
    with torch.device("meta"):
        module = space["build"]()  # type: ignore[operator]
    assert isinstance(module, nn.Module)
    return module.eval()


def given_shapes(text: str) -> list[str]:
    """The shapes of the inputs: before the arrow, or on lines of their own."""
    return re.findall(r"\(([^()]*)\)", text.partition("->")[0]) or re.findall(r"^\w+ \(([^()]*)\)$", text, re.M)


def sizes(shape: str, known: dict[str, str]) -> list[int]:
    return [int(known.get(size.strip(), size)) for size in shape.split(",")]


def macs_words(module: nn.Module, inputs: list[Tensor]) -> str:
    """Multiply-adds as a docstring has them; torch counts a multiply-add as two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs)
    macs = counter.get_total_flops() // 2
    if macs < 10**6:
        return f"{macs:,} MACs"
    return f"{macs / 10**6:.2f} MMACs" if macs < 10**9 else f"{macs / 10**9:.2f} GMACs"


def test_a_compiled_spec_runs_where_dlspec_is_not_installed() -> None:
    banned = "import sys; sys.modules['dlspec'] = None; exec(sys.stdin.read()); build()"
    done = subprocess.run(
        [sys.executable, "-c", banned], input=golden("lenet"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert dlspec.compile("lenet") == golden("lenet")

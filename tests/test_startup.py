"""Start-up is the user's time: a command imports nothing heavy that it does not use.

Each command runs in a fresh interpreter, which reports what it had imported by its end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NUMERICAL = {"torch", "numpy", "scipy", "sklearn", "matplotlib"}
# Each of these costs more to import than a whole check may cost.
HEAVY = {"pydantic", "networkx", "lark", "rich", "sympy", "graphviz"}

# Runs the command line given after the report's path, as the console script does.
PROBE = """
import sys
from dlspec.cli import main

report = sys.argv[1]
sys.argv[:2] = ["dlspec"]
try:
    code = main()
except SystemExit as stop:
    code = stop.code
modules = sorted({name.partition(".")[0] for name in sys.modules})
import json

with open(report, "w") as file:
    json.dump([code or 0, modules], file)
"""

COMMANDS = {
    "check": ["check", "lenet"],
    "check of several files": ["check", "lenet", "mlp", "perceptron"],
    "summary": ["summary", "lenet"],
    "summary as JSON": ["summary", "lenet", "--json"],
    "summary at a size": ["summary", "lenet", "--input", "image=2x1x28x28"],
    "explain a layer": ["explain", "lenet:features.0"],
    "explain a code": ["explain", "E0302"],
    "draw svg": ["draw", "lenet", "-o", "{folder}/lenet.svg"],
    "draw dot": ["draw", "lenet", "-o", "{folder}/lenet.dot"],
    "draw mmd": ["draw", "lenet", "-o", "{folder}/lenet.mmd"],
    "compile": ["compile", "lenet", "-o", "{folder}/lenet.py"],
    "fmt": ["fmt", "--check", "lenet"],
    "convert to YAML": ["convert", "lenet", "-o", "{folder}/lenet.dlspec.yaml"],
    "convert to the DSL": ["convert", "lenet", "-o", "{folder}/lenet.dls"],
    "ops": ["ops"],
    "ops of one": ["ops", "conv2d"],
}


def imported_by(command: list[str], folder: Path) -> set[str]:
    """The top-level modules that a command had imported when it ended, which it must do with 0."""
    report = folder / "report.json"
    arguments = [argument.format(folder=folder) for argument in command]
    finished = subprocess.run(
        [sys.executable, "-c", PROBE, str(report), *arguments], capture_output=True, text=True, timeout=60
    )
    assert report.exists(), finished.stderr
    code, modules = json.loads(report.read_text())
    assert code == 0, finished.stdout + finished.stderr
    return set(modules)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
def test_no_command_but_the_runner_imports_torch_or_numpy(command: list[str], tmp_path: Path) -> None:
    assert imported_by(command, tmp_path) & NUMERICAL == set()


@pytest.mark.parametrize("name", ["lenet", "mlp", "perceptron", "linear_classifier", "linear_regression"])
def test_a_check_imports_nothing_heavy(name: str, tmp_path: Path) -> None:
    assert imported_by(["check", name], tmp_path) & HEAVY == set()


def test_a_check_of_the_dsl_imports_nothing_heavy(tmp_path: Path) -> None:
    spec = tmp_path / "tiny.dls"
    spec.write_text(
        "network tiny {\n  input image: float32[N, 1, 8, 8]\n  output logits = image -> flatten -> linear(10)\n}\n"
    )
    assert imported_by(["check", str(spec)], tmp_path) & HEAVY == set()


def test_the_front_door_imports_nothing_heavy_until_it_is_used(tmp_path: Path) -> None:
    code = "import dlspec, sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(finished.stdout.split()) & (NUMERICAL | HEAVY) == set()

"""What benchmarks share: the processor time of commands in turns, the machine, and finished runs of the zoo."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
DLSPEC = Path(sys.executable).with_name("dlspec")
# A user's second start, not the first: modules are compiled once and kept, whatever this shell says.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def cpu_seconds(command: Sequence[str]) -> float:
    """User and system seconds of a command and all that it started; it must end with 0."""
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}\n{errors.decode()}")
    return usage.ru_utime + usage.ru_stime


def medians(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, float]:
    """The median processor seconds of each command, after a round that only fills the caches."""
    for command in commands.values():
        cpu_seconds(command)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(cpu_seconds(command))
    return {name: median(seconds) for name, seconds in times.items()}


def machine() -> str:
    """What the numbers were measured on, as a line above them."""
    load = os.getloadavg()[0]
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}, {date.today()}"


def trained(name: str, out: Path) -> Path:
    """The folder of a finished run of a network of the zoo by its own plan."""
    if not (out / "report.json").exists():
        command = [str(DLSPEC), "train", name, "--out", str(out), "--set=threads=1", "--set=device=cpu"]
        finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if finished.returncode != 0:
            sys.exit(finished.stdout + finished.stderr)
    return out

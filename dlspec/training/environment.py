"""What a run was made with: versions, hardware, threads, and the state of the repository."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import torch

from dlspec.plan.facts import fields
from dlspec.plan.keys import ResolvedPlan, Seeds, seed_of
from dlspec.record import TYPE_CHECKING
from dlspec.training.errors import RunError

if TYPE_CHECKING:
    from typing import Any

PACKAGES = ("dlspec", "torch", "numpy", "scikit-learn", "safetensors")


def describe(plan: ResolvedPlan, device: torch.device) -> dict[str, Any]:
    """The content of `environment.json`."""
    return {
        "started": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "platform": platform.platform(),
        "cpu": _cpu(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "memory_bytes": _memory(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "device_memory_bytes": torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None,
        "cuda": torch.version.cuda,
        "seeds": {"split": plan.data.split.seed} | {what: seed_of(plan, what) for what in fields(Seeds)},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "git": _git(Path(plan.folder or ".")),
    }


def choose_device(wanted: str) -> torch.device:
    """The plan's device, an accelerator for `auto` where there is one; raises RunError without it."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        wanted = next((name for name in ("cuda", "mps") if there[name]), "cpu")
    if not there[wanted]:
        listed = " and ".join(f"`{name}`" for name, found in there.items() if found)
        hint = f"it has {listed}: `--set device=cpu`"
        raise RunError(f"this machine has no device `{wanted}` that torch can use", hint)
    return torch.device(wanted)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str | None:
    """The processor's own name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def _memory() -> int | None:
    """Bytes of the machine's memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _git(folder: Path) -> dict[str, Any] | None:
    """The branch and commit that the spec lies in, and whether anything differs; None outside a repository."""
    try:
        commit = _said("git", "-C", str(folder), "rev-parse", "HEAD")
        branch = _said("git", "-C", str(folder), "branch", "--show-current")
        changed = bool(_said("git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "branch": branch, "changed": changed}


def _said(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    return result.stdout.strip()

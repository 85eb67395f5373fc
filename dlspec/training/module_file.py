"""A run folder's `model.py` as a network: what its `build()` returns."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from torch import nn

from dlspec.training.errors import RunError


def build(path: Path) -> nn.Module:
    """The network of a generated module file; raises RunError where the file gives none."""
    return network_of(imported(path), path)


def imported(path: Path) -> ModuleType:
    """The file as a module; raises RunError where there is no such file."""
    spec = importlib.util.spec_from_file_location("dlspec_generated", path)
    if not path.exists() or spec is None or spec.loader is None:
        raise RunError(f"there is no `{path}`", "name the folder of a run")
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def network_of(module: ModuleType, path: Path) -> nn.Module:
    """What `build()` of the file returns; raises RunError where that is no network."""
    network = module.build() if hasattr(module, "build") else None
    if not isinstance(network, nn.Module):
        raise RunError(f"`{path}` has no `build()` that gives a network", "compile the spec again")
    return network

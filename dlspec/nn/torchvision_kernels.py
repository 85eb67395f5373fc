"""torchvision's compiled kernels, where that library is present, imports, and fits the torch beside it."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from typing import Any

import torch


def compiled(name: str) -> Any | None:
    """The kernel of that name, as `torch.ops.torchvision.nms`; None where there is none to use.

    A graph that is being traced gets torch's own operators, which every exporter knows.
    """
    if torch.compiler.is_compiling() or not _present():
        return None
    return getattr(torch.ops.torchvision, name, None)


@functools.cache
def _present() -> bool:
    """A torchvision built for another torch raises RuntimeError, not ImportError, when it is imported."""
    if importlib.util.find_spec("torchvision") is None:
        return False
    try:
        importlib.import_module("torchvision")
        return hasattr(torch.ops.torchvision, "nms")
    except (ImportError, RuntimeError, OSError):
        return False

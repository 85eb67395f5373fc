"""A disk or a memory that takes no more: what to tell of it, and what to lower."""

from __future__ import annotations

import errno
from pathlib import Path

import torch

from dlspec.plan.keys import ResolvedPlan
from dlspec.training.errors import OutOfMemory, RunError


def disk_full(error: Exception, out: Path) -> RunError | None:
    """What to do where a disk takes no more; None for any other error."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    hint = "checkpoints before it are whole; make room and go on with `--resume`"
    return RunError(f"`{error.filename or out}` cannot be written: {error.strerror}", hint)


def out_of_memory(error: Exception, plan: ResolvedPlan) -> RunError | None:
    """What to lower where memory ran out; None for any other error."""
    short = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    if not short and not (isinstance(error, RuntimeError) and "memory" in str(error)):
        return None
    full = plan.batch_size == "full"
    hint = "take fewer samples a step: `batch_size = 64`" if full else f"lower `batch_size` (now {plan.batch_size})"
    hint += " or lower `resize`" if plan.data.resize else ""
    hint += "" if plan.batch_size == "full" else ", or compute a batch in parts with `accumulate`"
    return OutOfMemory(f"the {plan.device if plan.device != 'auto' else 'machine'} ran out of memory", hint)

"""A failure inside the network, told of the place in the spec that the failing code was written for."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from dlspec.lowering.traceback import LineMap
from dlspec.training.errors import RunError


def located(error: Exception, network: nn.Module, module_file: Path, places: LineMap | None) -> RunError | None:
    """What to tell of an error that came out of the network; None for one that came from elsewhere."""
    if places is None:
        return None
    paths = {id(module): path for path, module in network.named_modules()}
    failure = places.trace(error, str(module_file), lambda found: paths.get(id(found)))
    if failure is None:
        return None
    part = f"`{failure.path}`" if failure.path else "the network"
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    written = " ".join(failure.span.text.split())
    shown = written if len(written) <= 60 else f"{written[:57]}..."
    return RunError(f"{part} failed at {failure.span!r}, `{shown}`", reason)

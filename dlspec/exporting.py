"""A run folder to files that are used without dlspec."""

from __future__ import annotations

from pathlib import Path

from dlspec.checking import Spec
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source

if TYPE_CHECKING:
    from typing import Any

    from dlspec.graph import Graph
    from dlspec.lowering.open_axes import OpenAxis

SIDE = 64
"""Pixels of a side, where it is open."""


def export_run(folder: Path, form: str, out: Path | None = None, *, for_inference: bool = False) -> Any:
    """Export what a run trained; which axes stay open follows from the spec that lies in its folder.

    For inference, of the folded network; beside its weights alone stands the module file that takes them.

    Raises RunError for what a user can change, SpecError where the folder's spec is damaged.
    """
    from dlspec.lowering import lower
    from dlspec.lowering.open_axes import open_axes
    from dlspec.running import checked_plan
    from dlspec.training.errors import UnreadableError
    from dlspec.training.export import export

    path = folder / "spec.dlspec.yaml"
    if not path.is_file():
        raise UnreadableError(f"`{folder}` is not the folder of a run", f"it should hold `{path.name}`")
    spec = Spec(Source(str(path), path.read_text(encoding="utf-8")), path)
    _, _, graph, _ = checked_plan(spec, None, {}, {})
    source = lower(graph, for_inference=True).source if for_inference else None
    return export(folder, form, out, open_axes(graph), source, roomy=open_axes(graph, least=2))


def folding_difference(graph: Graph, source: str) -> float:
    """How far the outputs of a module file for inference are from those of the network for training, in float64.

    On random weights and inputs, with the least open sizes from a few pixels up. Raises RunError where they differ.
    """
    from dlspec.lowering import lower
    from dlspec.lowering.open_axes import open_axes
    from dlspec.training.folded import difference

    inputs = []
    for name, axes in open_axes(graph).items():
        sizes = [axis if isinstance(axis, int) else _least(axis, 2 if place == 0 else SIDE)
                 for place, axis in enumerate(axes)]  # fmt: skip
        inputs.append((sizes, graph.inputs[name].dtype))
    return difference(lower(graph).source, source, inputs)


def _least(axis: OpenAxis, wanted: int) -> int:
    """The least size of an axis that is not below what is wanted, or the largest that it has."""
    size = axis.first + max(0, -(-(wanted - axis.first) // axis.step)) * axis.step
    return size if axis.last is None else min(size, axis.last)

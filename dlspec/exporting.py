"""A run folder to files that are used without dlspec."""

from __future__ import annotations

from pathlib import Path

from dlspec.checking import Spec
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source

if TYPE_CHECKING:
    from typing import Any


def export_run(folder: Path, form: str, out: Path | None = None) -> Any:
    """Export what a run trained; which axes stay open follows from the spec that lies in its folder.

    Raises RunError for what a user can change, SpecError where the folder's spec is damaged.
    """
    from dlspec.lowering.open_axes import open_axes
    from dlspec.running import checked_plan
    from dlspec.training.errors import UnreadableError
    from dlspec.training.export import export

    path = folder / "spec.dlspec.yaml"
    if not path.is_file():
        raise UnreadableError(f"`{folder}` is not the folder of a run", f"it should hold `{path.name}`")
    spec = Spec(Source(str(path), path.read_text(encoding="utf-8")), path)
    _, _, graph, _ = checked_plan(spec, None, {}, {})
    return export(folder, form, out, open_axes(graph))

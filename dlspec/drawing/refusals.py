"""What is said where a picture cannot be drawn: diagnostics like any other."""

from __future__ import annotations

from dlspec.diagnostics.record import Fix, SpecError, problem
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_DRAWN, NOT_WRITTEN = "E0501", "E0502"


def refused(code: str, message: str, notes: Sequence[str] = (), repair: str = "") -> SpecError:
    """The error to raise; `repair` is a sentence for the user to follow."""
    fixes = [Fix(repair, safety="placeholder")] if repair else []
    return SpecError([problem(code, message, notes=[*notes], fixes=fixes)])


def without(library: str, form: str) -> SpecError:
    """A picture in that form is written by a library of the extra `draw`."""
    return refused(
        NOT_DRAWN, f"{form} is written by `{library}`, which is not installed",
        ["SVG, TikZ (`.tex`), Mermaid (`.mmd`) and DOT (`.dot`) need nothing"],
        "install it: `pip install 'dlspec[draw]'`",
    )  # fmt: skip

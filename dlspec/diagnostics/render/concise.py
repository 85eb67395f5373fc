"""One line a problem, which editors and `grep` can read: place, severity, code, message."""

from __future__ import annotations

from collections.abc import Sequence

from dlspec.diagnostics.record import Diagnostic
from dlspec.diagnostics.render.display import shown
from dlspec.diagnostics.render.ink import Ink


def render(diagnostics: Sequence[Diagnostic], *, colour: bool = False) -> str:
    """`file:line:column: error[E0112]: message`, without the place where there is none."""
    ink = Ink(colour)
    return "".join(f"{_line(diagnostic, ink)}\n" for diagnostic in diagnostics)


def _line(diagnostic: Diagnostic, ink: Ink) -> str:
    title = ink(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code}]")
    text = f"{title}: {shown(diagnostic.message)}"
    place = diagnostic.place
    if place is None:
        return text
    return f"{ink('bold', shown(place.source.name))}:{place.line}:{place.column}: {text}"

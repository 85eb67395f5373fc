"""One record for a problem: what is wrong, where, why, and what would repair it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from dlspec.source import Span

Severity = Literal["error", "warning"]
Safety = Literal["safe", "unsafe", "placeholder"]


@dataclass(slots=True)
class Label:
    """Words at a place; the primary label says what, the others why."""

    span: Span
    text: str = ""
    primary: bool = False


@dataclass(slots=True)
class Edit:
    """Replace the text of a span (an empty span inserts)."""

    span: Span
    text: str


@dataclass(slots=True)
class Fix:
    """One change that repairs the problem.

    `safe` keeps the meaning or is clearly intended, `unsafe` changes the model,
    `placeholder` leaves something for the user to fill in.
    """

    message: str
    edits: Sequence[Edit] = ()
    safety: Safety = "unsafe"


@dataclass(slots=True)
class Diagnostic:
    """A problem as data; `diagnostics.render` gives it words on a page."""

    code: str
    message: str
    labels: list[Label] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    fixes: list[Fix] = field(default_factory=list)

    @property
    def severity(self) -> Severity:
        return "warning" if self.code[0] == "W" else "error"

    @property
    def name(self) -> str:
        """The name that reads after "allow": `double-softmax`."""
        from dlspec.diagnostics.codes import CODES

        return CODES[self.code]

    @property
    def primary(self) -> Label | None:
        return next((label for label in self.labels if label.primary), None)


class SpecError(Exception):
    """Raised where nothing more can be said than the diagnostics found so far."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("; ".join(f"{d.code}: {d.message}" for d in diagnostics))
        self.diagnostics = list(diagnostics)


def problem(
    code: str,
    message: str,
    span: Span | None = None,
    label: str = "",
    *,
    also: Sequence[tuple[Span, str]] = (),
    notes: Sequence[str] = (),
    fixes: Sequence[Fix] = (),
) -> Diagnostic:
    """A diagnostic with one primary span and any number of secondary ones."""
    labels = [] if span is None else [Label(span, label, True)]
    labels += [Label(where, text) for where, text in also]
    return Diagnostic(code, message, labels, list(notes), list(fixes))

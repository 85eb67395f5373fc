"""One record for a problem: what is wrong, where, why, and what would repair it."""

from __future__ import annotations

from collections.abc import Sequence

from dlspec.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Severity = Literal["error", "warning"]
    Safety = Literal["safe", "unsafe", "placeholder"]


class _Values:
    """Equality and `repr` by slots; the dataclasses that would give them cost 15 ms to import."""

    __slots__: tuple[str, ...] = ()
    __hash__ = None  # type: ignore[assignment]  # they are mutable

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._facts() == other._facts()

    def __repr__(self) -> str:
        facts = zip(self.__slots__, self._facts(), strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={fact!r}' for name, fact in facts)})"

    def _facts(self) -> list[object]:
        return [getattr(self, name) for name in self.__slots__]


class Label(_Values):
    """Words at a place; the primary label says what, the others why."""

    __slots__ = ("primary", "span", "text")

    def __init__(self, span: Span, text: str = "", primary: bool = False) -> None:
        self.span = span
        self.text = text
        self.primary = primary


class Edit(_Values):
    """Replace the text of a span (an empty span inserts)."""

    __slots__ = ("span", "text")

    def __init__(self, span: Span, text: str) -> None:
        self.span = span
        self.text = text


class Fix(_Values):
    """One change that repairs the problem.

    `safe` keeps the meaning or is clearly intended, `unsafe` changes the model,
    `placeholder` leaves something for the user to fill in.
    """

    __slots__ = ("edits", "message", "safety")

    def __init__(self, message: str, edits: Sequence[Edit] = (), safety: Safety = "unsafe") -> None:
        self.message = message
        self.edits = edits
        self.safety: Safety = safety


class Diagnostic(_Values):
    """A problem as data; `diagnostics.render` gives it words on a page."""

    __slots__ = ("code", "fixes", "labels", "message", "notes")

    def __init__(
        self,
        code: str,
        message: str,
        labels: list[Label] | None = None,
        notes: list[str] | None = None,
        fixes: list[Fix] | None = None,
    ) -> None:
        self.code = code
        self.message = message
        self.labels = [] if labels is None else labels
        self.notes = [] if notes is None else notes
        self.fixes = [] if fixes is None else fixes

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

    @property
    def place(self) -> Span | None:
        """Where the problem is: the primary span, else the first one, else nowhere."""
        label = self.primary or next(iter(self.labels), None)
        return label.span if label else None


class SpecError(Exception):
    """Raised where nothing more can be said than the diagnostics found so far."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("; ".join(f"{d.code}: {d.message}" for d in diagnostics))
        self.diagnostics = list(diagnostics)
        self._notes: list[str] = []

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]  # rendered when it is shown, not when it is raised
        """The diagnostics in full, which a traceback shows under the error."""
        from dlspec.diagnostics.render import render

        if not self._notes:
            self._notes.append(render(self.diagnostics))
        return self._notes


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

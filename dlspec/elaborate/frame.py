"""Where evaluation stands: the names it sees, the scope it labels in, and the uses that led there."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.elaborate.files import FileScope
    from dlspec.graph import Application
    from dlspec.source import Span


class Scope:
    """A place in the tree of modules: its path, and the labels used in it."""

    __slots__ = ("counters", "labels", "path", "position", "round")

    def __init__(self, path: str, round: int = 0) -> None:
        self.path = path
        self.round = round
        """How often the modules below were made before; from the second use on they are found again."""
        self.labels: dict[str, Span] = {}
        self.counters: dict[str, int] = {}
        self.position = 0
        """Steps that its pipeline has made so far."""

    def join(self, label: str) -> str:
        return f"{self.path}.{label}" if self.path else label

    def free(self, name: str) -> str:
        """The name, with a counter where it is taken: `relu`, `relu_1`."""
        if name not in self.labels and name not in self.counters:
            self.counters[name] = 0
            return name
        count = self.counters.get(name, 0) + 1
        while f"{name}_{count}" in self.labels:
            count += 1
        self.counters[name] = count
        return f"{name}_{count}"


class Place:
    """How what is made next is to be called.

    A `label` is written; a `number` is a position in a numbered pipeline; with neither, an operator
    without weights takes its own name and one with weights is asked for a label.
    """

    __slots__ = ("fallback", "label", "number", "span", "takes_position")

    def __init__(
        self,
        label: str | None = None,
        number: int | None = None,
        span: Span | None = None,
        fallback: int | None = None,
    ) -> None:
        self.label = label
        self.number = number
        self.span = span
        self.fallback = fallback
        """A position that is used only for what holds weights."""
        self.takes_position = True
        """Whether it is one step; a repeat and a pipeline in parentheses count their own."""

    def next(self, scope: Scope) -> Place:
        """The place of the next step of a repeat in a scope."""
        if self.number is not None:
            return Place(number=scope.position)
        return Place(fallback=scope.position) if self.fallback is not None else NOWHERE


NOWHERE = Place()


class Frame:
    """The names in sight of one body, and its place among the applications."""

    __slots__ = ("application", "env", "file", "listed", "outer", "scope", "stages", "uses")

    def __init__(
        self,
        file: FileScope,
        application: Application,
        scope: Scope,
        uses: tuple[tuple[Span, str], ...] = (),
        outer: Frame | None = None,
    ) -> None:
        self.file = file
        self.application = application
        self.scope = scope
        self.uses = uses
        self.outer = outer
        self.env: dict[str, Any] = {}
        self.stages: dict[str, Any] = {}
        """Labels of stages, whose outputs they name where no binding does."""
        self.listed: Span | None = None
        """The list of which this makes an item, where it has no label of its own."""

    def find(self, name: str) -> Any:
        """A value by name through the enclosing frames, or KeyError."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.env:
                return frame.env[name]
            if name in frame.stages:
                return frame.stages[name]
            frame = frame.outer
        raise KeyError(name)

    def unlabelled_list(self) -> Span | None:
        """The list without a label that is made here, innermost first, as long as labels go into the same scope."""
        frame: Frame | None = self
        while frame is not None and frame.scope is self.scope:
            if frame.listed is not None:
                return frame.listed
            frame = frame.outer
        return None

    def has(self, name: str) -> bool:
        """Whether a name is in sight here."""
        return name in self.env or name in self.stages or (self.outer is not None and self.outer.has(name))

    def names(self) -> list[str]:
        """Every name in sight."""
        frame: Frame | None = self
        found: list[str] = []
        while frame is not None:
            found += [*frame.env, *frame.stages]
            frame = frame.outer
        return found

"""One version of an open spec, with all that is known of it; each thing is worked out once, when it is asked for."""

from __future__ import annotations

from pathlib import Path

from dlspec.checking import Spec, check_spec
from dlspec.diagnostics.record import SpecError
from dlspec.editor.calls import reached_arguments
from dlspec.editor.names import FileNames, NameIndex
from dlspec.editor.positions import Positions
from dlspec.elaborate.named import names, parts
from dlspec.elaborate.run import Spent
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from dlspec.analyses.summary import Summary
    from dlspec.diagnostics.record import Diagnostic
    from dlspec.editor.names import Occurrence
    from dlspec.editor.positions import Encoding
    from dlspec.editor.stages import Stage
    from dlspec.graph import Graph

    Made = tuple[Graph | None, list[Diagnostic]]


ROOM = 50_000
"""Nodes that the networks of a file may have in an editor, which must answer while someone types."""


class OpenSpec(Spec):
    """A spec whose networks are made once each, within `ROOM`."""

    def __init__(self, source: Source, path: Path | None, opened: Mapping[Path, str]) -> None:
        super().__init__(source, path, opened=opened)
        self._made: dict[str, Made] = {}
        self._spent = Spent(ROOM)

    def make(self, network: str | None = None, **given: Any) -> Made:
        if any(given.get(name) for name in ("settings", "inputs", "application")):
            return super().make(network, **given)
        name = network if network is not None else self.default_network()
        if name not in self._made:
            self._made[name] = super().make(name, spent=self._spent)
            for problem in self._made[name][1]:
                if f"{ROOM:,} nodes" in problem.message:
                    problem.notes.append("an editor makes no more of it; `dlspec check` does")
        return self._made[name]


class Document:
    """A text with its version; `opened` has the texts of other files as the editor holds them."""

    def __init__(
        self, uri: str, text: str, version: int | None, path: Path | None, *,
        opened: Mapping[Path, str] | None = None, encoding: Encoding = "utf-16", shown: str = "",
    ) -> None:  # fmt: skip
        self.uri = uri
        self.version = version
        self.path = path
        self.source = Source(shown or (path.name if path is not None else uri), text)
        self.encoding = encoding
        self.positions = Positions(self.source, encoding)
        self.spec = OpenSpec(self.source, path, opened or {})
        self._drafts: dict[str, Graph | None] = {}
        self._summaries: dict[str, Summary] = {}
        self._facts: dict[str, Summary] = {}
        self._problems: list[Diagnostic] | None = None
        self._index: NameIndex | None = None
        self._reached: list[Occurrence] | None = None
        self._stages: list[Stage] | None = None

    @property
    def text(self) -> str:
        return self.source.text

    @property
    def tree(self) -> tree.File:
        return self.spec.scope.tree

    @property
    def read(self) -> set[str]:
        """The files that it is made of, its own among them, as a mention names them."""
        return {str(scope.path or scope.source.name) for scope in self.spec.files.scopes.values()}

    def word_at(self, offset: int) -> str:
        """The word that holds an offset or ends there; empty between others."""
        start = end = offset
        while start and _is_of_word(self.text[start - 1]):
            start -= 1
        while end < len(self.text) and _is_of_word(self.text[end]):
            end += 1
        return self.text[start:end]

    @property
    def is_broken(self) -> bool:
        """Whether anything of the text could not be read."""
        if not self.spec.files.problems:
            return False
        return any(isinstance(part, tree.Broken) for part in parts(self.tree))

    @property
    def problems(self) -> list[Diagnostic]:
        """Everything that `dlspec check` says of it."""
        if self._problems is None:
            try:
                self._problems = check_spec(self.spec)
            except SpecError as error:
                self._problems = error.diagnostics
        return self._problems

    @property
    def index(self) -> NameIndex:
        """The names of this file and of those that it imports."""
        if self._index is None:
            self._index = NameIndex()
        return self._index

    @property
    def names(self) -> FileNames:
        """The names of this file."""
        return self.index.of(self.spec.scope)

    @property
    def reached(self) -> list[Occurrence]:
        """Names of arguments in calls of what stands for a block, with the parameters that they reach."""
        if self._reached is None:
            self._reached = reached_arguments(self)
        return self._reached

    @property
    def stages(self) -> list[Stage]:
        """The stages of this file as written, with what the networks made of them."""
        if self._stages is None:
            from dlspec.editor.stages import stages

            self._stages = stages(self)
        return self._stages

    def graph(self, network: str) -> Graph | None:
        """A network as far as it can be made; None where nothing of it can."""
        if network not in self._drafts:
            try:
                made, problems = self.spec.make(network)
                is_too_large = any(problem.code == "E0209" for problem in problems)
                self._drafts[network] = made if made is not None or is_too_large else self.spec.draft(network)
            except SpecError:
                self._drafts[network] = None
        return self._drafts[network]

    def summary(self, network: str) -> Summary | None:
        """What a network costs and sees; None where it cannot be made whole."""
        from dlspec.analyses.summary import summarize

        try:
            graph, _ = self.spec.make(network)
        except SpecError:
            return None
        if graph is None:
            return None
        if network not in self._summaries:
            self._summaries[network] = summarize(graph)
        return self._summaries[network]

    def facts(self, network: str) -> Summary | None:
        """What is known of a network as far as it can be made."""
        from dlspec.analyses.summary import summarize

        whole = self.summary(network)
        draft = self.graph(network)
        if whole is not None or draft is None:
            return whole
        if network not in self._facts:
            self._facts[network] = summarize(draft)
        return self._facts[network]

    def shown_networks(self) -> Iterator[str]:
        """The networks that together use every block which any uses: the last first, as `dlspec` takes it by default.

        A family such as ResNet has five networks of the same blocks, of which one or two show all there is to see.
        """
        items = [item for item in self.tree.items if isinstance(item, tree.Definition | tree.Constant)]
        uses = {item.name: names(item) for item in items}
        bodies = {item.name for item in items if isinstance(item, tree.Block | tree.Network)}
        seen: set[str] = set()
        for network in reversed(self.spec.networks):
            used = _closure(network, uses) & bodies
            if not used <= seen:
                seen |= used
                yield network

    def other(self, source: Source) -> Path | None:
        """The path of another file that this one reads, by its source."""
        return next((scope.path for scope in self.spec.files.scopes.values() if scope.source is source), None)


def _is_of_word(letter: str) -> bool:
    return letter == "_" or (letter.isascii() and letter.isalnum())


def _closure(name: str, uses: dict[str, set[str]]) -> set[str]:
    """A definition and all that it names, directly or not, of what the file defines."""
    found: set[str] = set()
    stack = [name]
    while stack:
        one = stack.pop()
        if one not in found:
            found.add(one)
            stack += uses.get(one, set()) & uses.keys()
    return found

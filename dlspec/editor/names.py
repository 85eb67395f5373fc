"""Who is meant by a name: every definition of a file, and every place that names one, across files.

The elaborator finds out by evaluating; here nothing is evaluated, so that a name is known in a block that nobody uses,
and in both sides of an `if`. What only evaluation knows (the parts of a record, which block a parameter stands
for) is asked of the graph where it is needed, by `editor.calls`.
"""

from __future__ import annotations

from functools import cached_property

from dlspec.editor.flows import Flows
from dlspec.elaborate.named import parts
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.elaborate.files import FileScope
    from dlspec.source import Span


class Symbol:
    """Something that has a name: where it is defined, and of what kind it is."""

    __slots__ = ("file", "kind", "name", "node", "owner", "span")

    def __init__(self, kind: str, name: str, span: Span, node: Any, file: FileScope, owner: Symbol | None) -> None:
        self.kind = kind
        """`block`, `network`, `foreign`, `constant`, `plan`, `parameter`, `input`, `output`, `value`, `label`,
        `module`, `learned`, `loop` or `size`."""
        self.name = name
        self.span = span
        self.node = node
        """The part of the tree that defines it."""
        self.owner = owner
        """The block or network that it lies in."""
        self.file = file

    @property
    def key(self) -> tuple[str, int, str]:
        """The same for one definition that was read twice, for two files that import it."""
        return str(self.file.path or self.file.source.name), self.span.start, self.kind

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name} at {self.span!r}>"


class Occurrence:
    """A place that names a symbol; `short` in a record, `{c2}`, where the name is that of the field too."""

    __slots__ = ("defines", "short", "span", "symbol")

    def __init__(self, span: Span, symbol: Symbol, defines: bool = False, short: bool = False) -> None:
        self.span = span
        self.symbol = symbol
        self.defines = defines
        self.short = short


class Body:
    """The names of one block or network that can be asked of outside: parameters, inputs, outputs, labels."""

    def __init__(self, symbol: Symbol) -> None:
        self.symbol = symbol
        self.parameters: dict[str, Symbol] = {}
        self.inputs: dict[str, Symbol] = {}
        self.outputs: dict[str, Symbol] = {}
        self.labels: dict[str, Symbol] = {}


class FileNames:
    """The names of one file."""

    def __init__(self, scope: FileScope) -> None:
        self.scope = scope
        self.symbols: dict[str, Symbol] = {}
        """What its top level defines or imports; an import is the symbol of where it comes from."""
        self.plans: dict[str, Symbol] = {}
        self.bodies: dict[int, Body] = {}
        """By the `id` of the block, network or foreign module of the tree."""
        self.occurrences: list[Occurrence] = []
        self.open_arguments: list[tuple[Span, str, tree.Call]] = []
        """Names of arguments in calls of what has no definition at hand, as in `unit(width, stride=2)`."""
        self._named: dict[str, list[Occurrence]] = {}
        self._known: set[tuple[int, int, int]] = set()
        self.operator_arguments: list[Span] = []
        """Names of arguments of operators, which nothing renames."""

    @property
    def is_read(self) -> bool:
        """Whether every statement of the file could be read."""
        return not self._parts_of_interest[0]

    @property
    def has_computed_labels(self) -> bool:
        """Whether a label of the file is computed, as `layer_{i}` is."""
        return self._parts_of_interest[1]

    @cached_property
    def _parts_of_interest(self) -> tuple[bool, bool]:
        is_broken = has_computed = False
        for part in parts(self.scope.tree):
            is_broken = is_broken or isinstance(part, tree.Broken)
            has_computed = has_computed or (isinstance(part, tree.Labelled) and part.label.plain is None)
        return is_broken, has_computed

    def named(self, name: str) -> list[Occurrence]:
        """The occurrences of all that has a name."""
        if not self._named:
            for one in self.occurrences:
                self._named.setdefault(one.symbol.name, []).append(one)
        return self._named.get(name, [])

    def at(self, offset: int) -> Occurrence | None:
        """The narrowest occurrence that holds an offset, or ends there."""
        found = [one for one in self.occurrences if one.span.start <= offset <= one.span.end]
        return min(found, key=lambda one: one.span.end - one.span.start, default=None)

    def add(self, span: Span | None, symbol: Symbol, *, defines: bool = False, short: bool = False) -> None:
        """Note that a symbol is named somewhere; a place that is not plain to see is left out."""
        if span is None or span.text != symbol.name:
            return
        place = (span.start, span.end, id(symbol))
        if place not in self._known:
            self._known.add(place)
            self.occurrences.append(Occurrence(span, symbol, defines, short))


class NameIndex:
    """The names of files that import each other, each file looked through once."""

    def __init__(self) -> None:
        self._files: dict[int, FileNames] = {}
        self.flows = Flows()

    def of(self, scope: FileScope) -> FileNames:
        """The names of a file."""
        if id(scope) not in self._files:
            from dlspec.editor.name_walk import Walk

            self._files[id(scope)] = names = FileNames(scope)
            Walk(self, names).file()
        return self._files[id(scope)]

    def files(self) -> list[FileNames]:
        """Those looked through so far."""
        return list(self._files.values())

    def body(self, symbol: Symbol | None) -> Body | None:
        """The names of a block or network; of one that stands for another, those of the other."""
        for _ in range(64):
            if symbol is None:
                return None
            for file in self._files.values():
                if id(symbol.node) in file.bodies:
                    return file.bodies[id(symbol.node)]
            if not isinstance(symbol.node, tree.Alias):
                return None
            home = next((file for file in self._files.values() if symbol.node in file.scope.tree.items), None)
            value = symbol.node.value
            function = value.function if isinstance(value, tree.Call) else value
            symbol = home.symbols.get(function.name) if home and isinstance(function, tree.Name) else None
        return None

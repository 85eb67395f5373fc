"""One file out of many: every definition that a network needs, imports taken in, names kept apart."""

from __future__ import annotations

from dlspec.elaborate.files import FileScope
from dlspec.elaborate.unused import names
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

_Key = tuple[int, str]


def gathered(scope: FileScope, network: str) -> tuple[list[tree.Statement], str]:
    """The definitions behind a network, in an order that reads from parts to whole, and the network's name among them.

    Nothing is imported any more. Where two files use one name for two things, the later one met gets a number.
    """
    gathering = _Gathering()
    name = gathering.visit(scope, network)
    return gathering.items, name


class _Gathering:
    def __init__(self) -> None:
        self.items: list[tree.Statement] = []
        self.names: dict[_Key, str] = {}
        self.taken: set[str] = set()

    def visit(self, scope: FileScope, name: str) -> str:
        """Take in what a file means by a name; the name it has in the result."""
        found = scope.names[name]
        if isinstance(found, tuple):
            return self.visit(*found)
        key = (id(scope), name)
        if key in self.names:
            return self.names[key]
        item = next(
            i for i in scope.tree.items if getattr(i, "name", None) == name and not isinstance(i, tree.Plan)
        )
        new = self._free(name)
        self.names[key] = new
        used = sorted(n for n in names(item) if n in scope.names and n != name)
        renamed = {n: self.visit(scope, n) for n in used}
        renamed[name] = new
        self.items.append(_renamed(item, {old: now for old, now in renamed.items() if old != now}, new))
        return new

    def _free(self, name: str) -> str:
        new, count = name, 1
        while new in self.taken:
            count += 1
            new = f"{name}_{count}"
        self.taken.add(new)
        return new


def _renamed(item: tree.Statement, mapping: dict[str, str], name: str) -> tree.Statement:
    """The definition under its new name, with what it refers to under theirs; its own parameters stay."""
    own = {param.name for param in getattr(item, "params", ())}
    made = _rewritten(item, {old: now for old, now in mapping.items() if old not in own})
    made.name = name
    return made


def _rewritten(part: Any, mapping: dict[str, str]) -> Any:
    if isinstance(part, tree.Name):
        return tree.Name(part.span, mapping.get(part.name, part.name))
    if isinstance(part, tree.Node):
        return type(part)(*(_rewritten(getattr(part, field), mapping) for field in part._fields))
    if isinstance(part, tuple):
        return tuple(_rewritten(item, mapping) for item in part)
    return part

"""One file out of many: every definition that a network needs, imports taken in, names kept apart."""

from __future__ import annotations

from dlspec.elaborate.files import FileScope
from dlspec.elaborate.named import names
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

_Key = tuple[int, str]


def gathered(scope: FileScope, wanted: list[str]) -> list[tree.Statement]:
    """The definitions behind names of a file, in an order that reads from parts to whole.

    Nothing is imported any more. The names asked for stay; where another file uses one of them, or two files use
    one name for two things, the later one met gets a number.
    """
    gathering = _Gathering(scope, wanted)
    for name in wanted:
        gathering.visit(scope, name)
    return gathering.items


class _Gathering:
    def __init__(self, scope: FileScope, wanted: list[str]) -> None:
        self.items: list[tree.Statement] = []
        self.names: dict[_Key, str] = {}
        self.kept = {_origin(scope, name): name for name in wanted}
        self.taken = set(wanted)

    def visit(self, scope: FileScope, name: str) -> str:
        """Take in what a file means by a name; the name it has in the result."""
        found = scope.names[name]
        if isinstance(found, tuple):
            return self.visit(*found)
        key = _origin(scope, name)
        if key in self.names:
            return self.names[key]
        item = next(i for i in scope.tree.items if getattr(i, "name", None) == name and not isinstance(i, tree.Plan))
        new = self.kept.get(key) or self._free(name)
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


def _origin(scope: FileScope, name: str) -> _Key:
    """Where a name is defined, through imports."""
    found = scope.names[name]
    return _origin(*found) if isinstance(found, tuple) else (id(scope), name)


def _renamed(item: tree.Statement, mapping: dict[str, str], name: str) -> tree.Statement:
    """The definition under its new name, with what it refers to under theirs; its own parameters stay."""
    own = {param.name for param in getattr(item, "params", ())}
    made: tree.Statement = _rewritten(item, {old: now for old, now in mapping.items() if old not in own})
    made.name = name  # type: ignore[attr-defined]  # a definition
    return made


def _rewritten(part: Any, mapping: dict[str, str]) -> Any:
    if isinstance(part, tree.Name):
        return tree.Name(part.span, mapping.get(part.name, part.name))
    if isinstance(part, tree.Node):
        return type(part)(*(_rewritten(getattr(part, field), mapping) for field in part._fields))
    if isinstance(part, tuple):
        return tuple(_rewritten(item, mapping) for item in part)
    return part

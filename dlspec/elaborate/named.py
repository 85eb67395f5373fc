"""What occurs in a part of the tree: its nodes, and the names that it asks for."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def names(node: Any) -> set[str]:
    """Every name that occurs in a part of the tree."""
    found = set()
    for part in parts(node):
        if isinstance(part, tree.Name) or (isinstance(part, tree.Output) and part.value is None):
            found.add(part.name)
    return found


def parts(node: Any) -> Iterator[tree.Node]:
    """A node and all that is below it."""
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, tree.Node):
            yield part
            stack += [getattr(part, field) for field in part._fields]
        elif isinstance(part, tuple):
            stack += part

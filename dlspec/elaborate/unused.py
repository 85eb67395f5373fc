"""What a file defines or imports and never uses."""

from __future__ import annotations

from dlspec.diagnostics.record import Diagnostic, problem
from dlspec.elaborate.files import FileScope
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def unused_definitions(scope: FileScope) -> list[Diagnostic]:
    """Blocks and imports that nothing in the file names; a file of blocks alone is a library, and says nothing."""
    items = scope.tree.items
    if scope.broken or not any(isinstance(item, (tree.Network, tree.Alias)) for item in items):
        return []
    found = []
    for item in items:
        if isinstance(item, tree.Block) and not _named(item.name, items, item):
            found.append(problem("W0401", f"the block `{item.name}` is never used", item.name_span, "defined here"))
        elif isinstance(item, tree.Import):
            found += [
                problem("W0403", f"`{name}` is imported and never used", span, "imported here")
                for name, span in item.names
                if not _named(name, items, item)
            ]
        if isinstance(item, (tree.Block, tree.Network)):
            found += _unused_parameters(item)
    return found


def _named(name: str, items: tuple[tree.Statement, ...], but: tree.Statement) -> bool:
    return any(name in names(item) for item in items if item is not but)


def _unused_parameters(definition: tree.Block | tree.Network) -> list[Diagnostic]:
    used = set().union(
        *(names(s) for s in definition.body), *(names(p.default) for p in definition.params if p.default)
    )
    if any(isinstance(statement, tree.Broken) for statement in definition.body):
        return []
    return [
        problem(
            "W0414",
            f"the parameter `{param.name}` of `{definition.name}` is never used",
            param.span,
            "not used in the body",
        )
        for param in definition.params
        if param.name not in used
    ]


def names(node: Any) -> set[str]:
    """Every name that occurs in a part of the tree."""
    return set(_walk(node))


def _walk(node: Any) -> Iterator[str]:
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, tree.Name):
            yield part.name
        elif isinstance(part, tree.Node):
            if isinstance(part, tree.Output) and part.value is None:
                yield part.name
            stack += [getattr(part, field) for field in part._fields]
        elif isinstance(part, tuple):
            stack += part

"""What a file defines or imports and never uses."""

from __future__ import annotations

from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.elaborate.files import FileScope
from dlspec.elaborate.named import names, parts
from dlspec.elaborate.parts import TENSOR_FACTS
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def unused_definitions(scope: FileScope, meant: frozenset[str] = frozenset()) -> list[Diagnostic]:
    """Blocks and imports that nothing in the file names; a file of blocks alone is a library, and says nothing.

    What a misspelt name was `meant` to be counts as named.
    """
    items = scope.tree.items
    if scope.broken or not any(isinstance(item, (tree.Network, tree.Alias)) for item in items):
        return []
    found = []
    unread = any(isinstance(part, tree.Broken) for item in items for part in parts(item))
    for item in items:
        if unread or getattr(item, "name", "") in meant:
            pass  # what could not be read may use anything
        elif isinstance(item, tree.Block) and not _named(item.name, items, item):
            found.append(problem("W0401", f"the block `{item.name}` is never used", item.name_span, "defined here"))
        elif isinstance(item, tree.Import):
            found += [
                problem("W0403", f"`{name}` is imported and never used", span, "imported here")
                for name, span in item.names
                if name not in meant and not _named(name, items, item)
            ]
        if isinstance(item, (tree.Block, tree.Network)):
            found += _unused_parameters(item, meant)
            found += _unused_in_body(item, meant)
    return found


def _named(name: str, items: tuple[tree.Statement, ...], but: tree.Statement) -> bool:
    return any(name in names(item) for item in items if item is not but)


def _unused_parameters(definition: tree.Block | tree.Network, meant: frozenset[str]) -> list[Diagnostic]:
    used = set(meant).union(
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


def _unused_in_body(definition: tree.Block | tree.Network, meant: frozenset[str]) -> list[Diagnostic]:
    """Shared modules that nothing applies, and numbers, lists and texts that nothing reads.

    A value of tensors that nothing reads has nodes, and is told by these.
    """
    if any(isinstance(statement, tree.Broken) for statement in definition.body):
        return []
    used = set(meant).union(*(names(statement) for statement in definition.body))
    known = {param.name for param in definition.params} if isinstance(definition, tree.Network) else set()
    found: list[tuple[tree.Statement, str, str]] = []
    for statement in _statements(definition.body):
        if isinstance(statement, tree.Module) and statement.name not in used:
            found.append((statement, f"the module `{statement.name}` is never applied", "nothing applies this"))
        elif isinstance(statement, tree.Assign) and _is_plain(statement.value, known):
            known.update(statement.targets)
            if not used.intersection(statement.targets):
                words = " and ".join(f"`{name}`" for name in statement.targets)
                found.append((statement, f"the value {words} is never used", "nothing reads this"))
    return [
        problem("W0402", message, statement.span, label,
                fixes=[Fix("use it in what follows, or take it out", safety="placeholder")])
        for statement, message, label in found
    ]  # fmt: skip


def _statements(body: tuple[Any, ...]) -> Iterator[Any]:
    for statement in body:
        yield statement
        if isinstance(statement, (tree.If, tree.For)):
            yield from _statements(statement.body)
        if isinstance(statement, tree.If):
            yield from _statements(statement.orelse)


PLAIN = (tree.Literal, tree.ListExpr, tree.RecordExpr, tree.Binary, tree.Unary, tree.IfExpr)


def _is_plain(expr: Any, known: set[str]) -> bool:
    """Whether an expression is sure to hold no tensor: of literals and of names that are known to hold none."""
    if isinstance(expr, tree.Name):
        return expr.name in known
    if isinstance(expr, tree.Attribute):
        return isinstance(expr.value, tree.Name) and expr.name in TENSOR_FACTS
    if isinstance(expr, tuple):
        return all(_is_plain(part, known) for part in expr)
    if isinstance(expr, tree.Node):
        return isinstance(expr, PLAIN) and all(_is_plain(getattr(expr, field), known) for field in expr._fields)
    return True

"""Which parameters an argument reaches where only evaluation knows: in `unit(width, stride=2)`, `unit` a parameter.

Two blocks that one call may use share the name of the argument, so both parameters are one for a rename.
"""

from __future__ import annotations

from dlspec.editor.names import Occurrence
from dlspec.graph import Application
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.editor.document import Document
    from dlspec.editor.names import Body, NameIndex, Symbol
    from dlspec.elaborate.files import FileScope

Place = tuple[str, int, int]
"""The file of a call, and where it starts and ends."""


def evaluated_arguments(document: Document) -> list[Occurrence]:
    """Names of arguments in calls of parameters, each with every parameter that some network made it reach."""
    opened = [found for file in _files(document) for found in document.index.of(file).open_arguments]
    if not opened:
        return []
    reached = _reached(document)
    found = []
    for span, name, call in opened:
        for symbol in reached.get(_place(call), {}).values():
            body = document.index.body(symbol)
            parameter = body.parameters.get(name) if body is not None else None
            if parameter is not None:
                found.append(Occurrence(span, parameter))
    return found


def _files(document: Document) -> list[FileScope]:
    return list(document.spec.files.scopes.values())


def _reached(document: Document) -> dict[Place, dict[tuple[str, int, str], Symbol]]:
    """For each call as written the blocks that the networks of the file used for it."""
    definitions = {id(body.symbol.node): body.symbol for body in _bodies(document.index)}
    found: dict[Place, dict[tuple[str, int, str], Symbol]] = {}
    for network in document.spec.networks:
        graph = document.graph(network)
        for use in _applications(graph.root) if graph is not None else ():
            symbol = definitions.get(id(use.definition))
            if symbol is not None and isinstance(use.call, tree.Call):
                found.setdefault(_place(use.call), {})[symbol.key] = symbol
    return found


def _bodies(index: NameIndex) -> Iterator[Body]:
    for file in index.files():
        yield from file.bodies.values()


def _place(call: tree.Call) -> Place:
    return call.span.source.name, call.span.start, call.span.end


def _applications(part: Application) -> Iterator[Application]:
    for step in part.steps:
        if isinstance(step, Application):
            yield step
            yield from _applications(step)

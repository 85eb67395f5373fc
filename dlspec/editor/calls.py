"""Which parameters an argument reaches in a call of a name that is given a block: `unit(width, stride=2)`.

Two blocks that one call may use share the name of the argument, so both parameters are one for a rename.
"""

from __future__ import annotations

from dlspec.editor.names import Occurrence
from dlspec.graph import Application
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dlspec.editor.document import Document
    from dlspec.editor.names import Body, NameIndex, Symbol
    from dlspec.elaborate.files import FileScope
    from dlspec.source import Span

Place = tuple[str, int, int]
"""The file of a call, and where it starts and ends."""


def reached_arguments(document: Document) -> list[Occurrence]:
    """Names of arguments in calls of parameters, each with every parameter that it may reach.

    Followed by names; only where a block comes out of a list or a record the networks are asked.
    """
    files = [document.index.of(file) for file in document.spec.files.scopes.values()]
    found = []
    for span, name, call in [one for file in files for one in file.open_arguments]:
        reached = document.index.flows.reach(call, document.index)
        if reached is None:
            return evaluated_arguments(document)
        found += _occurrences(document, span, name, reached)
    return found


def evaluated_arguments(document: Document) -> list[Occurrence]:
    """The same with the parameters that some network of the file made a call reach."""
    opened = [found for file in _files(document) for found in document.index.of(file).open_arguments]
    reached = _reached(document)
    found = []
    for span, name, call in opened:
        found += _occurrences(document, span, name, reached.get(_place(call), {}).values())
    return found


def _occurrences(document: Document, span: Span, name: str, symbols: Iterable[Symbol]) -> list[Occurrence]:
    bodies = [document.index.body(symbol) for symbol in symbols]
    return [Occurrence(span, body.parameters[name]) for body in bodies if body is not None and name in body.parameters]


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

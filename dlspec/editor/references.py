"""Every place that names what is named here: in the file, in those that it imports, in those that import it."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.editor.definition import located
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlspec.editor.document import Document
    from dlspec.editor.names import Occurrence, Symbol
    from dlspec.elaborate.files import FileScope

    Key = tuple[str, int, str]


class Mention:
    """A place that names a symbol, with the file that it stands in."""

    __slots__ = ("document", "file", "occurrence")

    def __init__(self, document: Document, file: FileScope, occurrence: Occurrence) -> None:
        self.document = document
        self.file = file
        self.occurrence = occurrence

    @property
    def place(self) -> tuple[str, int]:
        return str(self.file.path or self.file.source.name), self.occurrence.span.start


def mentions(symbol: Symbol, documents: Iterable[Document]) -> list[Mention]:
    """Every mention of a symbol in some documents and in what they import, each once.

    Parameters that one call reaches at once are mentioned together; they share the name.
    """
    every = [mention for document in documents for mention in _named(document, symbol.name)]
    keys = _linked(symbol.key, every)
    found = {mention.place: mention for mention in every if mention.occurrence.symbol.key in keys}
    return [found[place] for place in sorted(found)]


def _named(document: Document, name: str) -> list[Mention]:
    """The mentions in a document, and in what it imports, of all that has a name."""
    scopes = list(document.spec.files.scopes.values())
    found = [Mention(document, file, one) for file in scopes for one in document.index.of(file).named(name)]
    by_source = {id(file.source): file for file in scopes}
    return found + [
        Mention(document, by_source[id(one.span.source)], one)
        for one in document.reached
        if one.symbol.name == name and id(one.span.source) in by_source
    ]


def _linked(key: Key, every: list[Mention]) -> set[Key]:
    """The symbols that share a place with a symbol, directly or not."""
    at: dict[tuple[str, int], set[Key]] = {}
    for mention in every:
        at.setdefault(mention.place, set()).add(mention.occurrence.symbol.key)
    found, shared = {key}, [keys for keys in at.values() if len(keys) > 1]
    while more := {one for keys in shared if keys & found for one in keys} - found:
        found |= more
    return found


def references(
    document: Document, offset: int, documents: Iterable[Document], *, declaration: bool
) -> list[lsp.Location]:
    """The mentions of what stands at an offset; its definition too where that is asked for."""
    here = symbol_at(document, offset)
    if here is None:
        return []
    return [
        located(mention.document, mention.file, mention.occurrence.span)
        for mention in mentions(here, documents)
        if declaration or not mention.occurrence.defines
    ]


def symbol_at(document: Document, offset: int) -> Symbol | None:
    """What is named at an offset, by the tree or by where a call reaches."""
    found = document.names.at(offset)
    if found is not None:
        return found.symbol
    for one in document.reached:
        if one.span.source is document.source and one.span.start <= offset <= one.span.end:
            return one.symbol
    return None

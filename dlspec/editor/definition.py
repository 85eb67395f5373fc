"""Where what is named at a place is defined, in this file or another."""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types as lsp

from dlspec.editor.positions import Positions
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from dlspec.editor.document import Document
    from dlspec.elaborate.files import FileScope
    from dlspec.source import Span


def definition(document: Document, offset: int) -> lsp.Location | None:
    """The definition of the name at an offset; of an import's path the file."""
    found = document.names.at(offset)
    if found is not None:
        return located(document, found.symbol.file, found.symbol.span)
    imported = imported_at(document, offset)
    return None if imported is None else located(document, imported, imported.source.span(0, 0))


def imported_at(document: Document, offset: int) -> FileScope | None:
    """The file that an import names, if its path stands at an offset."""
    for item in document.tree.items:
        if isinstance(item, tree.Import) and item.path_span.start <= offset <= item.path_span.end:
            for name, _ in item.names:
                found = document.spec.scope.names.get(name)
                if isinstance(found, tuple):
                    scope: FileScope = found[0]
                    return scope
    return None


def located(document: Document, file: FileScope, span: Span) -> lsp.Location:
    """A span of a file as an editor names it."""
    if span.source is document.source:
        return lsp.Location(document.uri, document.positions.of(span))
    uri = (file.path or Path(file.source.name)).resolve().as_uri()
    return lsp.Location(uri, Positions(span.source, document.encoding).of(span))

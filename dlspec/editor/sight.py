"""The names in sight of a cursor, also where the text around it cannot be read."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from dlspec.editor.document import Document
    from dlspec.editor.names import Body, Symbol


class Sight:
    """What the definition around an offset and the file know by name; of a broken text its last version too."""

    def __init__(self, document: Document, offset: int, readable: Document | None = None) -> None:
        self.document = document
        self.offset = offset
        self.readable = readable
        self.owner = _definition_at(document, offset)

    def body(self, name: str) -> Body | None:
        """The parameters and parts of a block or network of the file, by its name."""
        for document in (self.document, self.readable):
            if document is not None and (found := document.index.body(document.names.symbols.get(name))) is not None:
                return found
        return None

    def inner(self) -> list[Symbol]:
        """The names of the definition around the cursor, each once, the nearest above the cursor first."""
        found: dict[str, Symbol] = {}
        for document in (self.document, self.readable):
            if document is None:
                continue
            own = [
                one.symbol for one in document.names.occurrences
                if one.defines and one.symbol.owner is not None and one.symbol.owner.name == self.owner
            ]  # fmt: skip
            for symbol in own:
                found.setdefault(symbol.name, symbol)
        return sorted(found.values(), key=lambda symbol: (symbol.span.start > self.offset, -symbol.span.start))

    def outer(self) -> list[Symbol]:
        """The names of the file, without the definition that the cursor is in."""
        found = dict(self.document.names.symbols)
        if self.readable is not None:
            found = self.readable.names.symbols | found
        return [symbol for name, symbol in found.items() if name != self.owner]

    def tensors(self) -> list[Symbol]:
        """The outputs of the networks of the file, which a plan's losses and metrics name."""
        bodies = [self.document.index.body(symbol) for symbol in self.outer() if symbol.kind == "network"]
        found = {name: symbol for body in bodies if body is not None for name, symbol in body.outputs.items()}
        return list(found.values())


def _definition_at(document: Document, offset: int) -> str:
    """The name of the block or network around an offset: the last that begins before it."""
    name = ""
    for item in document.tree.items:
        if item.span.start > offset:
            break
        if isinstance(item, tree.Definition):
            name = item.name
    return name

"""The outline of a file: blocks, networks and plans, with their inputs, labels and outputs below them."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from dlspec.editor.document import Document
    from dlspec.editor.names import Symbol

KINDS = {
    "block": lsp.SymbolKind.Function, "network": lsp.SymbolKind.Class, "foreign": lsp.SymbolKind.Interface,
    "constant": lsp.SymbolKind.Constant, "plan": lsp.SymbolKind.Event, "parameter": lsp.SymbolKind.TypeParameter,
    "input": lsp.SymbolKind.Property, "output": lsp.SymbolKind.Property, "value": lsp.SymbolKind.Variable,
    "label": lsp.SymbolKind.Field, "module": lsp.SymbolKind.Object, "learned": lsp.SymbolKind.Array,
}  # fmt: skip


def document_symbols(document: Document) -> list[lsp.DocumentSymbol]:
    """What the file defines, in order."""
    names = document.names
    defined = [one.symbol for one in names.occurrences if one.defines and one.symbol.kind in KINDS]
    tops = [symbol for symbol in defined if symbol.owner is None]
    return [_symbol(document, top, [one for one in defined if one.owner is top]) for top in tops]


def _symbol(document: Document, symbol: Symbol, below: list[Symbol]) -> lsp.DocumentSymbol:
    whole = symbol.node.span
    if not (whole.source is document.source and whole.start <= symbol.span.start and symbol.span.end <= whole.end):
        whole = symbol.span
    return lsp.DocumentSymbol(
        name=symbol.name, kind=KINDS[symbol.kind], detail=detail(symbol),
        range=document.positions.of(whole), selection_range=document.positions.of(symbol.span),
        children=[_symbol(document, one, []) for one in below],
    )  # fmt: skip


def detail(symbol: Symbol) -> str:
    """What stands behind a name in the outline: parameters, a type, a value."""
    match symbol.node:
        case tree.Block(params=params) | tree.Network(params=params) | tree.Foreign(params=params):
            return f"({', '.join(param.span.text for param in params)})" if params else ""
        case tree.Alias(value=value):
            return f"= {one_line(value.span.text)}"
        case tree.Input(type=declared):
            return one_line(declared.span.text)
        case tree.Constant(value=value):
            return f"= {one_line(value.span.text)}"
        case tree.Labelled(value=value):
            return one_line(value.span.text)
    return ""


def one_line(text: str, width: int = 60) -> str:
    """A text without its line ends, cut where it is long."""
    short = " ".join(text.split())
    return short if len(short) <= width else f"{short[: width - 1]}…"

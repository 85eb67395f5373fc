"""One thing that a completion offers."""

from __future__ import annotations

from lsprotocol import types as lsp

KIND = lsp.CompletionItemKind


def offered(
    label: str, kind: lsp.CompletionItemKind, detail: str = "", text: str = "", about: str = ""
) -> lsp.CompletionItem:
    """An item with its kind, what stands beside it, what is put in, and Markdown about it."""
    return lsp.CompletionItem(
        label=label, kind=kind, detail=detail or None, insert_text=text or None,
        documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, about) if about else None,
    )  # fmt: skip


def snippet(item: lsp.CompletionItem, text: str, *, snippets: bool) -> lsp.CompletionItem:
    """The item with places to fill in, where the editor takes them."""
    if snippets:
        item.insert_text = text
        item.insert_text_format = lsp.InsertTextFormat.Snippet
    return item

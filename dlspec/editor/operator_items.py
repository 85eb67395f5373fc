"""Operators, their parameters, and the words that these may be, for a completion."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.editor.completion_item import KIND, offered, snippet
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.ops.op import Op


def operator_items(*, snippets: bool) -> list[lsp.CompletionItem]:
    """Every operator; its page comes when the item is looked at, see `resolved`."""
    return [_operator(op, snippets=snippets) for op in _catalogue()]


def _catalogue() -> list[type[Op]]:
    from dlspec.ops import catalogue

    return list(catalogue().values())


def _operator(op: type[Op], *, snippets: bool) -> lsp.CompletionItem:
    from dlspec.ops.page import summary

    item = lsp.CompletionItem(label=op.name, kind=KIND.Method, detail=summary(op), data={"operator": op.name})
    required = [name for name, field in op.fields.items() if field.required]
    places = ", ".join(f"${{{number}:{name}}}" for number, name in enumerate(required, 1))
    return snippet(item, f"{op.name}({places})$0", snippets=snippets) if required else item


def resolved(item: lsp.CompletionItem) -> lsp.CompletionItem:
    """The item of an operator with its page."""
    from dlspec.ops.page import page

    data = item.data if isinstance(item.data, dict) else {}
    text = page(str(data.get("operator", "")))
    if text is not None:
        item.documentation = lsp.MarkupContent(lsp.MarkupKind.Markdown, text)
    return item


def fact_items(name: str, given: tuple[str, ...], mark: str) -> list[lsp.CompletionItem]:
    """The parameters of an operator that are not given, by position or by name."""
    from dlspec.ops import lookup
    from dlspec.ops.page import sentences, spelt

    op = lookup(name)
    if op is None:
        return []
    told, positions = sentences(op), sum(not one for one in given)
    found = []
    for field in list(op.fields.values())[positions:]:
        if field.name not in given:
            default = "" if field.required else f" = {spelt(field.default)}"
            about = f"{told.get(field.name, '')}\n\n{field.kind.words}"
            found.append(offered(field.name, KIND.Property, f"{op.name}{default}", f"{field.name}{mark}", about))
    return found


def choice_items(name: str, parameter: str, *, quoted: bool) -> list[lsp.CompletionItem]:
    """The words that a parameter of an operator may be."""
    from dlspec.ops import lookup

    op = lookup(name)
    if op is None or parameter not in op.fields:
        return []
    return [
        offered(word if quoted or not word.startswith('"') else word.strip('"'), KIND.EnumMember)
        for word in _choices(op.fields[parameter].kind.schema)
        if quoted or word.startswith('"')
    ]


def _choices(schema: dict[str, Any]) -> list[str]:
    """The words and truth values that a JSON Schema lets through."""
    words = [f'"{word}"' for word in schema.get("enum", ()) if isinstance(word, str)]
    if "const" in schema:
        words.append(f'"{schema["const"]}"')
    kinds = schema.get("type", ())
    if "boolean" in ([kinds] if isinstance(kinds, str) else kinds):
        words += ["true", "false"]
    return words + [word for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ())) for word in _choices(inner)]

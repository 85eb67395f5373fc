"""What may be written at the cursor: operators, blocks and names in sight, parameters, keys, values, files, lints."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.editor.completion_items import (
    file_items,
    key_items,
    keyword_items,
    lint_items,
    literal_items,
    name_items,
    parameter_items,
    part_items,
    type_items,
)
from dlspec.editor.context import context
from dlspec.editor.operator_items import choice_items, fact_items, operator_items
from dlspec.editor.plan_items import member_field_items, member_items, plan_key_items
from dlspec.editor.sight import Sight
from dlspec.editor.yaml_context import yaml_context
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlspec.editor.context import Context
    from dlspec.editor.document import Document


def completion(
    document: Document, offset: int, *, snippets: bool, readable: Document | None = None
) -> lsp.CompletionList:
    """What may stand at an offset; `readable` is the last version that could be read, for the names in it."""
    before = document.text[:offset]
    sight = Sight(document, offset, readable)
    items: list[lsp.CompletionItem] = []
    if document.source.is_yaml:
        found = yaml_context(before)
        items += key_items(found.offers, snippets=snippets)
        if found.leaf is not None:
            items += _wanted(sight, found.leaf, is_yaml=True, snippets=snippets)
    else:
        items += _wanted(sight, context(before), is_yaml=False, snippets=snippets)
    return lsp.CompletionList(is_incomplete=False, items=_each_once(items))


def _wanted(sight: Sight, here: Context, *, is_yaml: bool, snippets: bool) -> list[lsp.CompletionItem]:
    """The items for what is wanted, the likeliest first."""
    match here.wants:
        case "item" | "statement":
            start = keyword_items(here.wants, snippets=snippets)
            return start if here.wants == "item" else [*start, *name_items(sight), *operator_items(snippets=snippets)]
        case "stage":
            return [*name_items(sight, stages=True), *operator_items(snippets=snippets)]
        case "argument":
            return [*_arguments(sight, here), *([] if here.long_form else _values(sight, here))]
        case "value":
            return _values(sight, here)
        case "text":
            return choice_items(here.callee, here.key, quoted=False)
        case "part":
            return _parts(sight, here)
        case "type":
            return type_items(snippets=snippets)
        case "key":
            return plan_key_items(here.keys, is_yaml=is_yaml, snippets=snippets)
        case "key value":
            return _key_values(sight, here)
        case "lint":
            return lint_items(is_yaml=is_yaml)
        case "file":
            return file_items(sight.document)
        case "import":
            return name_items(sight, importable=True)
    return []


def _arguments(sight: Sight, here: Context) -> list[lsp.CompletionItem]:
    """The parameters of what is called that are not given yet."""
    mark = ": " if here.long_form else "="
    if here.keys and here.keys[-1] != "network":
        return member_field_items(here.keys[1:], here.callee, here.given)
    body = sight.body(here.callee)
    if body is not None:
        return parameter_items(body, here.given, mark)
    return fact_items(here.callee, here.given, mark)


def _values(sight: Sight, here: Context) -> list[lsp.CompletionItem]:
    if here.keys and here.keys[-1] != "network":
        return [*name_items(sight, tensors=True), *literal_items()]
    choices = choice_items(here.callee, here.key, quoted=True) if here.key else []
    return [*choices, *name_items(sight), *([] if choices else [*operator_items(snippets=False), *literal_items()])]


def _parts(sight: Sight, here: Context) -> list[lsp.CompletionItem]:
    body = sight.body(here.callee)
    return part_items(body if body is not None and body.symbol.kind == "network" else None)


def _key_values(sight: Sight, here: Context) -> list[lsp.CompletionItem]:
    if here.keys == ("network",):
        return name_items(sight, networks=True)
    return member_items(here.keys)


def _each_once(items: Iterable[lsp.CompletionItem]) -> list[lsp.CompletionItem]:
    """The first item of each label, in an order that editors keep."""
    found = {item.label: item for item in reversed(list(items))}
    kept = list(found.values())[::-1]
    for number, item in enumerate(kept):
        item.sort_text = f"{number:04}"
    return kept

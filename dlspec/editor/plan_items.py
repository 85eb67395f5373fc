"""Keys of plans, what they may be, and the parameters of losses, optimizers and the like, for a completion."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.editor import plan_keys
from dlspec.editor.completion_item import KIND, offered


def plan_key_items(keys: tuple[str, ...], *, is_yaml: bool, snippets: bool) -> list[lsp.CompletionItem]:
    """The keys of a section of a plan, each with its sentence."""
    from dlspec.plan.facts import fields, sentences

    section = plan_keys.section(list(keys))
    if section is None:
        return []
    told = sentences(section)
    found = []
    for key in fields(section):
        is_section = plan_keys.section([*keys, key]) is not None
        text = f"{key}: " if is_yaml else f"{key} {{ $1 }}" if is_section and snippets else f"{key} = "
        item = offered(key, KIND.Property, told[key], text)
        if is_section and snippets and not is_yaml:
            item.insert_text_format = lsp.InsertTextFormat.Snippet
        found.append(item)
    return found


def member_items(keys: tuple[str, ...]) -> list[lsp.CompletionItem]:
    """What a key may be: the members of a catalogue, or the words of a choice."""
    found = plan_keys.members(list(keys))
    if found:
        return [
            offered(
                name,
                KIND.Function,
                plan_keys.sentence(facts),
                about="\n\n".join(plan_keys.described(list(keys), name)),
            )
            for name, facts in found.items()
        ]
    return [offered(word, KIND.EnumMember) for word in plan_keys.words(list(keys))]


def member_field_items(keys: tuple[str, ...], name: str, given: tuple[str, ...]) -> list[lsp.CompletionItem]:
    """The parameters of a loss, an optimizer and the like that are not given."""
    from dlspec.plan.facts import fields, sentences

    facts = plan_keys.members(list(keys)).get(name)
    if facts is None:
        return []
    told = sentences(facts)
    return [
        offered(field, KIND.Property, told[field], f"{field}=")
        for field in fields(facts)[sum(not one for one in given) :]
        if field not in given
    ]

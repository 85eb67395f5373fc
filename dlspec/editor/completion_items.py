"""The items that a completion offers, with their kind, their words and, where the editor takes them, snippets."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.editor import plan_keys
from dlspec.editor.snippets import ITEMS, STATEMENTS
from dlspec.editor.symbols import detail
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.editor.document import Document
    from dlspec.editor.names import Body, Symbol
    from dlspec.editor.sight import Sight
    from dlspec.ops.op import Op

_KIND = lsp.CompletionItemKind
KINDS = {
    "block": _KIND.Function, "network": _KIND.Class, "foreign": _KIND.Interface, "constant": _KIND.Constant,
    "parameter": _KIND.TypeParameter, "input": _KIND.Variable, "output": _KIND.Variable, "value": _KIND.Variable,
    "label": _KIND.Field, "module": _KIND.Module, "learned": _KIND.Variable, "loop": _KIND.Variable,
}  # fmt: skip

TYPES = ("float32", "float16", "bfloat16", "float64", "int64", "int32", "uint8", "bool", "boxes", "list")
_KEY_WORDS = {
    "imports": "names taken from other files", "constants": "values by name", "foreign": "modules of the user, by name",
    "blocks": "blocks by name", "network": "a network", "networks": "networks by name", "plan": "a training plan",
    "plans": "training plans by name", "allow": "lints, each with a reason", "limits": "budgets: `parameters: 30M`",
    "items": "definitions, where their order matters", "name": "the name of the network",
    "params": "parameters with their defaults; `null` has none", "inputs": "inputs: `image: float32[N, 3, H, W]`",
    "layers": "a list is a pipeline from the first input", "outputs": "what is given, by name",
    "let": "a value by name", "do": "an expression as a statement", "record": "a record of values",
    "module": "one module, used wherever it is applied", "parameter": "a learned tensor", "buffer": "a kept tensor",
    "for": "a loop at compile time", "if": "a choice at compile time", "input": "an input", "output": "an output",
    "op": "the long form of a call: `{op: linear, out_features: 10}`", "repeat": "`{repeat: 3, of: step}`",
    "from": "the file", "names": "what is taken from it",
}  # fmt: skip


def _item(
    label: str, kind: lsp.CompletionItemKind, detail: str = "", text: str = "", about: str = ""
) -> lsp.CompletionItem:
    return lsp.CompletionItem(
        label=label, kind=kind, detail=detail or None, insert_text=text or None,
        documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, about) if about else None,
    )  # fmt: skip


def _snippet(item: lsp.CompletionItem, text: str, *, snippets: bool) -> lsp.CompletionItem:
    if snippets:
        item.insert_text = text
        item.insert_text_format = lsp.InsertTextFormat.Snippet
    return item


# Keys and words of the language


def keyword_items(wants: str, *, snippets: bool) -> list[lsp.CompletionItem]:
    """The words that begin an item of a file, or a statement."""
    texts = ITEMS if wants == "item" else STATEMENTS
    return [_snippet(_item(word, _KIND.Keyword), text, snippets=snippets) for word, text in texts.items()]


def key_items(offers: tuple[str, ...], *, snippets: bool) -> list[lsp.CompletionItem]:
    """Keys of YAML."""
    return [_item(key, _KIND.Keyword, _KEY_WORDS.get(key, ""), f"{key}: ") for key in offers]


def type_items(*, snippets: bool) -> list[lsp.CompletionItem]:
    """Element types, each with its axes."""
    axes = {"boxes": "boxes[${1:M}]", "list": "list[float32[${1:3, h, w}]]"}
    return [
        _snippet(_item(name, _KIND.Struct), axes.get(name, f"{name}[${{1:N, 3, H, W}}]"), snippets=snippets)
        for name in TYPES
    ]


def literal_items() -> list[lsp.CompletionItem]:
    """`true`, `false`, `null`."""
    return [_item(word, _KIND.Constant) for word in ("true", "false", "null")]


# Operators


def operator_items(*, snippets: bool) -> list[lsp.CompletionItem]:
    """Every operator; its page comes when the item is looked at, see `resolved`."""
    return [_operator(op, snippets=snippets) for op in _catalogue()]


def _catalogue() -> list[type[Op]]:
    from dlspec.ops import catalogue

    return list(catalogue().values())


def _operator(op: type[Op], *, snippets: bool) -> lsp.CompletionItem:
    from dlspec.ops.page import summary

    item = lsp.CompletionItem(label=op.name, kind=_KIND.Method, detail=summary(op), data={"operator": op.name})
    required = [name for name, field in op.fields.items() if field.required]
    places = ", ".join(f"${{{number}:{name}}}" for number, name in enumerate(required, 1))
    return _snippet(item, f"{op.name}({places})$0", snippets=snippets) if required else item


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
            found.append(_item(field.name, _KIND.Property, f"{op.name}{default}", f"{field.name}{mark}", about))
    return found


def choice_items(name: str, parameter: str, *, quoted: bool) -> list[lsp.CompletionItem]:
    """The words that a parameter of an operator may be."""
    from dlspec.ops import lookup

    op = lookup(name)
    if op is None or parameter not in op.fields:
        return []
    return [
        _item(word if quoted or not word.startswith('"') else word.strip('"'), _KIND.EnumMember)
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


# Names of the spec


def name_items(
    sight: Sight, *, stages: bool = False, networks: bool = False, tensors: bool = False, importable: bool = False
) -> list[lsp.CompletionItem]:
    """Names in sight: all, those that are stages or may be, the networks, or the tensors that a plan speaks of."""
    if tensors:
        return [_name(symbol) for symbol in sight.tensors()]
    if importable:
        return [_name(symbol) for symbol in sight.outer()]
    if networks:
        return [_name(symbol) for symbol in sight.outer() if symbol.kind == "network"]
    kinds = ("parameter", "module", "value") if stages else tuple(KINDS)
    inner = [symbol for symbol in sight.inner() if symbol.kind in kinds]
    outer = [symbol for symbol in sight.outer() if symbol.kind != "plan" and not (stages and symbol.kind == "constant")]
    return [_name(symbol) for symbol in (*inner, *outer)]


def _name(symbol: Symbol) -> lsp.CompletionItem:
    return _item(symbol.name, KINDS.get(symbol.kind, _KIND.Variable), f"{symbol.kind} {detail(symbol)}".rstrip())


def parameter_items(body: Body, given: tuple[str, ...], mark: str) -> list[lsp.CompletionItem]:
    """The parameters of a block or network that are not given by name; a block's first is what flows in."""
    params = list(body.parameters.values())[1 if body.symbol.kind == "block" else 0 :]
    return [
        _item(one.name, _KIND.Property, f"{body.symbol.name}: {one.node.span.text}", f"{one.name}{mark}")
        for one in params
        if one.name not in given
    ]


def part_items(body: Body | None) -> list[lsp.CompletionItem]:
    """What may stand behind a `.`: the parts of a network, or the facts of a tensor."""
    from dlspec.elaborate.parts import TENSOR_FACTS

    if body is not None:
        return [_item(name, _KIND.Field, detail(symbol)) for name, symbol in body.labels.items()]
    return [_item(fact, _KIND.Property, "of a tensor, at compile time") for fact in TENSOR_FACTS]


# Plans


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
        item = _item(key, _KIND.Property, told[key], text)
        if is_section and snippets and not is_yaml:
            item.insert_text_format = lsp.InsertTextFormat.Snippet
        found.append(item)
    return found


def member_items(keys: tuple[str, ...]) -> list[lsp.CompletionItem]:
    """What a key may be: the members of a catalogue, or the words of a choice."""
    found = plan_keys.members(list(keys))
    if found:
        return [
            _item(
                name,
                _KIND.Function,
                plan_keys.sentence(facts),
                about="\n\n".join(plan_keys.described(list(keys), name)),
            )
            for name, facts in found.items()
        ]
    return [_item(word, _KIND.EnumMember) for word in plan_keys.words(list(keys))]


def member_field_items(keys: tuple[str, ...], name: str, given: tuple[str, ...]) -> list[lsp.CompletionItem]:
    """The parameters of a loss, an optimizer and the like that are not given."""
    from dlspec.plan.facts import fields, sentences

    facts = plan_keys.members(list(keys)).get(name)
    if facts is None:
        return []
    told = sentences(facts)
    return [
        _item(field, _KIND.Property, told[field], f"{field}=")
        for field in fields(facts)[sum(not one for one in given) :]
        if field not in given
    ]


# Files and lints


def file_items(document: Document) -> list[lsp.CompletionItem]:
    """The specs beside this one and below, and the names of the zoo."""
    from dlspec.editor.files import spec_files
    from dlspec.places import ZOO

    folder = document.path.parent if document.path is not None else None
    files = spec_files(folder) if folder is not None else []
    own = [path.relative_to(folder).as_posix() for path in files if path != document.path and folder is not None]
    zoo = sorted(path.name.partition(".")[0] for path in ZOO.iterdir()) if ZOO.is_dir() else []
    return [*(_item(name, _KIND.File) for name in own), *(_item(name, _KIND.Module, "of the zoo") for name in zoo)]


def lint_items(*, is_yaml: bool) -> list[lsp.CompletionItem]:
    """The lints that an `allow` may name."""
    from dlspec.diagnostics.codes import CODES

    lints = {code: name for code, name in CODES.items() if code[0] == "W"}
    mark = "-" if is_yaml else "_"
    return [
        _item(name.replace("-", mark), _KIND.Event, code, f'{name.replace("-", mark)}: "')
        for code, name in lints.items()
    ]

"""The items that a completion offers, with their kind, their words and, where the editor takes them, snippets."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.editor.completion_item import KIND, offered, snippet
from dlspec.editor.snippets import ITEMS, STATEMENTS
from dlspec.editor.symbols import detail
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.editor.document import Document
    from dlspec.editor.names import Body, Symbol
    from dlspec.editor.sight import Sight

KINDS = {
    "block": KIND.Function, "network": KIND.Class, "foreign": KIND.Interface, "constant": KIND.Constant,
    "parameter": KIND.TypeParameter, "input": KIND.Variable, "output": KIND.Variable, "value": KIND.Variable,
    "label": KIND.Field, "module": KIND.Module, "learned": KIND.Variable, "loop": KIND.Variable,
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


# Keys and words of the language


def keyword_items(wants: str, *, snippets: bool) -> list[lsp.CompletionItem]:
    """The words that begin an item of a file, or a statement."""
    texts = ITEMS if wants == "item" else STATEMENTS
    return [snippet(offered(word, KIND.Keyword), text, snippets=snippets) for word, text in texts.items()]


def key_items(offers: tuple[str, ...], *, snippets: bool) -> list[lsp.CompletionItem]:
    """Keys of YAML."""
    return [offered(key, KIND.Keyword, _KEY_WORDS.get(key, ""), f"{key}: ") for key in offers]


def type_items(*, snippets: bool) -> list[lsp.CompletionItem]:
    """Element types, each with its axes."""
    axes = {"boxes": "boxes[${1:M}]", "list": "list[float32[${1:3, h, w}]]"}
    return [
        snippet(offered(name, KIND.Struct), axes.get(name, f"{name}[${{1:N, 3, H, W}}]"), snippets=snippets)
        for name in TYPES
    ]


def literal_items() -> list[lsp.CompletionItem]:
    """`true`, `false`, `null`."""
    return [offered(word, KIND.Constant) for word in ("true", "false", "null")]


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
    return offered(symbol.name, KINDS.get(symbol.kind, KIND.Variable), f"{symbol.kind} {detail(symbol)}".rstrip())


def parameter_items(body: Body, given: tuple[str, ...], mark: str) -> list[lsp.CompletionItem]:
    """The parameters of a block or network that are not given by name; a block's first is what flows in."""
    params = list(body.parameters.values())[1 if body.symbol.kind == "block" else 0 :]
    return [
        offered(one.name, KIND.Property, f"{body.symbol.name}: {one.node.span.text}", f"{one.name}{mark}")
        for one in params
        if one.name not in given
    ]


def part_items(body: Body | None) -> list[lsp.CompletionItem]:
    """What may stand behind a `.`: the parts of a network, or the facts of a tensor."""
    from dlspec.elaborate.parts import TENSOR_FACTS

    if body is not None:
        return [offered(name, KIND.Field, detail(symbol)) for name, symbol in body.labels.items()]
    return [offered(fact, KIND.Property, "of a tensor, at compile time") for fact in TENSOR_FACTS]


# Files and lints


def file_items(document: Document) -> list[lsp.CompletionItem]:
    """The specs beside this one and below, and the names of the zoo."""
    from dlspec.editor.files import spec_files
    from dlspec.places import ZOO

    folder = document.path.parent if document.path is not None else None
    files = spec_files(folder) if folder is not None else []
    own = [path.relative_to(folder).as_posix() for path in files if path != document.path and folder is not None]
    zoo = sorted(path.name.partition(".")[0] for path in ZOO.iterdir()) if ZOO.is_dir() else []
    return [*(offered(name, KIND.File) for name in own), *(offered(name, KIND.Module, "of the zoo") for name in zoo)]


def lint_items(*, is_yaml: bool) -> list[lsp.CompletionItem]:
    """The lints that an `allow` may name."""
    from dlspec.diagnostics.codes import CODES

    lints = {code: name for code, name in CODES.items() if code[0] == "W"}
    mark = "-" if is_yaml else "_"
    return [
        offered(name.replace("-", mark), KIND.Event, code, f'{name.replace("-", mark)}: "')
        for code, name in lints.items()
    ]

"""One operator in generated code: its text with places left for what varies.

The words of an operator are its fields and axes. A word that is an expression of the class's arguments is put into
the operator's own text (`nn.Conv2d(3, width, 3)`); all else the operator writes itself.
"""

from __future__ import annotations

from dlspec.ops.text import literal
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from dlspec.graph import Node
    from dlspec.ops.op import Op


class Marked(int):
    """A number within a list of sizes, with the text that stands for it."""

    text: str

    def __new__(cls, value: int, text: str) -> Marked:
        made = super().__new__(cls, value)
        made.text = text
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Marked) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def token(word: str) -> str:
    """What stands for a word until it is known."""
    return f"§{word}§"


def field_words(op: Op) -> list[str]:
    """The fields that are given and can stand as one word: `stride`, or `shape.0` for a size within a list.

    Lengths along the axes are one word, be they one number or several.
    """
    words = []
    for name in op.given:
        value = getattr(op, name)
        if not isinstance(value, tuple) or op.fields[name].kind.evens:
            words.append(name)
        else:
            words += [f"{name}.{index}" for index, item in enumerate(value) if type(item) is int]
    return [word for word in words if isinstance(word_value(op, None, word), (int, float, str, tuple))]


def word_value(op: Op, at: Mapping[str, Any] | None, word: str) -> Any:
    """What a word is where the operator is applied."""
    name, _, index = word.partition(".")
    if op.family == "foreign":
        return op.given[name]
    if name in op.fields or op.family == "parameter":
        value = getattr(op, name)
        if index:
            return value[int(index)]
        return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
    return None if at is None else at[name]


def write_leaf(
    node: Node,
    words: Mapping[str, str],
    tensors: Sequence[str] | None,
    text_of: Callable[[Any], str] = literal,
) -> str:
    """The module of a node, or its function on the texts of its tensors, with some words replaced."""
    op: Any = node.op
    plain = {word: text for word, text in words.items() if "." not in word}
    within = {word: text for word, text in words.items() if "." in word}
    if within:
        op = _with_marks(op, within)

    def text(value: Any) -> str:
        return value.text if isinstance(value, Marked) else text_of(value)

    if tensors is None:
        return str(op.module_text(node.at, text, plain))
    return str(op.function_text(node.at, tensors, text, plain))


def _with_marks(op: Op, words: Mapping[str, str]) -> Op:
    """A copy of the operator whose lists carry the texts of their items."""
    made = op.__class__.__new__(op.__class__)
    made.__dict__.update(op.__dict__)
    for word, text in words.items():
        name, _, index = word.partition(".")
        items = list(getattr(made, name))
        items[int(index)] = Marked(int(items[int(index)]), text)
        setattr(made, name, tuple(items))
    return made


def pattern_of(node: Node) -> tuple[str, str, tuple[str, ...]]:
    """The texts of a node as module and as function with tokens in them, and the words that they hold.

    Nodes with equal texts differ in words only.
    """
    op: Any = node.op
    match op.family:
        case "input":
            return "", "", ()
        case "parameter":
            return op.start, op.kind, tuple(f"shape.{index}" for index in range(len(op.shape)))
        case "foreign":
            return op.path, f"{len(node.inputs)} inputs", tuple(op.given)
    axes = [axis for axis, size in node.at.items() if type(size) is int]
    words = {word: token(word) for word in [*field_words(op), *axes]}
    tensors = [token(f"#{index}") for index in range(len(node.inputs))]
    module = write_leaf(node, words, None, _shown)
    function = write_leaf(node, words, tensors, _shown)
    return module, function, tuple(word for word, mark in words.items() if mark in module or mark in function)


def _shown(value: Any) -> str:
    """Open sizes are found again when the code is written, so they do not tell nodes apart."""
    return "?" if type(value).__name__ == "Size" else literal(value)

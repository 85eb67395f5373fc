"""How an operator is written in Python: its patterns `torch` and `function` with the values put in.

nn.Conv2d(C, out_channels, kernel_size=, stride=)   a bare word is a field or an axis;
                                                    `stride=` is left out where it has its default
F.softmax({x}, dim=dim)                             `dim=dim` is always written; an input stands in braces
{x}.permute(*dims)                                  `*dims` writes a tuple out
nn.MultiheadAttention(E, batch_first=True)          anything else stands as it is
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from dlspec.ops.fact import At
    from dlspec.ops.op import Op

_DEPTHS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
SUM, PRODUCT, SIGN, POWER, PRIMARY = range(1, 6)
"""How tightly a piece of Python holds together."""
_LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "%": PRODUCT, "@": PRODUCT}


def literal(value: Any) -> str:
    """A value as Python writes it; an open size as its formula."""
    if isinstance(value, str):
        from json import dumps

        return dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        items = ", ".join(map(literal, value))
        return f"({items},)" if len(value) == 1 else f"({items})"
    if isinstance(value, float):
        mantissa, _, exponent = repr(value).partition("e")
        return f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return str(value)


class Writer:
    """Writes the calls of one operator where it is applied.

    `text_of` has the words for a value (a generated class may have its own for an open size), and `words` for what a
    field or an axis is called there: with `{"out_channels": "width"}` a convolution reads `nn.Conv2d(3, width, …)`.
    """

    __slots__ = ("at", "op", "tensors", "text_of", "words")

    def __init__(
        self,
        op: Op,
        at: At,
        tensors: Sequence[str] = (),
        text_of: Callable[[Any], str] = literal,
        words: Mapping[str, str] = {},
    ) -> None:
        self.op = op
        self.at = at
        self.tensors = tensors
        self.text_of = text_of
        self.words = words

    def has(self, word: str) -> bool:
        """Whether a word is a field or an axis."""
        return word in self.words or word in self.op.fields or word in self.at

    def word(self, name: str) -> str:
        """The text of a field or an axis; one number stands for equal ones where the field's kind allows it."""
        if name in self.words:
            return self.words[name]
        if name not in self.op.fields:
            return self.text_of(self.at[name])
        value = getattr(self.op, name)
        if not isinstance(value, tuple):
            return self.text_of(value)
        if self.op.fields[name].kind.evens and len(set(value)) == 1:
            return self.text_of(value[0])
        return self.tuple(value)

    def tuple(self, values: Sequence[Any]) -> str:
        """Several values as a tuple."""
        return f"({self.items(values)},)" if len(values) == 1 else f"({self.items(values)})"

    def items(self, values: Sequence[Any]) -> str:
        """Several values with commas between them."""
        return ", ".join(map(self.text_of, values))

    def elided(self, name: str) -> bool:
        """Whether a field has its default and need not be written."""
        return name not in self.words and getattr(self.op, name) == self.op.fields[name].default

    def call(self, template: str) -> str:
        """The call that a template stands for."""
        callee, arguments = _parts(template)
        texts = [text for argument in arguments if (text := self._argument(argument))]
        return f"{self.filled(callee)}({', '.join(texts)})"

    def filled(self, text: str) -> str:
        """The text with its inputs put in, in parentheses where something is asked of them."""
        if "{" not in text:
            return text
        names = [name.strip("*?") for name in self.op.inputs]
        if self.op.inputs[0][0] == "*":
            return text.replace(f"{{{names[0]}}}", ", ".join(self.tensors))
        for name, tensor in zip(names, self.tensors):
            text = text.replace(f"{{{name}}}.", f"{held(tensor)}.").replace(f"{{{name}}}", tensor)
        return text

    def _argument(self, text: str) -> str:
        name, equals, rest = text.partition("=")
        if equals and not rest:
            return "" if self.elided(name) else f"{name}={self.word(name)}"
        if rest:
            return f"{name}={self._value(rest)}"
        return self._value(text)

    def _value(self, text: str) -> str:
        if text[0] == "*" and self.has(text[1:]):
            return self.items(getattr(self.op, text[1:]))
        return self.word(text) if self.has(text) else self.filled(text)


_READ: dict[str, tuple[str, list[str]]] = {}


def _parts(template: str) -> tuple[str, list[str]]:
    """The callee and the arguments of a template; `F.relu({x})` has `F.relu` and `{x}`."""
    found = _READ.get(template)
    if found is None:
        opening = template.index("(")
        found = _READ[template] = (template[:opening], split_arguments(template[opening + 1 : -1]))
    return found


def split_arguments(text: str) -> list[str]:
    """The parts between commas that stand outside every bracket."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        depth += _DEPTHS.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts


def level(text: str) -> int:
    """How tightly an expression of generated code holds together: `a + b` is a sum, `f(a + b)` a primary."""
    if text.replace(".", "").replace("e-", "").isalnum():
        return PRIMARY
    found, depth, quoted = PRIMARY, 0, False
    for index, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        if quoted:
            continue
        depth += _DEPTHS.get(letter, 0)
        if depth == 0 and index and letter in _LEVELS:
            is_power = letter == "*" and "*" in (text[index - 1], text[index + 1])
            found = min(found, POWER if is_power else _LEVELS[letter])
    return min(found, SIGN) if text[0] == "-" else found


def held(text: str, least: int = PRIMARY) -> str:
    """The expression, in parentheses unless it holds together at least so tightly."""
    return text if level(text) >= least else f"({text})"


def slice_text(start: str, end: str, step: int = 1) -> str:
    """`2:6`, with spaces around the colon where a bound is more than a name or a number, as formatters want it."""
    parts = [start, end] if step == 1 else [start, end, str(step)]
    plain = all(part.lstrip("-").isalnum() or part.isidentifier() for part in parts if part)
    if plain:
        return ":".join(parts)
    return " : ".join(parts).strip()


def imports(text: str) -> Iterator[str]:
    """The import lines that a piece of generated code needs.

    >>> sorted(imports("nn.Sequential(dlspec.nn.FrozenBatchNorm2d(3))"))
    ['from dlspec.nn import FrozenBatchNorm2d', 'from torch import nn']
    """
    from re import findall

    lines = {"nn": "from torch import nn", "F": "import torch.nn.functional as F", "torch": "import torch"}
    for root in {*findall(r'(?<![\w."])(nn|F|torch)\.', text)}:
        yield lines[root]
    for name in {*findall(r"dlspec\.nn\.(\w+)", text)}:
        yield f"from dlspec.nn import {name}"


def unqualified(text: str) -> str:
    """The text as it reads under its imports: `FrozenBatchNorm2d(3)`."""
    return text.replace("dlspec.nn.", "")

"""Short words for what a picture shows: operators, shapes and counts.

Everything is read from the facts of an operator: its PyTorch name, its family, and its fields.
"""

from __future__ import annotations

import re
from math import gcd

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from dlspec.graph import Graph, Node, Tensor

_SIGNS = {"*": "×", "-": "−", "/": "÷", "**": "^"}


# Operators


def operator_name(node: Node) -> str:
    """The name as people say it, without the number of axes: `Conv`, `MaxPool`, `LayerNorm`, `Concat`."""
    op = node.op
    if op.family == "foreign":
        return op.name
    template = op.torch.partition("(")[0]
    if "nn." in template:
        return re.sub(r"[123]d$", "", template.rpartition(".")[2])
    return re.sub(r"[123]d$", "", op.name).replace("_", " ").capitalize()


def sign(node: Node) -> str:
    """The sign of an operator that has one: `+`, `×`."""
    own = getattr(node.op, "sign", "")
    return _SIGNS.get(own, own)


def title(node: Node) -> str:
    """The operator with what matters most of how it is set: `Conv 3×3 /2`, `Dropout 0.5`."""
    if _is_global(node):
        return f"Global{operator_name(node).removeprefix('Adaptive')}"
    if sign(node) and len(node.inputs) == 1:
        number = number_text(getattr(node.op, "other", None))
        return f"{number} {sign(node)} x" if getattr(node.op, "reversed", False) else f"{sign(node)} {number}"
    facts = [text for name in node.op.fields if (text := _fact(node, name))]
    return " ".join([operator_name(node), *facts])


def tag(node: Node) -> str:
    """The operator as a remark on a card: `ReLU`, `BN`, `Dropout 0.5`."""
    initials = re.sub(r"[^A-Z]", "", operator_name(node))
    return initials if node.op.family == "normalization" and len(initials) > 1 else title(node)


def symbol(node: Node) -> str:
    """What stands in the small node of a join: its sign, or its name."""
    return sign(node) or operator_name(node).lower()


def spreads_out(node: Node) -> bool:
    """Whether it makes a map larger by learned filters, as a transposed convolution does."""
    return "output_padding" in node.op.fields


def _is_global(node: Node) -> bool:
    wanted = getattr(node.op, "output_size", None)
    return node.op.family == "pooling" and isinstance(wanted, tuple) and set(wanted) == {1}


def _fact(node: Node, name: str) -> str:
    value = getattr(node.op, name)
    words = _FIELDS.get(name)
    if words is not None:
        return words(node, value)
    if name.startswith("num_") and isinstance(value, int):
        what = name[4:]
        if what.rstrip("s") == node.op.name:
            return f"{value:,}"
        return f"{value} {what}" if name in node.op.given else ""
    is_set = name in node.op.given and value != node.op.fields[name].default
    return number_text(value) if is_set and isinstance(value, float) else ""


def _kernel(node: Node, value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else ""


def _stride(node: Node, value: Any) -> str:
    steps = value if isinstance(value, tuple) else getattr(node.op, "kernel_size", ())
    if set(steps) <= {1}:
        return ""
    return ("↑" if spreads_out(node) else "/") + _even(steps)


def _dilation(node: Node, value: Any) -> str:
    return f"dilation {_even(value)}" if set(value) != {1} else ""


def _groups(node: Node, value: Any) -> str:
    if value == 1:
        return ""
    channels = node.inputs[0].shape[1] if len(node.inputs[0].shape) > 1 else None
    return "depthwise" if value == channels else f"{value} groups"


def _output_size(node: Node, value: Any) -> str:
    return "×".join("·" if size is None else str(size) for size in value) if isinstance(value, tuple) else ""


def _scale(node: Node, value: Any) -> str:
    if value is None:
        return ""
    return f"↑{_even(value)}" if isinstance(value, tuple) else f"↑{number_text(value)}"


def _probability(node: Node, value: Any) -> str:
    return number_text(value) if node.op.family == "regularization" else ""


_FIELDS: dict[str, Callable[[Node, Any], str]] = {
    "kernel_size": _kernel,
    "stride": _stride,
    "dilation": _dilation,
    "groups": _groups,
    "output_size": _output_size,
    "scale_factor": _scale,
    "upscale_factor": _scale,
    "p": _probability,
}
"""Words for fields by their name; PyTorch gives a name one meaning everywhere."""


def _even(values: Sequence[Any]) -> str:
    texts = [*map(number_text, values)]
    return texts[0] if len(set(texts)) == 1 else "×".join(texts)


# Shapes


class Shapes:
    """Writes the shapes of one network: without the batch, open sizes as short as they are exact."""

    def __init__(self, graph: Graph) -> None:
        first = next((t.full_shape for t in graph.inputs.values() if t.full_shape), ())
        self.batch = first[0] if first else None
        self.multiples = _multiples(graph)
        named = {str(size): size for tensor in graph.inputs.values() for size in tensor.shape}
        self._scaled = {name: named[name] * count for name, count in self.multiples.items() if name in named}
        """Each open size as so many times what it is a multiple of, under the same name."""

    def text(self, tensor: Tensor) -> str:
        """`64×56×56`; with open sizes `64×H/2×W/2` where the network asks for even ones, else `64×⌈H/2⌉×⌈W/2⌉`."""
        shape = self.without_batch(tensor)
        words = "×".join(self.size(size) for size in shape) or "1"
        return f"list of {words}" if tensor.is_list else words

    def without_batch(self, tensor: Tensor) -> tuple[Any, ...]:
        """The sizes of one element of a batch; all of them where the first axis is not the batch."""
        shape = tensor.shape
        has_batch = tensor.node.op.family != "parameter" and not tensor.is_list
        return shape[1:] if has_batch and shape[:1] == (self.batch,) else shape

    def size(self, size: Any) -> str:
        """One size: a number, or a formula that no `×` beside it can tear apart."""
        if isinstance(size, int):
            return str(size)
        text, scaled = str(size), str(size.substitute(self._scaled))
        if "//" not in scaled:
            text = re.sub(r"(?:(\d+)\*)?\b([A-Za-z_]\w*)", self._part, scaled)
        text = re.sub(r"\((\w+) \+ (\d+)\)//(\d+)|(\w+)//(\d+)", _quotient, text).replace("*", "·")
        loose = " " in re.sub(r"⌈[^⌉]*⌉|⌊[^⌋]*⌋", "", text)
        return f"({text})".replace("-", "−") if loose else text

    def _part(self, found: re.Match[str]) -> str:
        """A name that stands for a part of itself: with 32, `16*H` is `H/2`."""
        times, name = int(found[1] or 1), found[2]
        of = self.multiples.get(name, 1) if name in self._scaled else 1
        divisor = of // gcd(times, of)
        factor = times * divisor // of
        return (f"{factor}*" if factor > 1 else "") + name + (f"/{divisor}" if divisor > 1 else "")


def _quotient(found: re.Match[str]) -> str:
    name, extra, divisor = found[1] or found[4], int(found[2] or 0), int(found[3] or found[5])
    if extra == divisor - 1:
        return f"⌈{name}/{divisor}⌉"
    return f"⌊({name} + {extra})/{divisor}⌋" if extra else f"⌊{name}/{divisor}⌋"


def _multiples(graph: Graph) -> dict[str, int]:
    """What each open size is a multiple of, as the network asks or its inputs declare."""
    found: dict[str, int] = {}
    declared = [f"{left} {relation} {right}" for relation, left, right in graph.declared]
    for text in (*graph.requires, *declared):
        match = re.fullmatch(r"(\w+) % (\d+) == 0", text)
        if match is not None:
            found[match[1]] = max(found.get(match[1], 1), int(match[2]))
    return found


# Counts


def count_text(count: int, digits: int = 3) -> str:
    """A count in a few digits: `9.54K`, `25.6M`, `4.09G`; small ones in full.

    >>> [count_text(n) for n in (7, 999, 1000, 25557032, 999999)], count_text(25557032, 4)
    (['7', '999', '1K', '25.6M', '1M'], '25.56M')
    """
    if count < 1000:
        return str(count)
    power = 1
    while float(f"{count / 1000**power:.{digits}g}") >= 1000 and power < 5:
        power += 1
    return f"{count / 1000**power:.{digits}g}{' KMGTP'[power]}"


def number_text(value: Any) -> str:
    """A number as short as it is: `2`, `0.5`, `1e-05`."""
    if isinstance(value, float):
        return f"{value:g}".replace("-", "−")
    return str(value).replace("-", "−")


def names_text(names: Sequence[str]) -> str:
    """Several labels as one: `1–5`, `encoder_layer_0–11`, `first … last`."""
    first, last = names[0], names[-1]
    if first == last:
        return first
    shared = re.match(r"(.*?)(\d+)$", first)
    other = re.match(r"(.*?)(\d+)$", last)
    if shared and other and shared[1] == other[1]:
        return f"{first}–{other[2]}"
    return f"{first} … {last}"


def plural(count: int, word: str) -> str:
    """`1 layer`, `3 layers`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def mapping_text(values: Mapping[str, str]) -> str:
    """`image 3×224×224, mask 1×224×224`; a single one without its name."""
    if len(values) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{name} {text}" for name, text in values.items())

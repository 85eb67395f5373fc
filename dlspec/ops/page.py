"""The reference page of an operator, written from its class; `python -m dlspec.ops.page` prints them all."""

from __future__ import annotations

from dlspec.ops import catalogue, lookup
from dlspec.ops.fact import Mistake
from dlspec.ops.kinds import Wrong
from dlspec.ops.op import REFUSED_BEYOND_TORCH, Field, Op
from dlspec.ops.sample import Sample
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import product

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence
    from typing import Any

FAMILIES = {
    "convolution": "Convolutions", "pooling": "Poolings", "linear": "Fully connected", "normalization": "Normalization",
    "activation": "Activations", "attention": "Attention", "embedding": "Embeddings",
    "regularization": "Regularization", "join": "Joins", "shape": "Shapes", "resize": "Resolution",
    "reduction": "Reductions", "function": "Functions of numbers", "detection": "Regions of images",
}  # fmt: skip
"""The shelves of the catalogue, in the order of the reference."""

_SENTENCES: dict[str, dict[str, dict[str, str]]] = {}


def sentences(op: type[Op]) -> dict[str, str]:
    """The sentence under each parameter, read from the source of its class or of those it comes from."""
    found: dict[str, str] = {}
    for cls in reversed(op.__mro__):
        if cls.__module__.startswith("dlspec.ops."):
            found |= _sentences_of(cls.__module__).get(cls.__name__, {})
    return {name: found[name] for name in op.fields if name in found}


def _sentences_of(module: str) -> dict[str, dict[str, str]]:
    """For every class of a file, the sentence under each annotated field."""
    if module not in _SENTENCES:
        import ast
        from sys import modules

        file = modules[module].__file__
        assert file is not None
        with open(file, encoding="utf-8") as stream:
            body = ast.parse(stream.read()).body
        classes = [definition for definition in body if isinstance(definition, ast.ClassDef)]
        _SENTENCES[module] = {definition.name: _under_fields(definition) for definition in classes}
    return _SENTENCES[module]


def _under_fields(definition: ast.ClassDef) -> dict[str, str]:
    """The string that stands under each annotated name of a class body."""
    found = {}
    for field, below in zip(definition.body, definition.body[1:]):
        if type(field).__name__ != "AnnAssign" or type(below).__name__ != "Expr":
            continue
        text = getattr(below.value, "value", None)  # type: ignore[attr-defined]  # an Expr by its name
        if isinstance(text, str):
            found[field.target.id] = text  # type: ignore[attr-defined]  # an AnnAssign by its name
    return found


def summary(op: type[Op]) -> str:
    """What an operator does, in a sentence."""
    return (op.__doc__ or "").partition("\n")[0]


def spelt(value: Any) -> str:
    """A value as a spec writes it: `true`, `null`, `[1, 2]`; equal ones of a list as one."""
    if isinstance(value, tuple):
        return spelt(value[0]) if len(set(value)) == 1 else f"[{', '.join(map(spelt, value))}]"
    if isinstance(value, str):
        return f'"{value}"'
    words = {"True": "true", "False": "false", "None": "null"}
    text = str(value)
    return words.get(text, text.replace("e-0", "e-"))


def signature(op: type[Op]) -> str:
    """How it is written: `x -> conv2d(out_channels, kernel_size, stride=1, …)`."""
    tensors = ", ".join(name.strip("*") + ("…" if name[0] == "*" else "") for name in op.inputs)
    if not op.fields:
        return f"{tensors} -> {op.name}"
    words = [name if field.required else f"{name}={spelt(field.default)}" for name, field in op.fields.items()]
    return f"{tensors} -> {op.name}({', '.join(words)})"


def page(name: str) -> str | None:
    """The page of an operator in Markdown; None where there is none of that name."""
    op = lookup(name)
    if op is None:
        return None
    parts = [f"# {op.name}", summary(op), f"```\n{signature(op)}\n```", _facts(op)]
    if op.fields:
        parts.append(_parameters(op))
    parts.append(_samples(op))
    if op.mistakes:
        parts.append(_mistakes(op, "Refused", op.mistakes))
    if op.beyond_torch:
        parts.append(_mistakes(op, "Refused, though PyTorch runs it", op.beyond_torch))
    return "\n\n".join(parts) + "\n"


def _facts(op: type[Op]) -> str:
    """Axes, PyTorch's name, and what else there is to say."""
    facts = []
    if op.axes:
        facts.append(f"axes: `{op.axes}`")
    target = (op.torch or op.function or "").partition("(")[0]
    if target and "{" not in target:
        facts.append(f"in PyTorch: `{target}`")
    elif target:
        facts.append(f"in PyTorch: `x.{target.rpartition('.')[2]}`")
    facts += [f"`{name}` differs from PyTorch's default: {why}" for name, why in op.differs.items()]
    if op.training_only:
        facts.append("does nothing in evaluation")
    if op.gives:
        facts.append(f"gives {op.gives.replace('_', ' ')}")
    return "\n".join(f"- {fact}" for fact in facts)


def _parameters(op: type[Op]) -> str:
    told = sentences(op)
    rows = [(f"`{name}`", _words(field), _default(field), told[name]) for name, field in op.fields.items()]
    return _table(("parameter", "value", "default", "meaning"), rows)


def _words(field: Field) -> str:
    return field.kind.words.removesuffix(", or `null`") if field.default is None else field.kind.words


def _default(field: Field) -> str:
    return "" if field.required else f"`{spelt(field.default)}`"


def _samples(op: type[Op]) -> str:
    return "## Examples\n\n" + _table(("", "gives", "parameters", "MACs"), [_sample_row(text) for text in op.samples])


def _sample_row(text: str) -> tuple[str, ...]:
    made, at, outputs = Sample(text).result()
    parameters = sum(product(shape) for _, shape in made.weights(at))
    shapes = ", ".join(f"`{fact}`" for fact in outputs)
    return f"`{text}`", shapes, f"{parameters:,}", f"{made.macs(at, outputs):,}"


def _mistakes(op: type[Op], title: str, mistakes: tuple[tuple[str, str], ...]) -> str:
    rows = [(f"`{text}`", code, _reason(text)) for text, code in mistakes]
    return f"## {title}\n\n" + _table(("", "code", "why"), rows)


def _reason(text: str) -> str:
    try:
        Sample(text).result()
    except Wrong as wrong:
        return f"wants {wrong.wanted}"
    except Mistake as mistake:
        return mistake.message
    raise AssertionError(f"{text} is said to be refused")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def by_family() -> dict[str, list[type[Op]]]:
    """The operators on their shelves."""
    shelves: dict[str, list[type[Op]]] = {family: [] for family in FAMILIES}
    for op in catalogue().values():
        shelves[op.family].append(op)
    return shelves


def index() -> str:
    """All operators by family, a line each."""
    parts = []
    for family, ops in by_family().items():
        lines = [f"- `{op.name}`: {summary(op)}" for op in ops]
        parts.append(f"## {FAMILIES[family]}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def reference() -> str:
    """The whole reference: docs/operators.md."""
    names = [op.name for ops in by_family().values() for op in ops]
    refused = "\n".join(f"- {reason}." for reason in REFUSED_BEYOND_TORCH.values())
    head = (
        "# Operators\n\n"
        "Written by `python -m dlspec.ops.page` from the classes in `dlspec/ops`; edit those, not this file.\n\n"
        "An operator has PyTorch's name in snake case, and PyTorch's parameters in PyTorch's order, less the sizes "
        "that the compiler infers. A default that is not PyTorch's is said where it stands.\n\n"
        f"What PyTorch runs and is refused here:\n\n{refused}\n"
    )
    pages = "\n".join((page(name) or "").replace("\n## ", "\n#### ").replace("# ", "### ", 1) for name in names)
    return f"{head}\n{index()}\n## All of them\n\n{pages}"


if __name__ == "__main__":
    print(reference(), end="")

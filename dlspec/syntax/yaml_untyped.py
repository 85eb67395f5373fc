"""Inputs of a network in YAML that lack their name or the type of their elements, and what was meant."""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.syntax.yaml_nodes import Scalar, Sequence, YamlNode

if TYPE_CHECKING:
    from dlspec.source import Span

_AXIS = re.compile(r"\d+|[A-Z]\w*")


def as_type(node: YamlNode) -> str:
    """The type that axes alone stand for, `[N, 1, 28, 28]` or `"N, 1, 28, 28"`; empty where it is something else."""
    if isinstance(node, Sequence):
        axes = [item.text for item in node.items if isinstance(item, Scalar)]
    elif isinstance(node, Scalar):
        axes = [axis.strip() for axis in node.text.split(",")]
    else:
        return ""
    return f"float32[{', '.join(axes)}]" if len(axes) > 1 and all(map(_AXIS.fullmatch, axes)) else ""


def unnamed(node: YamlNode, span: Span) -> Diagnostic:
    """Of `inputs: [N, 1, 28, 28]` and `inputs: float32[N, 1, 28, 28]`, and of names without types."""
    is_type = isinstance(node, Scalar) and re.match(r"\w+\[", node.text)
    written = node.text if isinstance(node, Scalar) and is_type else as_type(node)
    only = node.items[0] if isinstance(node, Sequence) and len(node.items) == 1 else node
    name = only.text if isinstance(only, Scalar) and re.fullmatch(r"[a-z_]\w*", only.text) else "image"
    meant = f'{{{name}: "{written or "float32[N, 3, H, W]"}"}}'
    fix = Fix(f"write `inputs: {meant}`", [Edit(span, meant)], "unsafe" if written else "placeholder")
    label = "has no name" if written else "has no type"
    return problem("E0106", "an input has a name and a type", span, label, fixes=[fix])


def untyped(name: str, meant: str, span: Span) -> Diagnostic:
    """Of `image: [N, 1, 28, 28]`, which says the axes and no type."""
    fix = Fix(f"write `{meant}`", [Edit(span, f'"{meant}"')], "unsafe")
    return problem("E0106", f"the input `{name}` has axes and no type", span, "expected a type", fixes=[fix])

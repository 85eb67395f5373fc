"""Which parts of a network are told apart: a block is opened where the size of its map changes more than once."""

from __future__ import annotations

from itertools import pairwise

from dlspec.analyses.typical import number
from dlspec.drawing.figure.items import Item, extent, is_join, read
from dlspec.drawing.figure.slices import input_slice, slices_of, slices_of_nodes
from dlspec.graph import Application, Node, Tensor

_LIGHT = ("shape", "activation", "normalization", "regularization", "parameter", "function", "reduction", "other")
"""Families that make no stage of their own."""


def collect(
    application: Application, prefix: str, groups: dict[Node, list[Node]], items: list[Item], sizes: dict[str, int]
) -> None:
    """The items of an application: a node, or a use of a block that is not opened; `sizes` stand for open ones."""
    for step in application.steps:
        label = f"{prefix}{step.name.partition('#')[0]}"
        if isinstance(step, Node):
            group = groups[step]
            if group[0] is step:
                slices = [] if _is_light(step) else slices_of_nodes(group)
                if step.op.family == "input":
                    slices = [input_slice(step)]
                items.append(Item(label, group, None, slices))
        elif next(step.nodes(), None) is not None:
            if _is_opened(step, sizes):
                collect(step, f"{label}.", groups, items, sizes)
            else:
                items.append(Item(label, list(step.nodes()), step, slices_of(step)))


def _is_light(node: Node) -> bool:
    if node.op.family in _LIGHT or node.op.is_bookkeeping or (node.op.family == "join" and not is_join(node)):
        return True
    return bool(node.inputs) and not read(node)


def _is_opened(application: Application, sizes: dict[str, int]) -> bool:
    """Whether its parts are told apart: where sizes change more than once, and where it is a short list of layers."""
    if application.kind == "foreign":
        return False
    if _is_pyramid(application):
        return True
    seen = [extent(node.outputs[0]) for node in application.nodes() if not _is_light(node)]
    changes = sum(one != other for one, other in pairwise(seen))
    first = next(application.nodes())
    if first.inputs and seen and extent(first.inputs[0]) != seen[0]:
        changes += 1
        seen.insert(0, extent(first.inputs[0]))
    if application.kind == "block":
        comes_back = _alternates(
            [tuple(number(size, sizes) for size in one if not isinstance(size, str)) for one in seen]
        )
        return changes > 1 and (not comes_back or (_resizes(application) and _is_used_once(application)))
    return changes > 1 or all(isinstance(step, Node) for step in application.steps)


def _is_pyramid(application: Application) -> bool:
    """Whether it gives maps of several sizes."""
    return len({extent(tensor) for tensor in _tensors(application.result) if len(tensor.shape) >= 4}) > 1


def _tensors(value: object) -> list[Tensor]:
    """The tensors of what an application gives: a tensor, a list, a record."""
    if isinstance(value, (list, tuple)):
        return [tensor for one in value for tensor in _tensors(one)]
    if isinstance(value, dict):
        return _tensors([*value.values()])
    return [value] if isinstance(value, Tensor) else []


def _resizes(application: Application) -> bool:
    """Whether it makes maps larger again, by interpolation or a transposed convolution."""
    return any(node.op.family == "resize" or "output_padding" in node.op.fields for node in application.nodes())


def _is_used_once(application: Application) -> bool:
    """Whether its block is used at no other place of what it stands in."""
    outer = application.parent
    found = [one for one in outer.steps if isinstance(one, Application)] if outer is not None else []
    return sum(one.definition is application.definition for one in found) < 2


def _alternates(seen: list[tuple[object, ...]]) -> bool:
    """Whether the sizes that were left come back, as in the gate of a squeeze-excitation block."""
    return len(seen) > 2 and len(set(seen)) < sum(one != other for one, other in pairwise(seen)) + 1

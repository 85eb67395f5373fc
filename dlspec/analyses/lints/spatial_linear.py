"""A linear layer along the height or width of a feature map."""

from __future__ import annotations

from dlspec.analyses.places import put_before
from dlspec.analyses.reach import Reach
from dlspec.analyses.receptive_field import receptive_fields
from dlspec.analyses.words import shape_words
from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import product

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.analyses.lints.uses import Uses
    from dlspec.graph import Node, Tensor


def spatial_linears(uses: Uses) -> Iterator[Diagnostic]:
    graph = uses.graph
    nodes = [
        node for node in graph.nodes
        if node.op.family == "linear" and node.module is not None and len(node.inputs) == 1
        and len(node.inputs[0].shape) > 2
    ]  # fmt: skip
    fields = receptive_fields(graph) if nodes else None
    for node in nodes:
        for name, tensor in graph.inputs.items():
            view = fields.view(node.inputs[0].node, name) if fields else None
            axis = None if view is None else _spatial_axis(tensor, view, len(node.inputs[0].shape) - 1)
            if view is not None and axis is not None:
                yield _spatial_linear(node, tensor, view, axis)
                break


def _spatial_axis(tensor: Tensor, view: Sequence[Reach | str], last: int) -> int | None:
    """The axis of an input that a tensor's last one is, where it is a height, width or length.

    It is one where a window moved along it, and in a picture, which has one channel or three, first.
    """
    is_picture = len(tensor.shape) == 4 and tensor.shape[1] in (1, 3)
    for axis, sight in enumerate(view):
        if axis < 2 or not isinstance(sight, Reach) or sight.place != last or sight.is_folded:
            continue
        if is_picture or sight.span > 1 or sight.numerator != sight.denominator:
            return axis
    return None


def _spatial_linear(node: Node, tensor: Tensor, view: Sequence[Reach | str], axis: int) -> Diagnostic:
    given = node.inputs[0]
    names = {3: ("length",), 4: ("height", "width")}.get(len(tensor.shape), ("depth", "height", "width"))
    name = names[axis - 2] if axis - 2 < len(names) else f"axis {axis}"
    return problem(
        "W0413", f"`{node.path}` mixes the {name} of a feature map, not its channels", node.span,
        f"mixes the last axis, here the {name} {given.shape[-1]}",
        also=[(given.node.span, f"gives {shape_words(given.shape)}")],
        notes=[
            "each of its weights belongs to a place: "
            f"shift the picture by a pixel, and every weight meets another {name}"
        ],
        fixes=[_spatial_fix(node, view)],
    )  # fmt: skip


def _spatial_fix(node: Node, view: Sequence[Reach | str]) -> Fix:
    """Flatten a map that lies as convolutions give it; otherwise put its channels last."""
    given = node.inputs[0]
    folded = product(given.shape[1:])
    in_place = all(isinstance(sight, Reach) and sight.place == axis for axis, sight in enumerate(view) if axis > 1)
    if not in_place or not isinstance(folded, int):
        return Fix("put the channels last", safety="placeholder")
    edit = put_before(node, "flatten")
    places = {3: "channels and length", 4: "channels, height and width"}.get(len(given.shape), "all axes")
    return Fix(
        f"fold {places} into one axis of {folded:,} first",
        [edit] if edit else [],
        "unsafe" if edit else "placeholder",
    )

"""An upsampling that is given a size where a factor is meant."""

from __future__ import annotations

from dlspec.analyses.places import argument_of
from dlspec.analyses.words import shape_words
from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.analyses.lints.uses import Uses
    from dlspec.graph import Node

FACTOR = 8
"""The largest number that is taken for a factor; maps are rarely made so small, and rarely enlarged by more."""


def shrinking_upsamples(uses: Uses) -> Iterator[Diagnostic]:
    """W0451: `upsample(2)` makes a map of 2×2, as `nn.Upsample(2)` does."""
    for node in uses.graph.nodes:
        if node.op.name == "upsample" and _is_meant_as_factor(node):
            yield _shrinks(node)


def _is_meant_as_factor(node: Node) -> bool:
    size = node.op.given.get("size")
    if type(size) is not int or not 1 < size <= FACTOR:
        return False
    return all(not isinstance(before, int) or before > size for before in node.inputs[0].shape[2:])


def _shrinks(node: Node) -> Diagnostic:
    size, given = node.op.given["size"], node.inputs[0]
    argument = argument_of(node, str(size))
    span = argument if argument is not None else node.span
    edits = [Edit(span, f"scale_factor={size}")] if argument is not None else []
    return problem(
        "W0451", f"`upsample` to the size {size} makes the map smaller", span, f"is the size, {size}×{size}",
        also=[(given.node.span, f"gives {shape_words(given.shape)}")],
        notes=["the first parameter is `size`, as in `nn.Upsample`"],
        fixes=[Fix(f"make it {size} times as large", edits, "unsafe" if edits else "placeholder")],
    )  # fmt: skip

"""A bias that a norm takes away again."""

from __future__ import annotations

from dlspec.analyses.lints.uses import is_linear_map
from dlspec.analyses.places import bias_left_out
from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.analyses.lints.uses import Uses
    from dlspec.graph import Node
    from dlspec.sizes import Dim


def cancelled_biases(uses: Uses) -> Iterator[Diagnostic]:
    for node in uses.graph.nodes:
        if not is_linear_map(node) or not uses.is_own(node):
            continue
        reader = uses.only_reader(node)
        bias = next((shape for name, shape in node.module.weights if name == "bias"), None)  # type: ignore[union-attr]
        if reader is None or bias is None or not reader.op.centres:
            continue
        # The mean is taken of axis 1, and a linear layer adds its bias along the last.
        if node.op.family == "convolution" or len(node.outputs[0].shape) == 2:
            yield _cancelled_bias(node, reader, product(bias))


def _cancelled_bias(node: Node, reader: Node, count: Dim) -> Diagnostic:
    edit = bias_left_out(node)
    fix = Fix(
        f"leave the bias out ({count} parameters fewer)", [edit] if edit else [], "safe" if edit else "placeholder"
    )
    return problem(
        "W0412", f"the bias of `{node.path}` is taken away again by `{reader.path}`", node.span,
        f"adds {count} numbers, one for each channel",
        also=[(reader.span, "subtracts the mean of each channel")],
        notes=["mean(x + b) = mean(x) + b, so b is gone with the mean; its gradient is zero"],
        fixes=[fix],
    )  # fmt: skip

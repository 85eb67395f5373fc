"""A user's own `nn.Module` in the graph: known only by what the spec declares of its axes."""

from __future__ import annotations

from dlspec.ops.op import At, Fact, Mistake, Op, spaced
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class ForeignOp(Op, abstract=True):
    """Shape by declaration; weights, arithmetic and receptive field unknown to us, and said to be."""

    family = "foreign"
    field = "whole"

    def __init__(
        self,
        definition: tree.Foreign,
        values: dict[str, Any],
        size: Callable[[tree.Expr, dict[str, Any]], Any],
    ) -> None:
        self.definition = definition
        self.given = values
        self.name = definition.name  # type: ignore[misc]  # one class for all modules of users
        self.path = definition.path
        self.size = size

    def result(self, at: At) -> tuple[Fact, ...]:
        sizes: dict[str, Any] = {}
        for position, (axes, fact) in enumerate(zip(self.definition.takes, at.inputs)):
            if len(axes) != len(fact.shape):
                raise Mistake(
                    "E0301", f"`{self.name}` takes {len(axes)} axes, its input has {len(fact.shape)}",
                    f"is {spaced(fact.shape)}", input=position,
                )  # fmt: skip
            for axis, size in zip(axes, fact.shape):
                if isinstance(axis, tree.Name) and axis.name not in self.given and axis.name not in sizes:
                    sizes[axis.name] = size
                    continue
                wanted = self.size(axis, sizes)
                words = f"`{self.name}` wants {axis.span.text.strip()} = {wanted}, its input has {size}"
                at.equal(wanted, size, Mistake("E0312", words, f"is {spaced(fact.shape)}", input=position))
        at.update(sizes)
        shape = tuple(self.size(axis, sizes) for axis in self.definition.gives)
        return (Fact(at.inputs[0].dtype, shape),)

"""Operators that only arrange numbers anew."""

from __future__ import annotations

from dlspec.ops.axis import checked_axis
from dlspec.ops.op import ALL, At, Fact, Mistake, Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes.size import product

if TYPE_CHECKING:
    from dlspec.ops.kinds import Whole


class _Arrangement(Op, abstract=True):
    family = "shape"
    axes = "*S -> *S"
    takes = ALL


class Flatten(_Arrangement):
    """Fold axes into one; every axis after the batch unless said."""

    torch = "nn.Flatten(start_dim=, end_dim=)"
    function = "{x}.flatten(start_dim, end_dim=)"
    samples = ("float32[2, 3, 4, 5] -> flatten", "float32[2, 3, 4, 5] -> flatten(2)", "float32[2, 3, 4, 5] -> flatten(0, 1)")
    mistakes = (
        ("float32[2, 3, 4] -> flatten(3)", "E0309"),
        ("float32[2, 3, 4] -> flatten(2, 1)", "E0303"),
    )

    start_dim: Whole = 1
    """The first axis that is folded."""
    end_dim: Whole = -1
    """The last axis that is folded."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        start = checked_axis(self, fact, self.start_dim, "start_dim")
        end = checked_axis(self, fact, self.end_dim, "end_dim")
        if start > end:
            raise Mistake("E0303", f"`flatten` starts at axis {start} and ends before it, at {end}", "set here", parameter="start_dim")
        shape = fact.shape
        return (Fact(fact.dtype, (*shape[:start], product(shape[start : end + 1]), *shape[end + 1 :])),)

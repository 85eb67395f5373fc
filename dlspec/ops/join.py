"""Operators that join several tensors into one."""

from __future__ import annotations

from dlspec.ops.axis import checked_axis
from dlspec.ops.op import ALL, At, Fact, Mistake, Op, spaced
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.ops.kinds import Whole


class Concat(Op):
    """Put tensors one after the other along an axis; every other axis must agree."""

    axes = "*S -> *S"
    inputs = ("*xs",)
    takes = ALL
    function = "torch.cat([{xs}], dim=dim)"
    family = "join"
    samples = ("float32[2, 3, 4], float32[2, 5, 4] -> concat", "float32[2, 3], float32[4, 3] -> concat(dim=0)")
    mistakes = (
        ("float32[2, 3, 4], float32[2, 3, 5] -> concat", "E0302"),
        ("float32[2, 3], float32[2, 3, 4] -> concat", "E0302"),
        ("float32[2, 3], float32[2, 3] -> concat(dim=2)", "E0309"),
    )

    dim: Whole = 1
    """The axis along which they are joined; the channels unless said (PyTorch's default is 0, the batch)."""

    def result(self, at: At) -> tuple[Fact, ...]:
        self.check_types(at)
        first = at.inputs[0]
        dim = checked_axis(self, first, self.dim, "dim")
        for position, fact in enumerate(at.inputs[1:], 1):
            if len(fact.shape) != len(first.shape):
                raise Mistake(
                    "E0302", f"`concat` joins tensors of {len(first.shape)} and {len(fact.shape)} axes",
                    f"is {spaced(fact.shape)}", input=position,
                )  # fmt: skip
            for axis, (left, right) in enumerate(zip(first.shape, fact.shape)):
                if axis != dim:
                    at.equal(left, right, self.differing(axis, left, right, fact, position))
        length = sum(fact.shape[dim] for fact in at.inputs)
        return (Fact(first.dtype, (*first.shape[:dim], length, *first.shape[dim + 1 :])),)

    def differing(self, axis, left, right, fact, position) -> Mistake:
        return Mistake(
            "E0302", f"`concat` along axis {self.dim} joins sizes that differ in axis {axis}: {left} and {right}",
            f"is {spaced(fact.shape)}", input=position,
        )  # fmt: skip

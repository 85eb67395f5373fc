"""Operators that join several tensors into one."""

from __future__ import annotations

from dlspec.ops.axis import checked_axis, joined_type, replaced
from dlspec.ops.fact import ALL, At, Fact, Mistake, shown
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlspec.ops.kinds import Whole
    from dlspec.ops.spread import Seen
    from dlspec.sizes import Dim


class _Join(Op, abstract=True):
    axes = "*S -> *S"
    inputs = ("*xs",)
    family = "join"
    takes = ALL

    def check_types(self, at: At) -> None:
        """Element types may differ; the result has one that holds all."""

    def result_type(self, at: At) -> str:
        return joined_type(at.inputs)

    def check_shapes(self, at: At, free: int | None) -> None:
        """Every input has the axes of the first, and their sizes but for the free one."""
        first = at.inputs[0]
        for position, fact in enumerate(at.inputs[1:], 1):
            if len(fact.shape) != len(first.shape):
                raise Mistake(
                    "E0302", f"`{self.name}` joins tensors of {len(first.shape)} and of {len(fact.shape)} axes",
                    shown(fact), input=position,
                )  # fmt: skip
            for axis, (left, right) in enumerate(zip(first.shape, fact.shape)):
                if axis != free and left != right:
                    at.equal(left, right, self._unequal(axis, left, right, fact, position))

    def _unequal(self, axis: int, left: Dim, right: Dim, fact: Fact, position: int) -> Mistake:
        return Mistake(
            "E0302", f"`{self.name}` joins tensors that differ in axis {axis}: {left} and {right}", shown(fact),
            input=position,
        )  # fmt: skip


class Concat(_Join):
    """Put tensors one after the other along an axis; every other axis must agree."""

    function = "torch.cat([{xs}], dim=dim)"
    differs = {"dim": "axis 0 is the batch; the channels are what networks join"}
    samples = (
        "float32[2, 3, 4], float32[2, 5, 4] -> concat",
        "float32[2, 3], float32[4, 3], float32[1, 3] -> concat(dim=0)",
    )
    mistakes = (
        ("float32[2, 3, 4], float32[2, 3, 5] -> concat", "E0302"),
        ("float32[2, 3], float32[2, 3, 4] -> concat", "E0302"),
        ("float32[2, 3], float32[2, 3] -> concat(dim=2)", "E0309"),
        ("float32[], float32[] -> concat(dim=0)", "E0301"),
    )

    dim: Whole = 1
    """The axis along which they are joined; the channels unless said (PyTorch's default is 0, the batch)."""

    def result(self, at: At) -> tuple[Fact, ...]:
        first = at.inputs[0]
        if not first.shape:
            raise Mistake("E0301", "`concat` takes at least 1 axis, its input has none", shown(first), input=0)
        axis = checked_axis(self, first, self.dim, "dim")
        self.check_shapes(at, axis)
        length: Dim = sum(fact.shape[axis] for fact in at.inputs)
        return (Fact(self.result_type(at), replaced(self.known(at), axis, length)),)

    def known(self, at: At) -> tuple[Dim, ...]:
        """The sizes of the inputs, a number where any of them has one."""
        if len(at.inputs) == 1:
            return at.inputs[0].shape
        columns = zip(*(fact.shape for fact in at.inputs))
        return tuple(next((size for size in column if size.__class__ is int), column[0]) for column in columns)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """Each input is seen where it stands; along the joined axis, behind those before it."""
        joined = self.dim % len(outputs[0].shape)
        ahead = sum(fact.shape[joined] for fact in at.inputs[:port])
        begin = Window(1, 1, ahead, 0) if isinstance(ahead, int) else Window()
        return tuple((axis, begin if axis == joined else Window()) for axis in range(len(outputs[0].shape)))


class Stack(_Join):
    """Put tensors side by side along a new axis; all sizes must agree."""

    function = "torch.stack([{xs}], dim=)"
    samples = ("float32[2, 3], float32[2, 3] -> stack", "float32[2, 3], float32[2, 3] -> stack(dim=-1)")
    mistakes = (
        ("float32[2, 3], float32[2, 4] -> stack", "E0302"),
        ("float32[2, 3], float32[2, 3] -> stack(dim=3)", "E0309"),
    )

    dim: Whole = 0
    """Where the new axis stands in the result."""

    def result(self, at: At) -> tuple[Fact, ...]:
        first = at.inputs[0]
        axis = checked_axis(self, first, self.dim, "dim", room=1)
        self.check_shapes(at, None)
        return (Fact(self.result_type(at), (*first.shape[:axis], len(at.inputs), *first.shape[axis:])),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        new = self.dim % len(outputs[0].shape)
        return tuple((axis + (axis >= new), Window()) for axis in range(len(at.inputs[port].shape)))

"""Axes by number, and shapes of several tensors laid over one another."""

from __future__ import annotations

from dlspec.ops.fact import At, Fact, Mistake, shown
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from dlspec.ops.fact import Shape
    from dlspec.ops.op import Op
    from dlspec.sizes import Dim


def checked_axis(op: Op, fact: Fact, axis: int, parameter: str, room: int = 0) -> int:
    """The axis counted from the left, where the tensor has it; `room` is how many axes more the result has."""
    rank = len(fact.shape) + room
    # A single number has no axis, and PyTorch lets 0 and -1 stand for it.
    reach = max(rank, 1)
    if not -reach <= axis < reach:
        raise Mistake(
            "E0309", f"`{op.name}` works on axis {axis}, its input has {len(fact.shape)} axes", "set here",
            parameter=parameter, notes=[f"{parameter} may be {-reach} to {reach - 1} here; the input {shown(fact)}"],
        )  # fmt: skip
    return axis % reach


def checked_axes(op: Op, fact: Fact, axes: Sequence[int], parameter: str) -> tuple[int, ...]:
    """Several axes counted from the left, each named once."""
    found = tuple(checked_axis(op, fact, axis, parameter) for axis in axes)
    for position, axis in enumerate(found):
        if axis in found[:position]:
            raise Mistake("E0202", f"`{op.name}` names axis {axis} twice", "set here", parameter=parameter)
    return found


def without(shape: Shape, axes: Sequence[int]) -> Shape:
    """The shape less some axes."""
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def replaced(shape: Shape, axis: int, size: Dim) -> Shape:
    """The shape with one size put in place of another."""
    return (*shape[:axis], size, *shape[axis + 1 :])


def broadcast(op: Op, at: At, first: Fact, second: Fact, position: int = 1) -> Shape:
    """The shape of both together: aligned at the right, a size of 1 stretched to the other's.

    Two sizes of which one is open and neither is known to be 1 must be equal: PyTorch would also stretch an open size
    that happens to be 1, which no network relies on.
    """
    return broadcast_shapes(op, at, first.shape, second.shape, position)


def broadcast_shapes(op: Op, at: At, first: Shape, second: Shape, position: int = 1) -> Shape:
    """`broadcast` for parts of shapes."""
    longer = max(len(first), len(second))
    out: list[Dim] = []
    for axis in range(-longer, 0):
        left = first[axis] if -axis <= len(first) else 1
        right = second[axis] if -axis <= len(second) else 1
        if left == right or right == 1:
            out.append(left)
        elif left == 1:
            out.append(right)
        else:
            at.equal(left, right, _unequal(op, at, axis + longer, left, right, position))
            # A number says more than an open size that must be that number.
            out.append(left if left.__class__ is int else right)
    return tuple(out)


def _unequal(op: Op, at: At, axis: int, left: Dim, right: Dim, position: int) -> Mistake:
    return Mistake(
        "E0302", f"the inputs of `{op.name}` differ in axis {axis}: {left} and {right}", shown(at.inputs[position]),
        input=position, notes=["sizes must be equal, or one of them 1"],
    )  # fmt: skip


_INTEGERS = ("int8", "int16", "int32", "int64")


def promoted(left: str, right: str) -> str:
    """The element type of two together, by the table of `torch.promote_types`."""
    if left == right:
        return left
    order = ("bool", "uint8", *_INTEGERS, "float16", "bfloat16", "float32", "float64")
    low, high = sorted((left, right), key=order.index)
    if (low, high) == ("uint8", "int8"):
        return "int16"
    return "float32" if (low, high) == ("float16", "bfloat16") else high


def category(dtype: str) -> int:
    """0 for truth values, 1 for whole numbers, 2 for real ones."""
    return 0 if dtype == "bool" else 2 if "float" in dtype else 1


def joined_type(facts: Sequence[Fact], scalar: object = None) -> str:
    """The element type of tensors, perhaps with a number, as PyTorch finds it.

    A single number, be it a tensor without axes or written in the code, counts only where its category is higher.
    """
    tensors = [fact.dtype for fact in facts if fact.shape]
    numbers = [fact.dtype for fact in facts if not fact.shape]
    found: str | None = None
    for group in (tensors, numbers):
        own: str | None = None
        for dtype in group:
            own = dtype if own is None else promoted(own, dtype)
        if own is not None and (found is None or category(own) > category(found)):
            found = own
    if scalar is not None and found is not None:
        written = "float32" if isinstance(scalar, float) else "int64"
        if category(written) > category(found):
            found = written
    return found or "float32"


def per_axis(values: Any, axes: int, name: str, parameter: str) -> tuple[Any, ...]:
    """One value for every axis, or as many as there are axes."""
    if not isinstance(values, tuple):
        return (values,) * axes
    if len(values) != axes:
        words = f"`{name}` has {len(values)} values in `{parameter}` for {axes} axes"
        raise Mistake("E0202", words, "set here", parameter=parameter)
    return values

"""The pattern language of `axes`: which axes come in and which go out.

    N C H W -> N out_channels H' W'      a primed axis is seen through a window of `windows()`
    *B I -> *B out_features              `*B` is any number of axes
    N *S -> N (*S)                       parentheses fold axes into one
    N T E, N S E -> N T E                a comma separates inputs; equal names are equal sizes

A capital names an axis, a small word is a parameter, a number is itself.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

Axes = tuple[str, ...]


class Pattern:
    """A pattern once read: the axes of each input and of each output, as written."""

    __slots__ = ("inputs", "outputs")

    def __init__(self, text: str) -> None:
        left, _, right = text.partition("->")
        self.inputs: tuple[Axes, ...] = tuple(tuple(part.split()) for part in left.split(","))
        self.outputs: tuple[Axes, ...] = tuple(tuple(part.split()) for part in right.split(","))


_READ: dict[str, Pattern] = {}


def pattern(axes: str) -> Pattern:
    """The pattern that a text is; each text is read once."""
    found = _READ.get(axes)
    if found is None:
        found = _READ[axes] = Pattern(axes)
    return found


def fits(axes: Axes, rank: int) -> bool:
    """Whether a tensor with that many axes can have these."""
    many = any(axis[0] == "*" for axis in axes)
    return rank >= len(axes) - 1 if many else rank == len(axes)


def paired(axes: Axes, shape: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Each axis of a pattern with what stands there in a shape that it fits: a size, for `*S` a tuple of sizes."""
    left = 0
    for index, axis in enumerate(axes):
        if axis[0] == "*":
            right = len(shape) - (len(axes) - index - 1)
            yield axis, shape[left:right]
            left = right
        else:
            yield axis, shape[left]
            left += 1

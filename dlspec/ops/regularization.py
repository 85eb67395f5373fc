"""Dropout: numbers put to zero at random in training, untouched in evaluation."""

from __future__ import annotations

from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.ops.kinds import Fraction


class Dropout(Op):
    """Put each number to zero with probability p and scale the others up, in training only."""

    axes = "*S -> *S"
    torch = "nn.Dropout(p=)"
    function = "F.dropout({x}, p=, training=self.training)"
    family = "regularization"
    training_only = True
    samples = ("float32[2, 3, 4] -> dropout", "float32[2, 3, 4] -> dropout(0.2)")
    mistakes = (("float32[2, 3] -> dropout(1.5)", "E0202"),)

    p: Fraction = 0.5
    """The probability of a zero."""

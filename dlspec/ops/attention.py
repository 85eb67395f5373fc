"""Attention: every position gathers from all others, weighed by how well it matches them."""

from __future__ import annotations

from dlspec.ops.fact import At, Fact, Mistake, shown
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, product

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import Count, Fraction, Number
    from dlspec.ops.op import Limit
    from dlspec.ops.spread import Seen
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim


class MultiheadAttention(Op):
    """Attend from every query to all keys, in several heads with learned projections; gives the attended tensor."""

"""Tables of learned vectors."""

from __future__ import annotations

from dlspec.ops.fact import At
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import Count, Number, Positive, Whole
    from dlspec.ops.op import Limit


class Embedding(Op):
    """Look up a learned vector for every whole number."""

    axes = "*S -> *S embedding_dim"
    takes = ("int32", "int64")
    torch = (
        "nn.Embedding(num_embeddings, embedding_dim, padding_idx=, max_norm=, norm_type=, scale_grad_by_freq=, sparse=)"
    )
    family = "embedding"
    keeps = "x"
    samples = ("int64[2, 7] -> embedding(10, 4)", "int64[5] -> embedding(10, 4, padding_idx=0)")
    mistakes = (
        ("float32[2, 7] -> embedding(10, 4)", "E0304"),
        ("int64[2, 7] -> embedding(10, 4, padding_idx=10)", "E0202"),
    )

    num_embeddings: Count
    """How many vectors there are; the numbers looked up are below it."""
    embedding_dim: Count
    """Length of a vector."""
    padding_idx: Whole | None = None
    """A number whose vector stays as it is, for what is no word."""
    max_norm: Positive | None = None
    """Length that a vector is scaled down to when it is looked up."""
    norm_type: Number = 2.0
    """Exponent of that length."""
    scale_grad_by_freq: bool = False
    """Whether a gradient is divided by how often its vector occurs in the batch."""
    sparse: bool = False
    """Whether the gradient holds only the vectors that occur."""

    def result_type(self, at: At) -> str:
        return "float32"

    def limits(self, at: At) -> Iterator[Limit]:
        index, count = self.padding_idx, self.num_embeddings
        yield (
            index is None or -count <= index < count, "padding_idx",
            f"`padding_idx` {index} is no row of a table with {count}", "E0202",
        )  # fmt: skip

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        yield "weight", (self.num_embeddings, self.embedding_dim)

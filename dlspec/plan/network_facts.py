"""What a plan's checks need to know of a network; whoever has its graph fills it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from dlspec.graph import Graph
    from dlspec.source import Span


class TensorFacts(Record):
    """An input or output: open axes are anything but an int and are printed by `str`."""

    dtype: str
    shape: Sequence[object]
    op: str | None = None
    """The operator that makes an output, `softmax` for one; None for an input or where not known."""
    span: Span | None = None

    def __str__(self) -> str:
        return " ".join(str(axis) for axis in self.shape)


class NetworkFacts(Record):
    """A network seen from outside: `parameters` are the names that an application may set."""

    name: str
    inputs: dict[str, TensorFacts]
    outputs: dict[str, TensorFacts]
    parameters: tuple[str, ...] = ()
    state: Callable[[], dict[str, tuple[int, ...]]] | None = None
    """Gives the shapes of all weights and buffers by name; None where only a run knows them."""
    graph: Graph | None = None
    """All of it, for what is asked of its layers."""
    trained: NetworkFacts | None = None
    """The same in training, where it has other inputs and outputs then."""

    @property
    def in_training(self) -> NetworkFacts:
        return self.trained or self

"""From a graph to the PyTorch module that one would have written by hand."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from dlspec.graph import Graph
    from dlspec.lowering.inference import Inference
    from dlspec.lowering.traceback import LineMap


class Lowered(Record):
    """A module file: its text, where each line comes from, and the name of its class."""

    source: str
    places: LineMap
    class_name: str


def lower(graph: Graph, *, for_inference: bool = False) -> Lowered:
    """The module file of a network; for inference with batch norms folded, without gradients and parts of training.

    The file then has a function `fold` beside, from a `state_dict` of the network as trained to one of this.
    """
    if for_inference:
        from dlspec.lowering import inference

        made = inference.for_inference(graph)
        return _written(made.graph, made)
    return _written(graph, None)


def _written(graph: Graph, inference: Inference | None) -> Lowered:
    from dlspec.lowering.traceback import LineMap
    from dlspec.lowering.write import File

    file = File(graph, inference)
    written = file.write()
    training = graph.training.modules if graph.training is not None else {}
    spans = {path: module.span for path, module in {**training, **graph.modules}.items()}
    return Lowered(written.source, LineMap(written.spans, spans), file.network.name)

"""A graph to the text of its PyTorch module; code of the user only where that is allowed."""

from __future__ import annotations

from dlspec.diagnostics.defect import Defect
from dlspec.diagnostics.record import SpecError, problem
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Graph
    from dlspec.lowering import Lowered


def lowered(graph: Graph, *, allow_code: bool = False, for_inference: bool = False) -> Lowered:
    """The PyTorch source of a graph with its line map; user code is refused unless it is allowed.

    Raises Defect where it is dlspec that fails.
    """
    from dlspec.lowering import lower

    for node in graph.nodes:
        if node.op.family == "foreign" and not allow_code:
            raise SpecError(
                [problem("E0217", f"`{node.op.name}` is code of the user", node.span, "would be imported and run",
                         notes=["checking and drawing run no code; `--allow-code` lets this"],
                         fixes=[])]
            )  # fmt: skip
    try:
        return lower(graph, for_inference=for_inference)
    except RecursionError:
        raise
    except Exception as error:
        raise Defect(f"writing the module of `{graph.name}`", error) from error

"""Networks that take regions from outside: somebody finds them, and what is fitted to them afterwards is a layer."""

from __future__ import annotations

from collections.abc import Iterator

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.plan.keys import ResolvedPlan, known_source
from dlspec.plan.network_facts import NetworkFacts
from dlspec.plan.reading import listed, renamed

PROPOSALS = "proposals"
"""The input by which a network takes regions that were found before it."""


def check_proposals(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """A network that takes proposals is given some, and no other is."""
    source = known_source(plan)
    if source is None or network is None:
        return
    proposer, taken = plan.data.proposals, network.inputs.get(PROPOSALS)
    written = "proposals" in (plan.data.spans or {})
    if taken is not None and proposer is None and not written:
        also = [(taken.span, "are wanted in training and in evaluation")] if taken.span else []
        span, whole = source.at(""), source.span
        edits = [Edit(whole, f"{whole.text}, proposals = selective_search")] if whole else []
        fixes = [Fix("have them searched for: `proposals = selective_search`", edits)]
        message = f"`{network.name}` takes proposals, and nobody finds them"
        yield problem("E0637", message, span, "gives images alone", also=also, fixes=fixes)
    elif taken is None and proposer is not None:
        inputs = listed([f"`{name}`" for name in network.inputs])
        fixes = [Fix("leave `proposals` out, or give the network an `input proposals: list[boxes[P]]`")]
        message = f"`{network.name}` has no input `{PROPOSALS}`"
        yield problem(
            "E0637", message, proposer.span, "finds regions for it", notes=[f"it takes {inputs}"], fixes=fixes
        )


def check_stages(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """A stage fits a `linear` layer of a network that takes proposals, with the rows that its classes need."""
    graph = network.graph if network is not None else None
    if network is None or graph is None:
        return
    for stage in plan.then or ():
        layer = stage.layer
        span = stage.at("layer")
        linears = tuple(path for path, module in graph.modules.items() if module.op.name == "linear")
        if layer not in linears:
            there = layer in graph.modules
            says = f"is a `{graph.modules[layer].op.name}`" if there else "no such layer"
            fixes = renamed(layer, linears, span, "layer") if span and not there else []
            notes = [f"`linear` layers that are computed in evaluation: {listed(linears)}"] if linears else []
            message = f"`{stage.name}` fits a `linear` layer, and `{layer}` is none of `{network.name}`"
            yield problem("E0639", message, span, says, notes=notes, fixes=fixes)
        elif PROPOSALS not in network.inputs:
            message = f"`{stage.name}` fits layers to regions, and `{network.name}` takes no `{PROPOSALS}`"
            yield problem("E0639", message, stage.span, "has no regions to look at")

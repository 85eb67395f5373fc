"""What builds but is almost surely not meant: each finding with its evidence in the network's own numbers.

A lint that is wrong once is read no more, so each of them stays silent where the pattern has a known use. A file holds
a family of them; each is a function of a graph and of who reads what in it, in time linear in the nodes.
"""

from __future__ import annotations

from dlspec.analyses.lints.cancelled_bias import cancelled_biases
from dlspec.analyses.lints.collapsing import collapsing
from dlspec.analyses.lints.depth import deep_plain_stack, vanishing_gradients
from dlspec.analyses.lints.heavy_layer import heavy_layer
from dlspec.analyses.lints.lone_value import lone_values
from dlspec.analyses.lints.regions import regions
from dlspec.analyses.lints.shrinking_upsample import shrinking_upsamples
from dlspec.analyses.lints.spatial_linear import spatial_linears
from dlspec.analyses.lints.unused import unused_inputs, unused_values
from dlspec.analyses.lints.uses import Uses
from dlspec.analyses.lints.wide_field import fields_beyond_input
from dlspec.analyses.lints.windows import unread_positions
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlspec.diagnostics.record import Diagnostic
    from dlspec.graph import Graph
    from dlspec.source import Span

LINTS = (
    collapsing,
    cancelled_biases,
    spatial_linears,
    unread_positions,
    vanishing_gradients,
    deep_plain_stack,
    heavy_layer,
    fields_beyond_input,
    lone_values,
    shrinking_upsamples,
    regions,
)
"""The lints that look at one graph."""


def lint(graph: Graph) -> list[Diagnostic]:
    """Every finding once, however often its block is used; without those that the network allows.

    The graph of training is looked at too, where it differs: what only training uses is used.
    """
    uses = [Uses(one) for one in (graph, graph.training) if one is not None]
    found = _once((*unused_values(uses), *unused_inputs(uses)))
    for one in uses:
        for check in LINTS:
            for key, diagnostic in _once(check(one)).items():
                found.setdefault(key, diagnostic)
    return [diagnostic for diagnostic in found.values() if diagnostic.name not in graph.allowed]


def _once(diagnostics: Iterable[Diagnostic]) -> dict[tuple[str, Span | None], Diagnostic]:
    """Diagnostics by code and place; the same in another use of a block is only counted."""
    found: dict[tuple[str, Span | None], Diagnostic] = {}
    more: dict[tuple[str, Span | None], int] = {}
    for diagnostic in diagnostics:
        key = (diagnostic.code, diagnostic.place)
        if found.setdefault(key, diagnostic) is not diagnostic:
            more[key] = more.get(key, 0) + 1
    for key, count in more.items():
        words = "further use of the block meets" if count == 1 else "further uses of the block meet"
        found[key].notes.append(f"{count} {words} the same")
    return found

"""Limits of a network or a plan, read and held against what the network costs."""

from __future__ import annotations

from dlspec.analyses.budgets import Budget, closed_sizes, over_budget
from dlspec.plan import keys
from dlspec.plan.fitting import sample_shape
from dlspec.plan.reading import Reader
from dlspec.plan.schedule_checks import train_count
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.diagnostics.record import Diagnostic
    from dlspec.graph import Graph
    from dlspec.syntax import tree


def network_limits(graph: Graph, section: tree.Section) -> list[Diagnostic]:
    """What is wrong with `limits { … }` of a network, and which of them it does not keep for a batch of one."""
    reader = Reader()
    read = reader.section(keys.Limits, section, "`limits`")
    assert isinstance(read, keys.Limits)
    return [*reader.problems, *over_budget(graph, _budgets(read))]


def plan_limits(plan: keys.ResolvedPlan, graph: Graph) -> Iterator[Diagnostic]:
    """The limits of a plan that its network does not keep, for its batches and the sizes of its samples."""
    if plan.limits is not None:
        batch = plan.batch_size if isinstance(plan.batch_size, int) else train_count(plan) or 1
        yield from over_budget(graph, _budgets(plan.limits), batch=batch, sizes=_sizes(plan, graph))


def _budgets(limits: keys.Limits) -> list[Budget]:
    return [Budget(name, most, limits.at(name)) for name, most in limits.values() if most is not None]


def _sizes(plan: keys.ResolvedPlan, graph: Graph) -> dict[str, int]:
    """The open sizes of the one input that samples close."""
    shape = sample_shape(plan)
    if shape is None or len(graph.inputs) != 1:
        return {}
    (tensor,) = graph.inputs.values()
    return closed_sizes(tensor, shape)

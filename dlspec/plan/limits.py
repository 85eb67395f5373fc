"""Limits of a network or a plan, read and held against what the network costs."""

from __future__ import annotations

from dlspec.analyses.budgets import Budget, closed, closed_sizes, over_budget
from dlspec.plan import keys
from dlspec.plan.fitting import sample_shape
from dlspec.plan.paths import covered
from dlspec.plan.reading import Reader
from dlspec.plan.schedule_checks import train_count
from dlspec.plan.sources import OPEN
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        yield from over_budget(graph, _budgets(plan.limits), batch=_batch(plan), sizes=_sizes(plan, graph))


def memory_words(plan: keys.ResolvedPlan, graph: Graph) -> str:
    """What a training step holds by the estimate of `dlspec summary`: activations and weights, in words."""
    from dlspec.analyses.cost import cost
    from dlspec.analyses.memory import memory
    from dlspec.analyses.recomputed import kept_recomputing
    from dlspec.analyses.words import bytes_words

    batch = -(-_batch(plan) // plan.accumulate)
    plain, sizes = memory(graph).activation_bytes, _sizes(plan, graph)
    kept = closed(kept_recomputing(graph, _part_of(plan.checkpoint)), graph, batch=batch, sizes=sizes)
    saved = closed(plain, graph, batch=batch, sizes=sizes) - kept
    weights = closed(cost(graph).weight_bytes, graph)
    less = f", {bytes_words(saved)} less by `checkpoint`," if saved > 0 else ""
    says = f"a step keeps about {bytes_words(kept)} of activations{less} for {batch:,} samples at once"
    return f"{says}, beside {bytes_words(weights)} of weights and some times that for gradients and the optimizer"


def _batch(plan: keys.ResolvedPlan) -> int:
    return plan.batch_size if isinstance(plan.batch_size, int) else train_count(plan) or 1


def _part_of(patterns: tuple[str, ...]) -> Callable[[str], str]:
    """The outermost part of a path that the patterns cover as a whole; "" where there is none."""

    def part(path: str) -> str:
        names = path.split(".")
        prefixes = (".".join(names[: place + 1]) for place in range(len(names) - 1))
        return next((prefix for prefix in prefixes if covered(patterns, prefix)), "")

    return part


def _budgets(limits: keys.Limits) -> list[Budget]:
    return [Budget(name, most, limits.at(name)) for name, most in limits.values() if most is not None]


def _sizes(plan: keys.ResolvedPlan, graph: Graph) -> dict[str, int]:
    """The open sizes of the one input that samples close."""
    shape = sample_shape(plan)
    if shape is None or OPEN in shape or len(graph.inputs) != 1:
        return {}
    (tensor,) = graph.inputs.values()
    return closed_sizes(tensor, shape)

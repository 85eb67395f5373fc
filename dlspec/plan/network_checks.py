"""What a plan asks of the layers inside its network: batches that its norms can use, a view as wide as its objects."""

from __future__ import annotations

from dlspec.analyses.lints.lone_value import is_trained_norm, places
from dlspec.analyses.lints.uses import Uses, leading_to
from dlspec.analyses.receptive_field import receptive_fields
from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.analyses.receptive_field import Field, ReceptiveFields
    from dlspec.graph import Graph, Node, Tensor
    from dlspec.plan.keys import ResolvedPlan
    from dlspec.plan.network_facts import NetworkFacts

AVERAGING = ("pooling", "reduction")


def check_batch(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """W0703: a norm over the batch, and batches of one sample."""
    graph = network.graph if network is not None else None
    if graph is None or plan.batch_size != 1:
        return
    norms = [node for node in (graph.training or graph).nodes if is_trained_norm(node)]
    if norms:
        yield _batch_of_one(plan, norms)


def _batch_of_one(plan: ResolvedPlan, norms: list[Node]) -> Diagnostic:
    lone = [node for node in norms if places(node) == 1]
    node = lone[0] if lone else norms[0]
    if lone:
        note = f"`{node.path}` has one value of each channel then, and PyTorch refuses to train so"
    else:
        note = "each image is normalized by itself in training, and by the mean of all of them in evaluation"
    more = f", and {len(norms) - 1} further norms do" if len(norms) > 2 else ""
    return problem(
        "W0703", f"`{node.path}` takes means over a batch of 1", plan.at("batch_size"), "is a single sample",
        also=[(node.span, f"takes the mean of each channel over the batch{more}")], notes=[note],
        fixes=[Fix("take more samples for a step, or use `group_norm` or `layer_norm`", safety="placeholder")],
    )  # fmt: skip


def check_field(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """W0704: units that see less than an object, where the plan says how large objects are."""
    graph = network.graph if network is not None else None
    wanted = _object_size(plan)
    if graph is None or wanted is None or len(graph.inputs) != 1:
        return
    sizes = (wanted,) if isinstance(wanted, int) else wanted
    found = _widest(graph)
    if found is None:
        return
    node, field = found
    seen = [size for size in field.size if isinstance(size, int)]
    objects = list(sizes) * len(seen) if len(sizes) == 1 else list(sizes)
    if len(seen) == len(objects) and any(one < other for one, other in zip(seen, objects)):
        yield _too_narrow(plan, node, field, objects)


def _object_size(plan: ResolvedPlan) -> int | tuple[int, int] | None:
    """What the plan says, else the side of the source's largest object, where images keep their size."""
    if plan.known("data") is None or plan.data.object_size is not None:
        return plan.data.object_size if plan.known("data") is not None else None
    sides = plan.data.source.object_sides if plan.data.source is not None and plan.data.resize is None else None
    return None if sides is None else sides[1]


def _widest(graph: Graph) -> tuple[Node, Field] | None:
    """The last nodes whose units see a part of the input, those that see most; None where some see all by weights."""
    uses, fields = Uses(graph), receptive_fields(graph)
    found: list[tuple[Node, Field]] = []
    for tensor in graph.outputs.values():
        seeing = _seeing(tensor, uses, fields)
        if seeing is None:
            return None
        found += seeing
    return max(found, key=lambda pair: sum(size for size in pair[1].size if isinstance(size, int)), default=None)


def _seeing(tensor: Tensor, uses: Uses, fields: ReceptiveFields) -> list[tuple[Node, Field]] | None:
    """What an output rests on: itself, or the maps of which means are taken before it."""
    field = fields.of(tensor.node)
    if field is None:
        return []
    if not _is_whole(field):
        return None if field.depends_on_data else [(tensor.node, field)]
    found: list[tuple[Node, Field]] = []
    for node in leading_to([tensor.node]):
        own = fields.of(node)
        if own is None or not _is_whole(own):
            continue
        for given in node.inputs:
            before = fields.of(given.node)
            if before is None or _is_whole(before):
                continue
            if node.op.family not in AVERAGING or uses.readers[given] != [node]:
                return None
            found.append((given.node, before))
    return found


def _is_whole(field: Field) -> bool:
    return len(field.reaches) < len(field.sights) and not field.depends_on_data


def _too_narrow(plan: ResolvedPlan, node: Node, field: Field, objects: list[int]) -> Diagnostic:
    seen, wanted = _times(field.size), _times(objects)
    missing = max(other - one for one, other in zip(field.size, objects) if isinstance(one, int))
    strides = [stride for stride in field.stride if isinstance(stride, int) and stride > 0]
    gain = 2 * max(strides, default=1)
    bound = "at most " if field.is_bound else ""
    place, says = plan.data.at("object_size"), f"is {wanted}"
    if plan.data.object_size is None:
        place, says = plan.data.source.at(""), f"has objects of up to {wanted}"
    return problem(
        "W0704", f"a unit of `{node.path}` sees less than an object", place, says,
        also=[(node.span, f"sees {bound}{seen}")],
        notes=[f"a further 3×3 convolution here widens it by {gain}: {-(-missing // gain)} of them would do"],
        fixes=[Fix("go deeper, step earlier or dilate, so that a unit sees a whole object", safety="placeholder")],
    )  # fmt: skip


def _times(sizes: object) -> str:
    return "×".join(str(size) for size in sizes)  # type: ignore[attr-defined]  # a list or tuple of sizes

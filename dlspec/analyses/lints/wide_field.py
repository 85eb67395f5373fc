"""Convolutions whose units see the whole input before: their windows widen nothing.

After Richter, Byttner, Krumnack, Schallner, Shenk, "Should You Go Deeper? Optimizing Convolutional Neural
Network Architectures without Training by Receptive Field Analysis" (2021). Where paths join, the field is that of the
widest path, and most of a unit comes along a narrower one: of such networks nothing is said.
"""

from __future__ import annotations

from dlspec.analyses.cost import parameters
from dlspec.analyses.reach import Reach
from dlspec.analyses.receptive_field import receptive_fields
from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.analyses.lints.uses import Uses
    from dlspec.analyses.receptive_field import Field, ReceptiveFields
    from dlspec.graph import Node


def fields_beyond_input(uses: Uses) -> Iterator[Diagnostic]:
    """W0423: most parameters lie in convolutions of which every unit saw all of the input already."""
    graph = uses.graph
    if len(graph.inputs) != 1:
        return
    ((name, image),) = graph.inputs.items()
    if len(image.shape) < 3 or not all(isinstance(size, int) for size in image.shape[2:]):
        return
    widening = [node for node in graph.nodes if uses.is_own(node) and any(w.span > 1 for w in node.op.windows())]
    if not widening or any(len(set(node.inputs)) > 1 for node in graph.nodes):
        return
    fields = receptive_fields(graph)
    late = [node for node in widening if _sees_all(node, name, fields)]
    total = sum(map(parameters, graph.modules.values()))
    held = sum(parameters(node.module) for node in late if node.module is not None)
    if 2 * held > total:
        yield _beyond(late, fields, name, held, total)


def _sees_all(node: Node, name: str, fields: ReceptiveFields) -> bool:
    """Whether each unit of what a node reads, the first and the last too, sees the whole input."""
    given = node.inputs[0]
    field = fields.of(given.node, name)
    if field is None or field.is_bound:
        return False
    for sight, size in zip(field.sights, field.sizes):
        if not isinstance(sight, Reach) or sight.place is None or sight.is_folded:
            return False
        count = given.shape[sight.place]
        if not isinstance(count, int) or not isinstance(size, int):
            return False
        if sight.ends(0)[1] < size - 1 or sight.ends(count - 1)[0] > 0:
            return False
    return bool(field.sights)


def _beyond(late: list[Node], fields: ReceptiveFields, name: str, held: int, total: int) -> Diagnostic:
    first = late[0]
    field: Field | None = fields.of(first.inputs[0].node, name)
    assert field is not None
    size = "×".join(str(one) for one in field.sizes)
    seen = "×".join(str(one) for one in field.size)
    many = "convolution sees" if len(late) == 1 else "convolutions see"
    return problem(
        "W0423", f"from `{first.path}` on every unit sees the whole input already", first.span,
        f"reads units that see {seen} of {size}",
        notes=[
            f"{len(late)} {many} no more than the layer before, with {held:,} of {total:,} parameters "
            f"({100 * held / total:.0f} %): the field outgrew `{name}`"
        ],
        fixes=[Fix("step less at the start, take larger images, or fewer layers", safety="placeholder")],
    )  # fmt: skip

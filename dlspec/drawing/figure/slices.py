"""The slabs of a stage: one for every repeat of a block, or for every layer of a chain."""

from __future__ import annotations

from itertools import pairwise

from dlspec.drawing.figure.items import is_join
from dlspec.graph import Application, Node
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from dlspec.graph import Tensor

HEAVY = ("convolution", "linear", "attention", "embedding", "pooling", "resize", "foreign", "detection", "wrong")


class Slice(Record):
    """One slab: its family gives the colour, the tensor the size."""

    family: str
    tensor: Tensor
    node: Node
    application: Application | None = None
    """The use of a block that it stands for."""


def input_slice(node: Node) -> Slice:
    return Slice("input", node.outputs[0], node)


def slices_of_nodes(nodes: list[Node]) -> list[Slice]:
    """A card is one slab, as large as what its host gives."""
    host = nodes[0]
    return [Slice(_family(host), host.outputs[0], host)]


def _family(node: Node) -> str:
    """A transposed convolution has the colour of what makes maps larger."""
    return "resize" if "output_padding" in node.op.fields else node.op.family


def slices_of_result(nodes: list[Node], application: Application | None) -> list[Slice]:
    """One slab for light steps that give what a network is for; where they sum up numbers, that is what they are."""
    last = nodes[-1]
    family = "reduction" if any(node.op.family == "reduction" for node in nodes) else last.op.family
    return [Slice(family, last.outputs[0], last, application)]


def slices_of(application: Application) -> list[Slice]:
    """A slab for each repeat of the block that it repeats most; else for each layer, where these form a chain."""
    inside = list(application.nodes())
    heavy = [node for node in inside if node.op.family in HEAVY]
    if not heavy:
        return []
    wrong = next((node for node in inside if node.op.family == "wrong"), None)
    if wrong is not None:
        return [Slice("wrong", wrong.outputs[0], wrong, application)]
    repeats = _repeats(application)
    if len(repeats) > 1:
        return [_slice(one) for one in repeats]
    if not _has_siblings(application) and _is_chain(heavy, inside):
        main = [node for node in heavy if node.op.family != "pooling"] or heavy
        return [Slice(_family(node), node.outputs[0], node) for node in main]
    return [_slice(application)]


def _slice(application: Application) -> Slice:
    """One slab for a whole block: the colour of what it has most weights in, the size of what it gives."""
    inside = list(application.nodes())
    heavy = [node for node in inside if node.op.family in HEAVY]
    weighty = [node for node in heavy if node.op.family not in ("pooling", "resize")] or heavy or inside
    last = inside[-1]
    attention = next((node for node in weighty if node.op.family == "attention"), None)
    host = attention or weighty[0]
    return Slice(_family(host), last.outputs[0], host, application)


def _repeats(application: Application) -> list[Application]:
    """The longest run of uses of one block in it, at any depth."""
    inner = [step for step in application.steps if isinstance(step, Application) and step.kind != "foreign"]
    kinds: dict[int, list[Application]] = {}
    for step in inner:
        if step.kind in ("block", "network") and sum(node.op.family in HEAVY for node in step.nodes()) > 1:
            kinds.setdefault(id(step.definition), []).append(step)
    best = max(kinds.values(), key=len, default=[])
    if len(best) > 1 and _follow(best):
        return best
    below = [_repeats(step) for step in inner if step.kind in ("group", "list") or len(inner) == 1]
    return max(below, key=len, default=[])


def _has_siblings(application: Application) -> bool:
    """Whether its block is used right before or after it too, so that each use is one slab."""
    if application.kind != "block" or application.parent is None:
        return False
    steps = application.parent.steps
    place = steps.index(application)
    beside = [*steps[max(place - 1, 0) : place], *steps[place + 1 : place + 2]]
    return any(isinstance(step, Application) and step.definition is application.definition for step in beside)


def _follow(uses: list[Application]) -> bool:
    """Whether each use reads something that the one before it gave."""
    for one, other in pairwise(uses):
        made = set(one.nodes())
        if not any(tensor.node in made for node in other.nodes() for tensor in node.inputs):
            return False
    return True


def _is_chain(heavy: list[Node], inside: list[Node]) -> bool:
    """Whether each layer gets what the one before it gave, through nothing but light steps, and nothing goes around."""
    if len(heavy) > 4:
        return False
    if any(is_join(node) and node.index > heavy[0].index + 1 for node in inside):
        return _joins_only_at_first(heavy, inside)
    reach = {heavy[0]}
    for node in inside:
        if node in heavy[1:]:
            if not any(tensor.node in reach for tensor in node.inputs):
                return False
            reach = {node}
        elif any(tensor.node in reach for tensor in node.inputs):
            reach.add(node)
    return True


def _joins_only_at_first(heavy: list[Node], inside: list[Node]) -> bool:
    """An upsampling whose result is joined to a shortcut from outside, then layers: the way up of a U-Net."""
    joins = [node for node in inside if is_join(node)]
    made = set(inside)
    own = [tensor for tensor in joins[0].inputs if tensor.node in made]
    return len(joins) == 1 and len(own) == 1 and heavy[0].index < joins[0].index < heavy[-1].index

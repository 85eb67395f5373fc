"""Taking together what follows each other at one size, and what it is called then."""

from __future__ import annotations

from dlspec.drawing.figure.items import Item, Stages, is_unnamed, sorts
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlspec.graph import Node


def merge(made: Stages, may: Callable[[Item, Item], bool]) -> None:
    """Take a stage together with the one that it alone follows and that alone it follows, where both may be one.

    Uses of one block may also read the same from elsewhere, and give to the same: a decoder its encoder's memory.
    """
    place = 0
    while place < len(made.items):
        item = made.items[place]
        other = _follower(made, item)
        if other is not None and may(item, other):
            _take(made, item, other)
        else:
            place += 1


def _follower(made: Stages, item: Item) -> Item | None:
    """The stage that a stage may be taken together with."""
    leaving = {link.target: link for link in made.links if link.source is item}
    for other, link in leaving.items():
        if link.role != "main":
            continue
        arriving = {link.source for link in made.links if link.target is other}
        if len(leaving) == len(arriving) == 1:
            return other
        if _alike(item, other) and not (item.is_join or other.is_join):
            read = {link.source for link in made.links if link.target is item}
            given = {link.target for link in made.links if link.source is other}
            if arriving - {item} <= read and leaving.keys() - {other} <= given:
                return other
    return None


def _take(made: Stages, item: Item, other: Item) -> None:
    begins = item.application is None and all(one.family == "pooling" for one in item.slices) and is_unnamed(item)
    item.label = other.label if begins and not is_unnamed(other) else merged_label(item.label, other.label)
    item.nodes = [*item.nodes, *other.nodes]
    item.slices = [*item.slices, *other.slices]
    item.result = other.result
    same = item.application is not None and _alike(item, other)
    item.application = item.application if same else None
    item.outputs = [*item.outputs, *other.outputs]
    made.items.remove(other)
    known = {(link.source, link.target) for link in made.links}
    for link in list(made.links):
        if link.target is other or (link.source is other and (item, link.target) in known):
            made.links.remove(link)
        elif link.source is other:
            link.source = item


def _alike(one: Item, other: Item) -> bool:
    return (
        one.application is not None
        and other.application is not None
        and one.application.kind == "block"
        and one.application.definition is other.application.definition
    )


def may_follow(one: Item, other: Item) -> bool:
    """Layers at one size that nobody gave a name, or uses of one block at one size."""
    if one.nodes[0].op.family == "input" or one.is_join or other.is_join or one.extent != other.extent:
        return False
    if other.failed is not None or sorts(other.nodes[0]):
        return False
    if _alike(one, other):
        return True
    unnamed = all(item.application is None and is_unnamed(item) for item in (one, other))
    return unnamed and one.label.rpartition(".")[0] == other.label.rpartition(".")[0]


def may_follow_closely(one: Item, other: Item) -> bool:
    """The same for a pooling and what follows it, and for layers whoever named them."""
    if one.nodes[0].op.family == "input" or one.is_join or other.is_join or one.extent != other.extent:
        return False
    if other.failed is not None:
        return False
    both_cards = one.application is None and other.application is None
    is_pooling = one.application is None and one.nodes[0].op.family == "pooling"
    return is_pooling or (both_cards and bool(one.extent))


def may_follow_unchanged(one: Item, other: Item) -> bool:
    """Layers that give one shape, whoever named them."""
    if one.nodes[0].op.family == "input" or one.is_join or other.is_join or one.result.shape != other.result.shape:
        return False
    kinds = {made.family for item in (one, other) for made in item.slices}
    return other.failed is None and one.application is None and other.application is None and len(kinds) == 1


def name_outputs(made: Stages) -> None:
    """Call what nobody named as the network calls what it gives; what is only sorted into several is one stage."""
    given: dict[Node, list[str]] = {}
    for name, tensor in made.graph.outputs.items():
        given.setdefault(tensor.node, []).append(name)
    sorted_from: dict[tuple[Item, str], Item] = {}
    for item in list(made.items):
        item.outputs = [name for node in item.nodes for name in given.get(node, [])]
        arriving = [link for link in made.links if link.target is item]
        is_end = item.outputs and not any(link.source is item for link in made.links)
        if not is_end or not is_unnamed(item) or item.application is not None or len(arriving) != 1:
            continue
        first = sorted_from.setdefault((arriving[0].source, item.nodes[0].op.name), item)
        if first is not item:
            first.nodes = [*first.nodes, *item.nodes]
            first.slices = [*first.slices, *item.slices]
            first.outputs += item.outputs
            made.items.remove(item)
            made.links.remove(arriving[0])


# Labels


def merged_label(one: str, other: str) -> str:
    """One label for a run of stages: `features.0–2`, `inception4a–4e`, `stem–stage1`.

    >>> [merged_label("features.3", "features.4–5"), merged_label("conv1_1", "conv1_2"), merged_label("stem", "stage1")]
    ['features.3–5', 'conv1_1–2', 'stem–stage1']
    """
    first, last = one.partition("–")[0], _last(other)
    if first == last:
        return one
    shared = 0
    while shared < min(len(first), len(last)) and first[shared] == last[shared]:
        shared += 1
    while shared and not _may_part(first, last, shared):
        shared -= 1
    return f"{first}–{last[shared:]}"


def _last(label: str) -> str:
    """The label of the last stage of a run."""
    first, _, end = label.rpartition("–")
    start = first.partition("–")[0]
    return end if not first or end.startswith(start[:1]) else f"{start.rstrip('0123456789')}{end}"


def _may_part(one: str, other: str, place: int) -> bool:
    """Whether two labels can be told apart by what stands from there on: after a dot, or where both have numbers."""
    numbers = one[place : place + 1].isdigit() and other[place : place + 1].isdigit()
    return one[place - 1] in "._" or (numbers and not one[place - 1].isdigit())


def shorten_labels(made: Stages) -> None:
    """Leave out the end of a path that begins as no other does; else its beginning, if the rest tells it apart."""
    labels = [item.label for item in made.items]
    for item in made.items:
        others = [label for label in labels if label != item.label]
        path = item.label.split(".")
        starts = (".".join(path[:length]) for length in range(1, len(path)))
        own = next((start for start in starts if not any(f"{other}.".startswith(f"{start}.") for other in others)), "")
        kept = own.split(".") if own else path
        ends = [".".join(kept[place:]) for place in reversed(range(len(kept))) if not kept[place][:1].isdigit()]
        item.label = next(
            (end for end in ends if not any(f".{end}." in f".{other}." for other in others)), own or item.label
        )

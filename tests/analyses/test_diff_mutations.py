"""Whatever is done to a network — layers renamed, put in, taken out, changed — the difference reports exactly that."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from spec_graphs import graph_of

from dlspec.analyses.difference import Difference

Layer = tuple[str, str]
"""A label and a call."""
Edits = list[tuple[str, int]]


def spec(layers: list[Layer], *, numbered: bool) -> str:
    """A chain of layers, labelled or numbered in a group."""
    steps = " -> ".join(call if numbered else f"{label}: {call}" for label, call in layers)
    body = f"body: {{ {steps} }}" if numbered else steps
    return f"network n {{\n  input x: float32[N, 3, 64, 64]\n  output y = x -> {body} -> relu\n}}\n"


def chain(size: int) -> list[Layer]:
    """Convolutions that can be told apart by their channels."""
    return [(f"layer{index}", f"conv2d({index + 4}, 3, padding=1)") for index in range(size)]


@st.composite
def mutations(draw: st.DrawFn) -> tuple[int, Edits]:
    size = draw(st.integers(1, 24))
    places = draw(st.lists(st.integers(0, size - 1), unique=True, max_size=5))
    kept: list[int] = []
    for place in sorted(places):
        if not kept or place - kept[-1] > 1:
            kept.append(place)  # neighbours that were both taken out and put in read as replaced
    kinds = [draw(st.sampled_from(["rename", "insert", "remove", "change"])) for _ in kept]
    return size, list(zip(kinds, kept))


def mutated(layers: list[Layer], edits: Edits) -> list[Layer]:
    out: list[Layer] = []
    by_place = {place: kind for kind, place in edits}
    for place, (label, call) in enumerate(layers):
        match by_place.get(place):
            case "rename":
                out.append((f"other{place}", call))
            case "insert":
                out += [(f"new{place}", "batch_norm2d"), (label, call)]
            case "remove":
                pass
            case "change":
                out.append((label, call.replace("3, padding=1", "5, padding=2")))
            case _:
                out.append((label, call))
    return out or [("only", "relu")]


KINDS = {"rename": "renamed", "insert": "added", "remove": "removed", "change": "changed"}


@given(mutations())
@settings(max_examples=60, deadline=None)
def test_of_labelled_layers_every_edit_is_reported_with_its_path(case: tuple[int, Edits]) -> None:
    size, edits = case
    layers = chain(size)
    changed = mutated(layers, edits)
    if len(layers) == 1 and edits and edits[0][0] == "remove":
        return
    found = Difference(graph_of(spec(layers, numbered=False)), graph_of(spec(changed, numbered=False)))
    names = {"rename": "other", "insert": "new", "remove": "layer", "change": "layer"}
    expected = sorted(((KINDS[kind],), f"{names[kind]}{place}") for kind, place in edits)
    assert sorted((edit.kinds, (edit.new or edit.old).path) for edit in found.written) == expected  # type: ignore[union-attr]


@given(mutations())
@settings(max_examples=60, deadline=None)
def test_of_numbered_layers_every_edit_is_reported_though_numbers_shift(case: tuple[int, Edits]) -> None:
    size, edits = case
    edits = [(kind, place) for kind, place in edits if kind != "rename"]
    layers = chain(size)
    if len(layers) == 1 and edits and edits[0][0] == "remove":
        return
    found = Difference(graph_of(spec(layers, numbered=True)), graph_of(spec(mutated(layers, edits), numbered=True)))
    expected = sorted(((KINDS[kind],), place) for kind, place in edits)
    shift = {
        place: sum((kind == "insert") - (kind == "remove") for kind, at in edits if at < place) for _, place in edits
    }
    reported = []
    for edit in found.written:
        if edit.new is None:
            reported.append((edit.kinds, int(edit.old.name)))  # type: ignore[union-attr]
            continue
        reported.append((edit.kinds, next(p for p in shift if p + shift[p] == int(edit.new.name))))
    assert sorted(reported) == expected


@given(mutations(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_difference_has_an_opposite(case: tuple[int, Edits], numbered: bool) -> None:
    size, edits = case
    old, new = (
        graph_of(spec(chain(size), numbered=numbered)),
        graph_of(spec(mutated(chain(size), edits), numbered=numbered)),
    )
    there, back = Difference(old, new), Difference(new, old)
    count = {"added": "removed", "removed": "added"}
    assert sorted(edit.kinds for edit in there.written) == sorted(
        tuple(count.get(kind, kind) for kind in edit.kinds) for edit in back.written
    )
    assert [(t.old, t.new) for t in there.totals] == [(t.new, t.old) for t in back.totals]


@given(st.integers(1, 24), st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_network_equals_itself(size: int, numbered: bool) -> None:
    text = spec(chain(size), numbered=numbered)
    assert Difference(graph_of(text), graph_of(text)).is_empty


@given(st.permutations(range(5)))
@settings(max_examples=30, deadline=None)
def test_of_layers_in_another_order_none_is_lost(order: list[int]) -> None:
    """Every layer finds itself again, and the fewest are said to have moved: all but a longest rising run."""
    layers = [(f"layer{i}", f"conv2d(8, {2 * i + 1}, padding={i})") for i in range(5)]
    text = spec([("first", "conv2d(8, 1)"), *layers], numbered=False)
    other = spec([("first", "conv2d(8, 1)"), *(layers[i] for i in order)], numbered=False)
    found = Difference(graph_of(text), graph_of(other))
    moved = [edit for edit in found.written if "moved" in edit.kinds]
    rising = max(
        sum(1 << i & mask > 0 for i in range(5)) for mask in range(32)
        if (run := [order[i] for i in range(5) if 1 << i & mask]) == sorted(run)
    )  # fmt: skip
    assert len(moved) == 5 - rising
    assert not any({"added", "removed", "replaced"} & set(edit.kinds) for edit in found.written)

"""The picture as graphviz lays it out: every text is taken, columns are straight, boxes nest, edges keep off cards."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlspec.drawing import dot_source
from dlspec.drawing.scene import scene
from dlspec.graph import Graph
from tests.drawing.pictures import SIAMESE, UNET, VIT, body, box_of, graph_of, laid_out, random_specs, zoo

PICTURES = {
    "lenet": lambda: zoo("lenet"),
    "resnet18": lambda: zoo("resnet18"),
    "resnet50": lambda: zoo("resnet50"),
    "unet": lambda: graph_of(UNET),
    "vit": lambda: graph_of(VIT),
    "siamese": lambda: graph_of(SIAMESE),
}


@pytest.fixture(params=PICTURES)
def graph(request: pytest.FixtureRequest) -> Graph:
    return PICTURES[request.param]()


def parts(layout: dict[str, Any]) -> tuple[dict[int, dict[str, Any]], list[dict[str, Any]]]:
    """The cards by their number in the layout, and the boxes."""
    objects = layout["objects"]
    cards = {item["_gvid"]: item for item in objects if not item["name"].startswith("cluster")}
    return cards, [item for item in objects if item["name"].startswith("cluster")]


# What graphviz takes


@settings(max_examples=20)
@given(random_specs())
def test_graphviz_takes_every_picture_and_lays_out_what_the_scene_has(spec: str) -> None:
    graph = graph_of(spec)
    made = scene(graph)
    cards, _ = parts(laid_out(dot_source(graph)))
    assert sorted(card["name"] for card in cards.values()) == sorted(card.identifier for card in made.cards)


HOSTILE = [
    '<b>&amp;"',
    "a\\",
    "\\N\\G\\l",
    '"];}',
    "</TABLE>",
    "\n\t",
    "\x00\x07",
    "%s{}$",
    "層・🙂",
    "]]>",
    "-->",
    "\ud800",
    " ",
]


@settings(max_examples=15)
@given(names=st.lists(st.sampled_from(HOSTILE) | st.text(max_size=12), min_size=3, max_size=3))
def test_no_name_breaks_out_of_its_label(names: list[str]) -> None:
    graph = body("y = x -> a: linear(8) -> relu -> g: { linear(4) -> linear(8) }")
    graph.name = names[0]
    for node, name in zip(graph.nodes[1:], itertools.cycle(names)):
        node.path = f"{node.path}.{name}"
    graph.root.steps[-1].path = names[1]  # the group
    graph.outputs = dict(zip(names[2:], graph.outputs.values()))
    layout = laid_out(dot_source(graph))
    cards, boxes = parts(layout)
    assert (len(cards), len(boxes), len(layout["edges"])) == (5, 1, 4)


def test_a_picture_that_leaves_something_out_says_so() -> None:
    steps = " -> ".join(f"a{i}: linear({8 + i % 2})" for i in range(600))
    assert "102 of 601 parts are left out" in dot_source(body(f"y = x -> {steps}"))


# How it looks


def test_cards_have_one_width_and_those_of_the_main_way_one_middle(graph: Graph) -> None:
    made = scene(graph)
    cards, _ = parts(laid_out(dot_source(graph)))
    by_name = {card["name"]: card for card in cards.values()}
    widths = {round(float(by_name[card.identifier]["width"]), 2) for card in made.cards if not card.is_join}
    assert len(widths) == 1
    middles = [float(by_name[card.identifier]["pos"].split(",")[0]) for card in made.chains[0]]
    assert max(middles) - min(middles) < 1


def test_nothing_overlaps_and_boxes_nest(graph: Graph) -> None:
    layout = laid_out(dot_source(graph))
    cards, boxes = parts(layout)
    for one, other in itertools.combinations(cards.values(), 2):
        assert not _overlap(box_of(one), box_of(other)), (one["name"], other["name"])
    for one, other in itertools.combinations(boxes, 2):
        inside = set(one["nodes"]) <= set(other["nodes"]) or set(other["nodes"]) <= set(one["nodes"])
        assert inside or not _overlap(box_of(one), box_of(other))
    for box in boxes:
        left, bottom, right, top = box_of(box)
        for number, card in cards.items():
            a, b, c, d = box_of(card)
            is_in = left <= a and bottom <= b and c <= right and d <= top
            assert is_in == (number in box["nodes"])


def test_edges_run_between_cards_and_not_over_them(graph: Graph) -> None:
    layout = laid_out(dot_source(graph))
    cards, _ = parts(layout)
    for edge in layout["edges"]:
        others = [card for number, card in cards.items() if number not in (edge["tail"], edge["head"])]
        for point in _points(edge["pos"]):
            for card in others:
                left, bottom, right, top = box_of(card)
                on_it = left + 1 < point[0] < right - 1 and bottom + 1 < point[1] < top - 1
                assert not on_it, (edge["pos"], card["name"])


def test_labels_of_boxes_end_before_the_edge_that_comes_in(graph: Graph) -> None:
    made = scene(graph)
    layout = laid_out(dot_source(graph))
    cards, boxes = parts(layout)
    main = {card.identifier for card in made.chains[0]}
    spine = next(float(card["pos"].split(",")[0]) for card in cards.values() if card["name"] in main)
    for box in boxes:
        if any(cards[number]["name"] in main for number in box["nodes"]):
            label, width = float(box["lp"].split(",")[0]), 72 * float(box["lwidth"])
            assert label + width / 2 <= spine + 1


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _points(spline: str) -> list[tuple[float, float]]:
    """Points along a spline of graphviz: `e,x,y x,y x,y …`, pieces of Bézier curves."""
    numbers = [tuple(map(float, part.split(","))) for part in spline.split() if part[0] not in "es"]
    found = []
    for start in range(0, len(numbers) - 3, 3):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = numbers[start : start + 4]
        for step in range(21):
            t = step / 20
            u = 1 - t
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            found.append((
                sum(w * v for w, v in zip(weights, (ax, bx, cx, dx))),
                sum(w * v for w, v in zip(weights, (ay, by, cy, dy))),
            ))  # fmt: skip
    return found


# The same again


@pytest.mark.slow
def test_the_same_spec_gives_the_same_bytes_in_every_process() -> None:
    code = "import dlspec.drawing as d, dlspec.checking as c; print(d.dot_source(c.open_spec('resnet18').graph()))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1


def test_drawing_twice_gives_the_same_text(graph: Graph) -> None:
    assert dot_source(graph) == dot_source(graph)

"""What a picture shows: which nodes share a card, which parts are folded or closed, and which edges are left."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from dlspec.drawing.faces import Faces
from dlspec.drawing.parts import Box, Card, Part
from dlspec.drawing.scene import Scene, scene
from dlspec.graph import Graph, Node
from tests.drawing.pictures import SIAMESE, UNET, VIT, body, graph_of, random_specs, zoo


def outline(made: Scene) -> list[str]:
    """The parts as indented lines: what is written on them, without widths."""
    faces = Faces(made)

    def lines(part: Part, depth: int) -> list[str]:
        if isinstance(part, Box):
            head = " ".join(run.text for run in faces.head(part))
            return [
                "  " * depth + f"[{head}]",
                *(line for inner in part.parts for line in lines(inner, depth + 1)),
            ]
        assert isinstance(part, Card)
        runs = faces.join(part) if part.is_join else [r for left, right in faces.card(part).lines for r in left + right]
        return ["  " * depth + " ".join(run.text for run in runs)]

    return [line for part in made.parts for line in lines(part, 0)]


def operators(made: Scene) -> list[list[str]]:
    """The operators of each card."""
    return [[node.op.name for node in card.nodes] for card in made.cards]


# Fusing


def test_a_convolution_with_its_normalization_and_activation_is_one_card() -> None:
    spec = """network n { input x: float32[N, 3, 8, 8]
      output y = x -> conv: conv2d(4, 3, stride=2, padding=1, bias=false) -> bn: batch_norm2d -> relu }"""
    made = scene(graph_of(spec))
    assert outline(made) == [
        "x input 3×8×8",
        "Conv 3×3 /2 conv 116 4×4×4 BN · ReLU",
        "y output 4×4×4",
    ]


def test_an_activation_that_another_operator_reads_too_has_a_card_of_its_own() -> None:
    made = scene(body("a = x -> a: linear(8)\n b = relu(a)\n y = a + b"))
    assert operators(made) == [["input"], ["linear"], ["relu"], ["add"], []]


def test_what_is_an_output_is_not_fused_away() -> None:
    made = scene(
        graph_of("network n { input x: float32[N, 8]\n a = x -> a: linear(8)\n output a\n output b = relu(a) }")
    )
    assert ["linear"] in operators(made)


def test_a_second_activation_begins_a_new_card() -> None:
    made = scene(body("y = x -> a: linear(8) -> relu -> ln: layer_norm -> relu"))
    assert operators(made) == [["input"], ["linear", "relu", "layer_norm"], ["relu"], []]


def test_the_full_picture_fuses_nothing() -> None:
    graph = zoo("resnet18")
    made = scene(graph, full=True)
    assert all(len(card.nodes) == 1 and not card.copies for card in made.cards if not card.output)
    assert len(made.cards) == len(graph.nodes) + len(graph.outputs)


# Folding


def folds(made: Scene) -> dict[str, int]:
    """How often each repeated box stands there, by the path of its application."""
    boxes = [box for part in made.parts if isinstance(part, Box) for box in part.boxes()]
    return {box.application.path: box.count for box in boxes if box.count > 1}


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("resnet18", {"layer1.0": 2}),
        ("resnet34", {"layer1.0": 3, "layer2.1": 3, "layer3.1": 5, "layer4.1": 2}),
        ("resnet50", {"layer1.1": 2, "layer2.1": 3, "layer3.1": 5, "layer4.1": 2}),
        ("resnet152", {"layer1.1": 2, "layer2.1": 7, "layer3.1": 35, "layer4.1": 2}),
    ],
)
def test_the_repeats_of_a_residual_network_are_folded(network: str, expected: dict[str, int]) -> None:
    assert folds(scene(zoo(network))) == expected


def test_labels_of_folded_parts_are_told_from_first_to_last() -> None:
    assert "[encoder_layer_0–11 ×12 · 8.54K each]" in outline(scene(graph_of(VIT.replace("layers = 6", "layers = 12"))))


def test_equal_layers_in_a_row_are_one_card_with_a_count() -> None:
    made = scene(body("y = x -> a1: linear(8) -> relu -> a2: linear(8) -> relu -> a3: linear(8) -> relu"))
    assert "Linear ×3 a1–3 72 each 8 ReLU" in outline(made)


@pytest.mark.parametrize("other", ["linear(8, bias=false) -> relu", "linear(8) -> gelu", "linear(9) -> relu"])
def test_layers_that_differ_in_anything_are_not_folded(other: str) -> None:
    made = scene(body(f"y = x -> a: linear(8) -> relu -> b: {other}"))
    assert all(not card.copies for card in made.cards)


def test_a_chain_is_not_folded_over_a_place_that_something_else_reads() -> None:
    made = scene(body("a = x -> a: linear(8)\n b = a -> b: linear(8)\n c = b -> c: linear(8)\n y = c + a"))
    assert [card.count for card in made.cards if card.nodes and card.host.op.name == "linear"] == [1, 2]


def test_equal_branches_side_by_side_are_folded() -> None:
    made = scene(body("y = stack([x -> head_{i}: { linear(4) -> relu -> linear(2) } for i in range(5)]) -> sum(0)"))
    assert folds(made) == {"head_0": 5}
    assert sum(card.is_join for card in made.cards) == 1


def test_branches_that_feed_different_places_are_not_folded() -> None:
    made = scene(body("a = x -> a: linear(8)\n b = x -> b: linear(8)\n y = relu(a) + sigmoid(b)"))
    assert all(not card.copies for card in made.cards)


def test_a_shared_module_is_drawn_at_each_use_and_counted_once() -> None:
    made = scene(graph_of(SIAMESE))
    lines = outline(made)
    assert lines.count("  Conv 3×3 conv shared 8×26×26 ReLU") == 1
    assert "  Conv 3×3 conv 80 · shared 8×26×26 ReLU" in lines


def test_a_module_applied_to_its_own_result_is_folded_and_counted_once() -> None:
    made = scene(body("module cell = linear(8)\n y = x -> cell -> cell -> cell"))
    assert "Linear ×3 cell 72 · shared 8" in outline(made)


@settings(max_examples=40)
@given(random_specs())
def test_every_node_has_one_place_in_the_picture(spec: str) -> None:
    graph = graph_of(spec)
    for full in (False, True):
        made = scene(graph, full=full)
        shown = [node for part in made.parts for one in (part, *part.copies) for node in one.nodes]
        assert sorted(node.index for node in shown) == list(range(len(graph.nodes)))


@settings(max_examples=40)
@given(random_specs())
def test_the_edges_of_the_picture_are_those_of_the_graph(spec: str) -> None:
    graph = graph_of(spec)
    edges = {(tensor.node, node) for node in graph.nodes for tensor in node.inputs}
    for full in (False, True):
        made = scene(graph, full=full)
        drawn = {(edge.source, edge.target) for edge in made.edges if not edge.target.output}
        homes = {(made.home[tail], made.home[head]) for tail, head in edges}
        assert drawn <= homes
        # What is not drawn lies within a card, or leads from one copy of a repeat to the next.
        for tail, head in edges:
            pair = (made.home[tail], made.home[head])
            assert pair in drawn or pair[0] is pair[1] or head not in pair[1].nodes or _is_copied(made, head)
        assert not full or len(drawn) == len(edges)


def _is_copied(made: Scene, node: Node) -> bool:
    """Whether a node belongs to a copy that is not drawn."""

    def holds(part: Part) -> bool:
        copied = any(node in copy.nodes for copy in part.copies)
        return copied or (isinstance(part, Box) and any(map(holds, part.parts)))

    return any(map(holds, made.parts))


# Depth and room


def test_depth_closes_what_is_deeper() -> None:
    graph = zoo("resnet50")
    assert outline(scene(graph, depth=0))[3] == "stage layer1 216K 256×⌈H/4⌉×⌈W/4⌉ 32 layers"
    assert "  bottleneck ×2 1–2 70.4K each 256×⌈H/4⌉×⌈W/4⌉ 10 layers" in outline(scene(graph, depth=1))
    assert not scene(graph, depth=0).notes


def test_where_there_is_no_room_the_deepest_blocks_are_closed_and_a_note_says_so() -> None:
    made = scene(zoo("resnet50"), room=20)
    assert len(made.cards) <= 20
    assert made.notes == ["drawn 1 of 2 blocks deep: all of it would be more than 20 cards"]


def test_of_a_chain_too_long_to_draw_both_ends_are_drawn() -> None:
    steps = " -> ".join(f"a{i}: linear({8 + i % 2})" for i in range(700))
    made = scene(body(f"y = x -> {steps}"))
    assert len(made.cards) == 501, "500 parts and the output"
    assert made.notes == ["202 of 701 parts are left out to show the rest"]
    assert "… 202 parts more" in outline(made)
    assert all(edge.role == "main" for edge in made.edges)


# Ways


def roles(graph: Graph) -> set[tuple[str, str, str]]:
    made = scene(graph)

    def name(card: Card) -> str:
        return card.output or card.host.path

    return {(name(edge.source), name(edge.target), edge.role) for edge in made.edges}


def test_the_shortcuts_of_a_residual_block_are_told_from_its_main_way() -> None:
    found = roles(zoo("resnet18"))
    assert {
        ("layer2.0.conv1", "layer2.0.conv2", "main"),
        ("layer2.0.conv2", "layer2.0.add", "main"),
        ("layer1.0.add", "layer2.0.downsample.0", "skip"),
        ("layer2.0.downsample.0", "layer2.0.add", "skip"),
        ("layer2.0.add", "layer2.1.add", "skip"),
    } <= found


def test_the_copies_across_a_u_net_are_shortcuts_and_all_else_is_the_main_way() -> None:
    found = roles(graph_of(UNET))
    skips = {(source, target) for source, target, role in found if role == "skip"}
    assert skips == {("enc1.conv2", "up1.concat"), ("enc2.conv2", "up2.concat")}
    assert {role for _, _, role in found} == {"main", "skip"}


def test_a_tensor_that_only_gives_its_size_is_told_apart() -> None:
    spec = """network n { input a: float32[N, 3, 8, 8]
      input b: float32[N, 3, 4, 4]
      output y = interpolate(b, a) }"""
    assert roles(graph_of(spec)) >= {("a", "interpolate", "size"), ("b", "interpolate", "main")}


# Words


def test_open_sizes_are_written_as_parts_where_the_network_asks_for_multiples() -> None:
    lines = outline(scene(graph_of(UNET)))
    assert "MaxPool 2×2 /2 16×H/2×W/2" in lines
    assert "  Interpolate ↑2 32×H×W" in lines


def test_other_open_sizes_are_rounded_up_as_they_are() -> None:
    made = scene(zoo("resnet18"))
    shapes = {re.sub(r"^\d+×", "", Faces(made).shape(card.result)) for card in made.cards if card.nodes}
    assert {"⌈H/2⌉×⌈W/2⌉", "⌈H/32⌉×⌈W/32⌉"} <= shapes

"""A difference names what was done to a network, each edit once, and what follows from it in the rest."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from spec_graphs import RESNET, graph_of, node_of
from torch import nn

from dlspec.analyses.difference import Difference
from dlspec.analyses.difference_markdown import markdown
from dlspec.analyses.difference_text import text
from dlspec.analyses.edits import Edit
from dlspec.diagnostics.render.display import width as cells

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "lowering"))
from built import built  # noqa: E402  (it lies beside the tests of another room)

torch.set_num_threads(1)

UNET = """
block double(x, width) {
  x -> conv2d(width, 3, padding=1) -> relu -> conv2d(width, 3, padding=1) -> relu
}

block up(x, skip, width) {
  y = x -> up: conv_transpose2d(width, 2, stride=2)
  concat([skip, y], dim=1) -> conv: double(width)
}

network unet(classes = 2) {
  input image: float32[N, 3, H, W]
  image
    -> enc1: double(64) -> max_pool2d(2)
    -> enc2: double(128) -> max_pool2d(2)
    -> enc3: double(256) -> max_pool2d(2)
    -> enc4: double(512) -> max_pool2d(2)
    -> bottom: double(1024)
  d4 = bottom -> up4: up(enc4, 512)
  d3 = d4 -> up3: up(enc3, 256)
  d2 = d3 -> up2: up(enc2, 128)
  d1 = d2 -> up1: up(enc1, 64)
  output mask = d1 -> head: conv2d(classes, 1)
}
"""
LENET = """
network lenet(classes = 10) {
  input image: float32[N, 1, 28, 28]
  output logits = image
    -> features: { conv2d(6, 5, padding=2) -> relu -> max_pool2d(2) -> conv2d(16, 5) -> relu -> max_pool2d(2) }
    -> flatten -> fc1: linear(120) -> relu -> fc2: linear(84) -> relu -> fc3: linear(classes)
}
"""
CHAIN = """
network chain {
  input image: float32[N, 3, 32, 32]
  output y = image -> conv1: conv2d(8, 3) -> relu -> conv2: conv2d(16, 3) -> relu -> pool: max_pool2d(2)
    -> flatten -> fc: linear(10)
}
"""
ALL = {"resnet": (RESNET, "resnet18"), "unet": (UNET, "unet"), "lenet": (LENET, "lenet"), "chain": (CHAIN, "chain")}


def replaced(old: str, *swaps: tuple[str, str]) -> str:
    for one, other in swaps:
        assert one in old, one
        old = old.replace(one, other)
    return old


def difference(kind: str, *swaps: tuple[str, str]) -> Difference:
    spec, network = ALL[kind]
    return Difference(graph_of(spec, network), graph_of(replaced(spec, *swaps), network))


def said(edit: Edit) -> str:
    """An edit in a line: kinds, paths, changes, and at how many places."""
    old, new = (None if part is None else part.path for part in (edit.old, edit.new))
    where = " > ".join(dict.fromkeys(path for path in (old, new) if path is not None))
    changes = "".join(f" {change.name}:{change.old}>{change.new}" for change in edit.changes)
    return f"{'+'.join(edit.kinds)} {where}{changes}" + (f" x{edit.count}" if edit.count > 1 else "")


# A hand-known list of edits

EDITS = [
    ("lenet", [("conv2d(6, 5, padding=2)", "conv2d(6, 3, padding=1)")],
     ["changed features.0 kernel_size:5>3 padding:2>1"]),
    ("lenet", [("conv2d(6, 5, padding=2) -> relu", "conv2d(6, 5, padding=2) -> batch_norm2d -> relu")],
     ["added features.1"]),
    ("lenet", [("conv2d(16, 5) -> relu ->", "conv2d(16, 5) ->")], ["removed features.4"]),
    ("lenet", [("features:", "body:")], ["renamed features > body"]),
    ("lenet", [("fc1: linear(120) -> relu", "fc1: linear(120) -> gelu")], ["replaced relu > gelu"]),
    ("lenet", [("fc1:", "hidden:"), ("linear(120)", "linear(128)")],
     ["changed+renamed fc1 > hidden out_features:120>128"]),
    ("lenet", [("classes = 10", "classes = 12")], ["changed  classes:10>12"]),
    ("lenet", [("N, 1, 28, 28", "N, 3, 28, 28")], ["changed image :float32 N 1 28 28>float32 N 3 28 28"]),
    ("lenet", [("output logits", "output scores")], ["changed  output logits:fc3> output scores:>fc3"]),
    ("lenet", [(" -> fc2: linear(84) -> relu", "")], ["removed relu_1", "removed fc2"]),
    ("chain", [("conv1: conv2d(8, 3) -> relu -> conv2: conv2d(16, 3) -> relu -> pool: max_pool2d(2)",
                "features: { conv2d(8, 3) -> relu -> conv2d(16, 3) -> relu -> max_pool2d(2) }")],
     ["wrapped features"]),
    ("chain", [(" -> pool: max_pool2d(2)", ""), ("conv1:", "pool: max_pool2d(2) -> conv1:")],
     ["moved+rewired pool takes:relu_1>image"]),
    ("resnet", [("64, 7, stride=2, padding=3", "64, 5, stride=1, padding=2")],
     ["changed conv1 kernel_size:7>5 stride:2>1 padding:3>2"]),
    ("resnet", [("[2, 2, 2, 2]", "[2, 2, 3, 2]")], ["changed  depths:[2, 2, 2, 2]>[2, 2, 3, 2]"]),
    ("resnet", [("layer3: stage(unit, 256", "layer3: stage(unit, 320")], ["changed layer3 width:256>320"]),
    ("resnet", [("layer3:", "third:")], ["renamed layer3 > third"]),
    ("resnet", [("bn1: batch_norm2d -> relu\n        -> conv2: conv2d(width, 3, padding=1, bias=false)  ",
                 "bn1: batch_norm2d -> relu\n        -> last: conv2d(width, 3, padding=1, bias=false)  ")],
     ["renamed layer1.0.conv2 > layer1.0.last x8"]),
    ("resnet", [("relu(y + shortcut)", "gelu(y + shortcut)")], ["replaced layer1.0.relu_1 > layer1.0.gelu x8"]),
    ("resnet", [("    -> layer4: stage(unit, 512, depths[3], stride=2)\n", "")], ["removed layer4"]),
    ("unet", [("conv2d(width, 3, padding=1) -> relu -> conv2d", "conv2d(width, 3, padding=1) -> batch_norm2d -> relu -> conv2d")],
     ["added enc1.1 x9"]),
    ("unet", [("enc2: double(128)", "enc2: double(160)")], ["changed enc2 width:128>160"]),
    ("unet", [("up3: up(enc3, 256)", "up3: up(enc3 -> relu, 256)")], ["added relu"]),
    ("unet", [("block double(", "block pair("), (": double(", ": pair(")], []),
    ("unet", [("concat([skip, y], dim=1)", "concat([y, skip], dim=1)")],
     ["rewired up4.concat takes:enc4.3, up4.up>up4.up, enc4.3 x4"]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "swaps", "expected"), EDITS, ids=[f"{e[0]}: {e[2]}" for e in EDITS])
def test_an_edit_is_reported_once_and_nothing_else(
    kind: str, swaps: list[tuple[str, str]], expected: list[str]
) -> None:
    assert sorted(map(said, difference(kind, *swaps).written)) == sorted(expected)


@pytest.mark.parametrize(("kind", "swaps"), [(e[0], e[1]) for e in EDITS], ids=[f"{e[0]}: {e[2]}" for e in EDITS])
def test_backwards_what_came_went_and_values_are_swapped(kind: str, swaps: list[tuple[str, str]]) -> None:
    there = difference(kind, *swaps)
    back = Difference(there.new.graph, there.old.graph)
    opposite = {"added": "removed", "removed": "added", "wrapped": "unwrapped", "unwrapped": "wrapped"}

    def seen(found: Difference, *, flip: bool) -> list[tuple[object, ...]]:
        rows = []
        for edit in found.written:
            kinds = tuple(opposite.get(k, k) if flip else k for k in edit.kinds)
            changes = [(c.name, *((c.new, c.old) if flip else (c.old, c.new))) for c in edit.changes]
            rows.append((kinds, sorted(changes), edit.count))
        return sorted(rows)

    assert seen(back, flip=True) == seen(there, flip=False)


@pytest.mark.parametrize("network", ["resnet18", "resnet50"])
def test_a_network_does_not_differ_from_itself(network: str) -> None:
    found = Difference(graph_of(RESNET, network), graph_of(RESNET, network))
    assert found.is_empty
    assert found.carried is not None
    assert found.carried.is_whole
    assert {pair.kind for pair in found.pairs()} == {"same"}
    assert all(total.old == total.new for total in found.totals)


def test_what_an_argument_makes_is_told_apart_from_what_was_written() -> None:
    found = Difference(graph_of(RESNET, "resnet18"), graph_of(RESNET, "resnet34"))
    added = [edit for edit in found.following if edit.kinds == ("added",)]
    assert [said(edit) for edit in found.written] == ["changed  depths:[2, 2, 2, 2]>[3, 4, 6, 3]"]
    assert [(edit.new.path, edit.count) for edit in added if edit.new] == [("layer1.2", 8)]


def test_a_constant_of_the_file_shows_where_it_is_used_first() -> None:
    spec = "width = 8\nblock b(x, w) { x -> c: conv2d(w, 3) }\nnetwork n {\n  input x: float32[N, 3, 8, 8]\n"
    spec += "  output y = x -> one: b(width) -> relu\n}\n"
    found = Difference(graph_of(spec), graph_of(spec.replace("width = 8", "width = 16")))
    assert [said(edit) for edit in found.written] == ["changed one w:8>16"]


# Consequences


def test_many_consequences_are_a_line() -> None:
    found = difference("resnet", ("64, 7, stride=2, padding=3", "64, 7, padding=3"))
    (size,) = [one for one in found.consequences if one.facet == "output size"]
    assert (len(size.layers), size.what, size.first[1:], size.last[1:]) == (
        66, "height and width", ("⌈H/2⌉", "H"), ("⌈H/32⌉", "⌈H/16⌉"),
    )  # fmt: skip
    assert "66 layers, conv1 … layer4.1.relu_1: height and width ⌈H/2⌉ → H" in " ".join(text(found).split())


@pytest.mark.parametrize(("kind", "swaps"), [(e[0], e[1]) for e in EDITS], ids=[f"{e[0]}: {e[2]}" for e in EDITS])
def test_every_size_that_became_another_is_in_the_consequences(kind: str, swaps: list[tuple[str, str]]) -> None:
    found = difference(kind, *swaps)
    old, new = found.old.graph, found.new.graph
    told = {path for one in found.consequences if one.facet == "output size" for path, _, _ in one.layers}
    paired = {pair.new.path: pair.old.path for pair in found.pairs() if pair.old is not None and pair.new is not None}
    other = {
        node.path
        for node in new.nodes
        if node.inputs and node.path in paired and (before := old.node(paired[node.path])) is not None
        and before.op.name == node.op.name and before.outputs[0].shape != node.outputs[0].shape
    }  # fmt: skip
    assert told == other


def test_what_open_sizes_must_satisfy_is_compared() -> None:
    found = difference("unet", ("    -> enc4: double(512) -> max_pool2d(2)\n", "    -> enc4: double(512)\n"),
                       ("block up(x, skip, width) {\n  y = x -> up: conv_transpose2d(width, 2, stride=2)\n  concat([skip, y], dim=1)",
                        "block up(x, skip, width) {\n  y = x -> up: conv_transpose2d(width, 2, stride=2)\n  concat([skip, y], dim=1)"),
                       ("d4 = bottom -> up4: up(enc4, 512)", "d4 = bottom -> up4: double(512)"))  # fmt: skip
    gone, come = found.requires
    assert set(gone) == {"H % 16 == 0", "W % 16 == 0"}
    assert set(come) == {"H % 8 == 0", "W % 8 == 0"}


# Weights


@pytest.mark.parametrize(
    ("kind", "swaps"), [(e[0], e[1]) for e in EDITS if e[0] in ("lenet", "chain")],
    ids=[str(e[2]) for e in EDITS if e[0] in ("lenet", "chain")],
)  # fmt: skip
def test_torch_takes_and_refuses_the_same_weights(kind: str, swaps: list[tuple[str, str]]) -> None:
    found = difference(kind, *swaps)
    assert found.carried is not None
    old, new = built(found.old.graph), built(found.new.graph)
    refused: RuntimeError | None = None
    try:
        keys: nn.modules.module._IncompatibleKeys = new.load_state_dict(old.state_dict())
    except RuntimeError as error:
        refused = error
        fitting = old.state_dict()
        for name, value in new.state_dict().items():
            if name in fitting and fitting[name].shape != value.shape:
                del fitting[name]
        keys = new.load_state_dict(fitting, strict=False)
    assert (refused is not None) == found.carried.is_refused
    assert sorted(keys.unexpected_keys) == sorted(found.carried.unexpected)
    reshaped = [name for name, _, _ in found.carried.reshaped]
    # torch makes up the counter of a batch norm where weights of before version 2, or of another layer, lack it.
    missing = [name for name in (*found.carried.missing, *reshaped) if not name.endswith("num_batches_tracked")]
    assert sorted(keys.missing_keys) == sorted(missing)


def test_weights_that_load_into_another_layer_are_told() -> None:
    spec = "network n {\n  input x: float32[N, 8, 8, 8]\n  output y = x -> f: { conv2d(8, 3) -> conv2d(8, 5) }\n}\n"
    swapped = spec.replace("conv2d(8, 3) -> conv2d(8, 5)", "conv2d(8, 1) -> conv2d(8, 3) -> conv2d(8, 5)")
    found = Difference(graph_of(spec), graph_of(swapped)).carried
    assert found is not None
    assert found.strangers == [("f.0.bias", ""), ("f.1.bias", "f.0.bias")]
    assert [name for name, _, _ in found.reshaped] == ["f.0.weight", "f.1.weight"]
    assert found.renamed["f.1.weight"] == "f.2.weight"


def test_renamed_weights_fit_under_their_new_names() -> None:
    found = difference("lenet", ("features:", "body:"))
    assert found.carried is not None
    old, new = built(found.old.graph), built(found.new.graph)
    weights = {found.carried.renamed.get(name, name): value for name, value in old.state_dict().items()}
    new.load_state_dict(weights)
    image = torch.randn(2, 1, 28, 28)
    assert torch.equal(old(image), new(image))


# As it is shown


@pytest.mark.parametrize("case", EDITS, ids=[f"{e[0]}: {e[2]}" for e in EDITS])
def test_every_report_fits_a_terminal(case: tuple[str, list[tuple[str, str]], list[str]]) -> None:
    lines = text(difference(case[0], *case[1])).splitlines()
    assert max(sum(map(cells, line)) for line in lines) <= 100


def test_colour_adds_nothing_but_colour() -> None:
    import re

    found = difference("resnet", ("layer3:", "third:"))
    assert re.sub(r"\x1b\[[\d;]*m", "", text(found, colour=True)) == text(found)


def test_markdown_cannot_be_broken_out_of() -> None:
    spec = CHAIN.replace("-> flatten", '-> pad([1, 1], mode="constant") -> flatten')
    found = Difference(graph_of(CHAIN), graph_of(spec))
    shown = markdown(found)
    assert shown.count("```") == 2
    assert shown.count("<details>") == shown.count("</details>") <= 1


def test_a_picture_finds_every_part_of_both_networks_once() -> None:
    found = difference("unet", ("enc2: double(128)", "enc2: double(128) -> extra: relu"))
    pairs = found.pairs()
    assert [pair.new for pair in pairs if pair.new is not None] == list(_all(found.new.graph.root))
    assert {pair.old for pair in pairs if pair.old is not None} == set(_all(found.old.graph.root))
    assert [(pair.new.path, pair.kind) for pair in pairs if pair.new and pair.kind == "added"] == [("extra", "added")]
    assert node_of(found.new.graph, "extra").op.name == "relu"


def _all(part: object) -> list[object]:
    return [one for step in part.steps for one in (step, *(_all(step) if hasattr(step, "steps") else ()))]

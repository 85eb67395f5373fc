"""Blocks whose branches, chosen when the network is made, use the same names: each branch has modules of its own."""

from __future__ import annotations

import pytest
from torch import nn

from dlspec.lowering import lower
from tests.lowering.built import examine, graph_of

NETWORK = """
network n {
  input image: float32[N, 8, H, W]
  output y = image -> one: unit(4, stride=2) -> two: unit(4)
}
"""
SHUFFLE = """
block shuffle(x) { x -> unflatten(1, [2, x.channels // 2]) -> transpose(1, 2) -> flatten(1, 2) }
"""
BOTH_BRANCHES = f"""{SHUFFLE}
block unit(x, width, stride = 1) {{
  if stride == 1 {{
    a, b = chunk(x, 2, dim=1)
    y = concat([a, b -> right: conv2d(width, 1)], dim=1) -> mix: shuffle
  }} else {{
    y = concat([x -> left: conv2d(width, 3, stride=2, padding=1), x -> right: conv2d(width, 3, stride=2, padding=1)], dim=1)
      -> mix: shuffle
  }}
  y
}}
{NETWORK}"""
THREE_BRANCHES = """
block unit(x, width, stride = 1) {
  if stride == 1 {
    y = x -> act: conv2d(width, 1)
  } else if stride == 2 {
    y = x -> act: max_pool2d(2)
  } else {
    y = x -> relu
  }
  y
}
network n {
  input image: float32[N, 8, H, W]
  output y = image -> one: unit(8, stride=2) -> two: unit(8) -> three: unit(8, stride=3)
}
"""
SAME_IN_BOTH = """
block unit(x, width, stride = 1) {
  if stride == 1 {
    y = x -> act: prelu
  } else {
    y = x -> conv: conv2d(width, 3, stride=2) -> act: prelu
  }
  y
}
network n {
  input image: float32[N, 8, H, W]
  output y = image -> one: unit(8, stride=2) -> two: unit(8)
}
"""
PARTS = """
block unit(x, stride = 1) {
  passed, kept = chunk(x, 2, dim=1) if stride == 1 else [x -> left: conv2d(x.channels, 1, stride=2), x -> max_pool2d(2)]
  [passed, kept -> right: conv2d(6, 1)] -> concat
}
network n {
  input image: float32[N, 8, 16, 16]
  output y = image -> one: unit(stride=2) -> two: unit -> three: unit -> four: unit(stride=2)
}
"""


@pytest.mark.parametrize(
    "spec", [BOTH_BRANCHES, THREE_BRANCHES, SAME_IN_BOTH, PARTS], ids=["both", "three", "same", "parts"]
)
def test_a_name_in_several_branches_is_what_each_branch_makes(spec: str) -> None:
    assert isinstance(examine(graph_of(spec)), nn.Module)


def test_branches_of_one_condition_are_written_as_one_if() -> None:
    written = lower(graph_of(BOTH_BRANCHES)).source
    assert written.count("class Unit") == 1
    assert written.count("        else:") == 2
    assert "self.right = None" not in written


def test_what_is_the_same_in_both_branches_is_made_once() -> None:
    assert lower(graph_of(SAME_IN_BOTH)).source.count("self.act = nn.PReLU()") == 1


def test_the_channels_of_a_part_are_told_by_those_of_the_whole() -> None:
    written = lower(graph_of(PARTS)).source
    assert "in_channels // 2 if stride == 1 else in_channels" in written
    assert "in_channels2" not in written

"""`sum` of several tensors adds them one after the other; of one tensor it adds its numbers."""

from __future__ import annotations

import pytest
import torch

from dlspec.lowering import lower
from tests.lowering.built import built, examine, graph_of

FUSED = """
block branch(x, k) { conv: conv2d(x, 8, k, padding=k // 2) -> relu }
block fuse(x, ks) { total = sum((branches: [x -> branch(k) for k in ks])); total -> act: relu }
network n {
  input image: float32[N, 8, H, W]
  output y = image -> one: fuse([1, 3]) -> two: fuse([3, 5])
}
""".replace("; ", "\n  ")


def test_branches_are_added() -> None:
    examine(graph_of(FUSED))
    assert "self.branches[0](x) + self.branches[1](x)" in lower(graph_of(FUSED)).source


@pytest.mark.parametrize(
    ("text", "add"),
    [
        ("sum([a, b, a])", lambda a, b: a + b + a),
        ("sum(a, b)", lambda a, b: a + b),
        ("[a, b] -> sum", lambda a, b: a + b),
        ("sum([a]) + b", lambda a, b: a + b),
        ("sum([a, b]) -> sum(1)", lambda a, b: (a + b).sum(1)),
        ("sum(a) + b", lambda a, b: a.sum() + b),
    ],
)
def test_a_list_is_added_up_and_a_tensor_reduced(text: str, add: object) -> None:
    graph = graph_of(f"network n {{\n  input a: float32[2, 3]\n  input b: float32[2, 3]\n  output y = {text}\n}}")
    a, b = torch.rand(2, 3), torch.rand(2, 3)
    assert torch.equal(built(graph)(a, b), add(a, b))  # type: ignore[operator]

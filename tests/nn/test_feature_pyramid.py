"""A feature pyramid written in the language computes what torchvision's class does, with its weights by name."""

from __future__ import annotations

import pytest
import torch

from tests.lowering.built import built, graph_of
from tests.nn.operator_cases import cases

torch.set_num_threads(1)

PYRAMID = """
block feature_pyramid(features, width) {
  inner = inner_blocks: [x -> { conv2d(width, 1) } for x in features]
  top = inner[2]
  merged = [top]
  for i in reversed(range(2)) {
    top = inner[i] + interpolate(top, size=inner[i])
    merged = [top] + merged
  }
  layers = layer_blocks: [x -> { conv2d(width, 3, padding=1) } for x in merged]
  EXTRA
}

network pyramid {
  input x_0: float32[1, 4, 14, 18]
  input x_1: float32[1, 6, 7, 9]
  input x_2: float32[1, 8, 4, 5]
  levels = [x_0, x_1, x_2] -> fpn: feature_pyramid(8)
  OUTPUTS
}
"""
EXTRA = {
    "fpn_none": "{ y_0 = layers[0], y_1 = layers[1], y_2 = layers[2] }",
    "fpn_maxpool": "{ y_0 = layers[0], y_1 = layers[1], y_2 = layers[2], y_pool = layers[2] -> max_pool2d(1, stride=2) }",
    "fpn_p6p7": "more = layers[2] -> extra_blocks: last_levels(width)\n"
    "  { y_0 = layers[0], y_1 = layers[1], y_2 = layers[2], y_p6 = more.p6, y_p7 = more.p7 }",
}
LAST_LEVELS = """
block last_levels(x, width) {
  sixth = x -> p6: conv2d(width, 3, stride=2, padding=1)
  seventh = sixth -> relu -> p7: conv2d(width, 3, stride=2, padding=1)
  { p6 = sixth, p7 = seventh }
}
"""


@pytest.mark.parametrize("name", sorted(EXTRA))
def test_a_pyramid_in_the_language_gives_the_levels_of_torchvision(name: str) -> None:
    case = cases()[name]
    outputs = "\n".join(f"  output {level} = levels.{level}" for level in case.outputs)
    spec = LAST_LEVELS + PYRAMID.replace("EXTRA", EXTRA[name]).replace("OUTPUTS", outputs)
    module = built(graph_of(spec))
    module.load_state_dict({f"fpn.{key}": value for key, value in case.state().items()})
    found = module(case.inputs["x_0"], case.inputs["x_1"], case.inputs["x_2"])
    for level, expected in case.outputs.items():
        torch.testing.assert_close(found[level], expected, rtol=1e-5, atol=1e-5)

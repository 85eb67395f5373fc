"""Blocks that take or give in training what they do not in evaluation: one class, each mode with its own way through it."""

from __future__ import annotations

import torch
from torch import nn

from dlspec.lowering import lower
from tests.lowering.built import built, graph_of, module_of

MORE_IN_TRAINING = """
block judged(x, truth) {
  scores = x -> score: linear(3)
  if training {
    {scores, error = (scores - truth.wanted) ** 2 -> mean(1)}
  } else {
    {scores, error = null}
  }
}
network n {
  input x: float32[N, 4]
  input wanted: float32[N, 3] when training
  truth = {wanted = wanted} if training else null
  found = x -> heads: judged(truth)
  if training {
    output error = found.error
  } else {
    output scores = found.scores
  }
}
"""
OTHER_IN_EACH = """
block head(x, near, far, width) {
  picked = near if training else far
  y = (x + picked) -> mix: linear(width)
  if training {
    {y, seen = y -> relu}
  } else {
    {y, seen = far -> tanh}
  }
}
network n {
  input x: float32[N, 4]
  near = x -> near: linear(4)
  far = x -> far: linear(4)
  found = x -> head: head(near, far, width=4)
  output seen = found.seen
  output y = found.y
}
"""
NUMBER_BY_MODE = """
block loud(x, times) { x -> fc: linear(4) -> mul(times) }
network n {
  input x: float32[N, 4]
  output y = x -> loud: loud(3 if training else 2)
}
"""


def test_what_only_training_takes_is_handed_over_by_name_and_left_out_in_evaluation() -> None:
    source = lower(graph_of(MORE_IN_TRAINING)).source
    assert "def forward(self, x: Tensor, wanted: Tensor | None = None) -> " in source
    assert "self.heads(x, wanted=wanted)" in source
    assert "self.heads(x)" in source
    module = built(graph_of(MORE_IN_TRAINING))
    x, wanted = torch.randn(5, 4), torch.randn(5, 3)
    scores = module(x)
    expected = module.heads.score(x)  # type: ignore[union-attr,operator]  # a linear layer
    assert torch.equal(scores, expected)
    error = module.train()(x, wanted)
    assert torch.allclose(error, ((expected - wanted) ** 2).mean(1))


def test_a_block_goes_on_with_what_its_mode_makes() -> None:
    module = built(graph_of(OTHER_IN_EACH))
    x = torch.randn(5, 4)
    near, far, mix = (module.get_submodule(path) for path in ("near", "far", "head.mix"))
    out = module(x)
    assert torch.allclose(out["y"], mix(x + far(x)))
    assert torch.allclose(out["seen"], torch.tanh(far(x)))
    trained = module.train()(x)
    assert torch.allclose(trained["y"], mix(x + near(x)))
    assert torch.allclose(trained["seen"], torch.relu(trained["y"]))


def test_a_number_that_goes_by_the_mode_is_asked_for_when_it_runs() -> None:
    lowered = lower(graph_of(NUMBER_BY_MODE))
    assert "3 if self.training else 2" in lowered.source
    assert "def __init__(self) -> None" in lowered.source
    module: nn.Module = module_of(lowered).build()
    x = torch.randn(2, 4)
    assert torch.allclose(module.train()(x) * 2, module.eval()(x) * 3)


def test_what_is_called_as_a_function_of_the_file_is_no_variable_in_it() -> None:
    source = lower(
        graph_of("""
network n {
  input image: list[float32[3, h, w]]
  input boxes: list[boxes[M]] when training
  images = image -> batch_images(64, 96)
  output batch = images.batch
  output moved = resize_boxes(boxes, images.originals, images.sizes) when training
}
""")
    ).source
    assert "resize_boxes = " not in source


def test_a_list_of_one_tensor_is_taken_apart() -> None:
    module = built(
        graph_of("""
network n {
  input x: float32[N, 4]
  parts = split(x, 4)
  output y = relu(parts[0])
}
""")
    )
    x = torch.randn(3, 4)
    assert torch.equal(module(x), torch.relu(x))

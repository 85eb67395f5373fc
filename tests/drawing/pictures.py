"""What the tests of the drawings share: specs as text, random specs, and the layout that graphviz finds."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from dlspec.checking import Spec, open_spec
from dlspec.drawing.graphviz import surroundings
from dlspec.graph import Graph
from dlspec.source import Source


def graph_of(text: str, network: str | None = None) -> Graph:
    """The graph of a network of a spec without mistakes."""
    return Spec(Source("spec.dls", text), Path("spec.dls").resolve()).graph(network)


def zoo(name: str) -> Graph:
    return open_spec(name).graph()


def body(text: str) -> Graph:
    """A network from `x: float32[N, 8]`, given the lines that make `y`."""
    return graph_of(f"network n {{\n  input x: float32[N, 8]\n{text}\n  output out = y\n}}")


UNET = """
block double(x, width) {
  x -> conv1: conv2d(width, 3, padding=1) -> relu -> conv2: conv2d(width, 3, padding=1) -> relu
}
block up(x, skip, width) {
  y = x -> interpolate(scale_factor=2) -> reduce: conv2d(width, 1)
  concat([skip, y], dim=1) -> conv: double(width)
}
network unet(classes = 2) {
  input image: float32[N, 3, H, W]
  image -> enc1: double(16) -> max_pool2d(2) -> enc2: double(32) -> max_pool2d(2) -> enc3: double(64)
  d2 = enc3 -> up2: up(enc2, 32)
  d1 = d2 -> up1: up(enc1, 16)
  output logits = d1 -> head: conv2d(classes, 1)
}
"""

VIT = """
block encoder(x, heads) {
  y = x -> ln_1: layer_norm
  a = self_attention: multihead_attention(y, y, y, heads)
  x = x + a
  x + (x -> ln_2: layer_norm -> mlp: { linear(64) -> gelu -> linear(x.features) })
}
network vit(dim = 32, layers = 6) {
  input image: float32[N, 3, 32, 32]
  parameter class_token: [1, 1, dim] = zeros
  tokens = image -> conv_proj: conv2d(dim, 8, stride=8) -> flatten(2) -> transpose(1, 2)
  x = concat([expand(class_token, [image.batch, -1, -1]), tokens], dim=1)
  for i in range(layers) {
    x = x -> encoder_layer_{i}: encoder(4)
  }
  y = x -> ln: layer_norm
  output logits = y[:, 0] -> head: linear(10)
}
"""

SIAMESE = """
block tower(x) { x -> conv: conv2d(8, 3) -> relu -> flatten -> fc: linear(16) }
network siamese {
  input left: float32[N, 1, 28, 28]
  input right: float32[N, 1, 28, 28]
  module twin = tower
  output distance = twin(left) - twin(right)
}
"""


@st.composite
def random_specs(draw: st.DrawFn) -> str:
    """A network over tensors of 8 features: chains, joins, blocks, repeats, shared modules, one or two outputs."""
    lines = ["module shared = linear(8)"]
    names = ["x"]
    for number in range(draw(st.integers(1, 10))):
        one, other = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        count = draw(st.integers(1, 3))
        step = draw(
            st.sampled_from([
                f"{one} -> l{number}: linear(8)",
                f"{one} -> l{number}: linear(8) -> relu -> dropout(0.1)",
                f"{one} -> l{number}: {{ linear(8) -> relu }} * {count}",
                f"{one} -> b{number}: residual({count})",
                f"{one} -> shared",
                f"{one} + {other}",
                f"concat([{one}, {other}]) -> l{number}: linear(8) -> relu",
                f"relu({one})",
                f"stack([{one} -> h{number}_{{i}}: linear(8) for i in range({count})]) -> sum(0)",
            ])
        )  # fmt: skip
        lines.append(f"v{number} = {step}")
        names.append(f"v{number}")
    outputs = {names[-1], draw(st.sampled_from(names))}
    lines += [f"output out{place} = {name}" for place, name in enumerate(sorted(outputs))]
    block = "block residual(x, n) { x + (x -> body: { linear(8) -> relu } * n) }"
    return "\n".join([block, "network n {", "input x: float32[N, 8]", *lines, "}"])


def laid_out(dot: str) -> dict[str, Any]:
    """The layout of a DOT text by graphviz itself, which must take it without a word."""
    done = subprocess.run(["dot", "-Tjson"], input=dot.encode(), capture_output=True, check=False, env=surroundings())
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return dict(json.loads(done.stdout))


def box_of(item: dict[str, Any]) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a node or a cluster, in points."""
    if "bb" in item:
        left, bottom, right, top = map(float, item["bb"].split(","))
        return left, bottom, right, top
    x, y = map(float, item["pos"].split(","))
    half_width, half_height = 36 * float(item["width"]), 36 * float(item["height"])
    return x - half_width, y - half_height, x + half_width, y + half_height

"""Specs to graphs, as the tests of the analyses need them."""

from __future__ import annotations

from pathlib import Path

from dlspec.checking import Spec
from dlspec.graph import Graph, Node
from dlspec.source import Source


def graph_of(text: str, network: str | None = None, **inputs: tuple[int, ...]) -> Graph:
    """The graph of a network of a spec without mistakes, its open sizes closed by keyword."""
    spec = Spec(Source("spec.dls", text), Path("spec.dls").resolve())
    closed = {name: ("x".join(map(str, sizes)), sizes) for name, sizes in inputs.items()}
    return spec.graph(network, inputs=closed)


def node_of(graph: Graph, path: str) -> Node:
    node = graph.node(path)
    assert node is not None, f"no node {path} among {[node.path for node in graph.nodes]}"
    return node


RESNET = """
block basic(x, width, stride = 1) {
  shortcut = x if stride == 1 and x.channels == width
             else x -> downsample: { conv2d(width, 1, stride=stride, bias=false) -> batch_norm2d }

  y = x -> conv1: conv2d(width, 3, stride=stride, padding=1, bias=false) -> bn1: batch_norm2d -> relu
        -> conv2: conv2d(width, 3, padding=1, bias=false)                -> bn2: batch_norm2d
  relu(y + shortcut)
}

block bottleneck(x, width, stride = 1) {
  shortcut = x if stride == 1 and x.channels == 4 * width
             else x -> downsample: { conv2d(4 * width, 1, stride=stride, bias=false) -> batch_norm2d }

  y = x -> conv1: conv2d(width, 1, bias=false) -> bn1: batch_norm2d -> relu
        -> conv2: conv2d(width, 3, stride=stride, padding=1, bias=false) -> bn2: batch_norm2d -> relu
        -> conv3: conv2d(4 * width, 1, bias=false) -> bn3: batch_norm2d
  relu(y + shortcut)
}

block stage(x, unit, width, depth, stride = 1) {
  x -> unit(width, stride=stride) -> unit(width) * (depth - 1)
}

network resnet(unit, depths, classes = 1000) {
  input image: float32[N, 3, H, W]

  output logits = image
    -> conv1: conv2d(64, 7, stride=2, padding=3, bias=false) -> bn1: batch_norm2d -> relu
    -> max_pool2d(3, stride=2, padding=1)
    -> layer1: stage(unit,  64, depths[0])
    -> layer2: stage(unit, 128, depths[1], stride=2)
    -> layer3: stage(unit, 256, depths[2], stride=2)
    -> layer4: stage(unit, 512, depths[3], stride=2)
    -> adaptive_avg_pool2d(1) -> flatten -> fc: linear(classes)
}

network resnet18 = resnet(basic, [2, 2, 2, 2])
network resnet34 = resnet(basic, [3, 4, 6, 3])
network resnet50 = resnet(bottleneck, [3, 4, 6, 3])
network resnet101 = resnet(bottleneck, [3, 4, 23, 3])
network resnet152 = resnet(bottleneck, [3, 8, 36, 3])
"""
"""The ResNets of torchvision, whose stride stands in the 3×3 of a unit."""

VGG = """
network vgg(stages) {
  input image: float32[N, 3, H, W]
  x = image
  for i, widths in enumerate(stages) {
    for j, w in enumerate(widths) { x = x -> conv{i}_{j}: conv2d(w, 3, padding=1) -> relu }
    x = x -> pool{i}: max_pool2d(2)
  }
  output map = x
}
network vgg_a = vgg([[64], [128], [256, 256], [512, 512], [512, 512]])
network vgg_16 = vgg([[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]])
"""

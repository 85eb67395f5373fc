"""Whole detectors, as ONNX and as programs of torch, find what they find in torch: in batches and images of any size."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dlspec.checking import open_spec
from dlspec.lowering.open_axes import open_axes
from dlspec.training.digit_scenes import scenes
from dlspec.training.errors import RunError
from dlspec.training.export_detectors import compared, write_detector
from dlspec.training.trial_batches import Batch
from tests.lowering.built import built, graph_of

onnxruntime = pytest.importorskip("onnxruntime")
torch.set_num_threads(1)
FORMS = pytest.mark.parametrize("form", ["onnx", "pt2"])

ANY_SIZE = """
import rpn, roi_heads from "fasterrcnn_resnet50_fpn"

block levels_of(image) {
  c2 = image -> fine: conv2d(8, 4, stride=4) -> relu
  c3 = c2 -> coarse: conv2d(8, 2, stride=2)
  p2 = c2 + interpolate(c3, size=c2)
  {p2, p3 = c3}
}

network finder(classes = 4) {
  input image: list[float32[3, h, w]]
  input boxes: list[boxes[M]] when training
  input labels: list[labels[M]] when training

  images = image -> batch_images(48, 80, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.2], size_divisible=16)
  truth = {boxes = resize_boxes(boxes, images.originals, images.sizes), labels} if training else null
  levels = images.batch -> body: levels_of
  regions = levels
    -> rpn: rpn(images.batch, images.sizes, truth, anchor_sizes=[[12], [24]], aspect_ratios=[0.5, 1, 2], keep=60)
  found = levels -> heads: roi_heads(images.batch, images.sizes, regions.proposals, truth, classes, width=16, detections=30)
  if training {
    output loss = found.classifier + found.box_reg + regions.loss.objectness + regions.loss.box_reg
  } else {
    rois = found.rois -> resize_rois(images.sizes, images.originals)
    output boxes = rois[:, 1:] -> per_image(rois, images.sizes)
    output scores = found.scores -> per_image(rois, images.sizes)
    output labels = found.labels -> per_image(rois, images.sizes)
  }
}
"""


def decided(network: nn.Module, factor: float = 30.0) -> nn.Module:
    """The network with scores far apart, as after training: among equal ones the order is nobody's to tell."""
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if ("cls" in name or name.startswith("head.")) and weight.dim() > 1:
                weight.mul_(factor)
    return network.eval()


def regions(count: int, number: int) -> list[Tensor]:
    """Another number of regions for each of so many images."""
    chance = torch.Generator().manual_seed(number)
    corners = [torch.rand(number + image, 2, generator=chance) * 90 for image in range(count)]
    return [torch.cat([one, one + 5 + torch.rand(one.shape, generator=chance) * 30], dim=1) for one in corners]


@pytest.mark.slow
@FORMS
@pytest.mark.parametrize("name", ["yolo_digits", "fast_rcnn"])
def test_a_program_takes_any_number_of_images_and_of_regions(name: str, form: str, tmp_path: Path) -> None:
    graph = open_spec(name).graph(name)
    network = decided(built(graph), 10)
    images, _ = scenes("val", 7, 0)
    takes = name == "fast_rcnn"
    batches = [
        Batch(images[begin:end], regions(end - begin, 20 + 9 * end) if takes else [])
        for begin, end in ((0, 2), (2, 3), (3, 7))
    ]
    done = write_detector(network, form, open_axes(graph), batches, tmp_path / f"n.{form}")
    assert done.difference < 1e-5
    assert done.objects > 20


@pytest.mark.slow
@FORMS
def test_a_program_resizes_images_of_any_size_as_the_network_does(form: str, tmp_path: Path) -> None:
    graph = graph_of(ANY_SIZE, "finder")
    network = decided(built(graph), 10)
    chance = torch.Generator().manual_seed(0)
    sizes = [(2, 50, 61), (1, 50, 61), (3, 96, 33), (1, 150, 149), (2, 31, 70)]
    batches = [Batch(torch.rand(count, 3, *size, generator=chance)) for count, *size in sizes]
    done = write_detector(network, form, open_axes(graph), batches, tmp_path / f"n.{form}")
    assert done.difference < 1e-4
    assert done.objects > 50


@pytest.mark.slow
def test_suppression_and_pooling_are_onnxs_own_operators_and_masks_come_along(tmp_path: Path) -> None:
    graph = open_spec("maskrcnn_digits").graph("maskrcnn_digits")
    network = decided(built(graph))
    images, _ = scenes("val", 5, 0)
    out = tmp_path / "detector.onnx"
    done = write_detector(network, "onnx", open_axes(graph), [Batch(images[:2]), Batch(images[2:3])], out)
    assert done.difference < 1e-4
    session = onnxruntime.InferenceSession(out)
    outputs = [one.name for one in session.get_outputs()]
    got = dict(zip(outputs, session.run(None, {"image": images[3:].numpy()})))
    wanted = network(images[3:])
    assert outputs == [*wanted, "image_index"]
    for number in range(2):
        rows = got["image_index"] == number
        assert rows.sum() == len(wanted["boxes"][number]) >= 15
        inside = got["masks"][rows].sum(axis=(1, 2, 3))
        assert sorted(inside.tolist()) == pytest.approx(
            sorted(wanted["masks"][number].sum((1, 2, 3)).tolist()), rel=1e-2
        )
    assert {"NonMaxSuppression", "RoiAlign"} <= {node.op_type for node in _nodes(out)}


def _nodes(path: Path) -> list[object]:
    onnx = pytest.importorskip("onnx")
    return list(onnx.load(path).graph.node)


def found(order: list[int], *, moved: float = 0.0) -> dict[str, Tensor]:
    boxes = torch.arange(20.0).view(5, 4)
    return {"boxes": boxes[order] + moved, "scores": boxes[order, 0] / 20, "labels": torch.ones(len(order))}


def test_what_a_program_finds_may_be_in_another_order_and_no_more() -> None:
    wanted = found([0, 1, 2, 3, 4])
    assert compared(wanted, found([1, 0, 2, 4, 3]), Path("x.onnx")) == 0
    assert compared(found([]), found([]), Path("x.onnx")) == 0
    for other in (found([0]), found([]), found([0, 1, 2, 3, 4], moved=1.0)):
        with pytest.raises(RunError, match="does not find what the network finds"):
            compared(wanted, other, Path("x.onnx"))


def test_a_program_of_torch_keeps_the_operators_that_torch_lacks_by_name() -> None:
    graph = graph_of(ANY_SIZE, "finder")
    network = built(graph)

    class Alone(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            boxes: Tensor = network(image)["boxes"][0]
            return boxes

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(Alone(), (torch.rand(2, 3, 50, 61),), strict=False)
    names = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert {"dlspec.suppressed.default", "dlspec.roi_align.default"} <= names

"""Whole detectors, exported to ONNX, find in onnxruntime what they find in torch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dlspec.checking import open_spec
from dlspec.training.digit_scenes import scenes
from dlspec.training.errors import RunError
from dlspec.training.export_detectors import _compared, write_detector
from tests.lowering.built import built

onnxruntime = pytest.importorskip("onnxruntime")
torch.set_num_threads(1)


def decided(network: nn.Module) -> nn.Module:
    """The network with scores far apart, as after training: among equal ones the order is nobody's to tell."""
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "cls" in name and weight.dim() > 1:
                weight.mul_(30)
    return network.eval()


@pytest.mark.slow
def test_a_detector_finds_in_onnxruntime_what_it_finds_in_torch(tmp_path: Path) -> None:
    network = decided(built(open_spec("maskrcnn_digits").graph("maskrcnn_digits")))
    images, _ = scenes("val", 3, 0)
    out = tmp_path / "detector.onnx"
    assert write_detector(network, "image", [images[:1], images[1:2]], out) < 1e-4
    session = onnxruntime.InferenceSession(out)
    outputs = [one.name for one in session.get_outputs()]
    got = dict(zip(outputs, session.run(None, {"image": images[2:].numpy()})))
    wanted = network(images[2:])
    assert outputs == list(wanted)
    assert len(got["boxes"]) == len(wanted["boxes"][0]) >= 20
    operators = {node.op_type for node in _nodes(out)}
    assert {"NonMaxSuppression", "RoiAlign"} <= operators


def _nodes(path: Path) -> list[object]:
    onnx = pytest.importorskip("onnx")
    return list(onnx.load(path).graph.node)


def found(order: list[int], *, moved: float = 0.0) -> dict[str, Tensor]:
    boxes = torch.arange(20.0).view(5, 4)
    return {"boxes": boxes[order] + moved, "scores": boxes[order, 0] / 20, "labels": torch.ones(len(order))}


def test_what_a_program_finds_may_be_in_another_order_and_no_more() -> None:
    wanted = found([0, 1, 2, 3, 4])
    assert _compared(wanted, found([1, 0, 2, 4, 3]), Path("x.onnx")) == 0
    assert _compared(found([]), found([]), Path("x.onnx")) == 0
    for other in (found([0]), found([]), found([0, 1, 2, 3, 4], moved=1.0)):
        with pytest.raises(RunError, match="does not find what the network finds"):
            _compared(wanted, other, Path("x.onnx"))

"""Suppression and region pooling become ONNX's own operators, and onnxruntime gives what eager gives."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dlspec import nn

onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.slow
torch.set_num_threads(1)


class Suppression(torch.nn.Module):
    def forward(self, boxes: Tensor, scores: Tensor, groups: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        kept, within = nn.nms(boxes, scores, 0.5), nn.batched_nms(boxes, scores, groups, 0.5)
        return boxes[kept], kept, within


class Pooling(torch.nn.Module):
    def forward(self, fine: Tensor, coarse: Tensor, rois: Tensor) -> tuple[Tensor, Tensor]:
        pyramid = nn.multi_scale_roi_align(
            [fine, coarse], rois, [1 / 4, 1 / 8], 5, canonical_scale=32, canonical_level=3
        )
        return pyramid, nn.roi_align(fine, rois, (2, 3), 0.25, 2, aligned=True)


def session(module: torch.nn.Module, inputs: tuple[Tensor, ...], dynamic: tuple[object, ...], path: Path) -> object:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    program = torch.onnx.export(module.eval(), inputs, dynamo=True, dynamic_shapes=dynamic, verbose=False)
    assert program is not None
    program.save(str(path))
    return onnxruntime.InferenceSession(str(path))


def agree(module: torch.nn.Module, running: object, inputs: tuple[Tensor, ...]) -> None:
    names = [given.name for given in running.get_inputs()]  # type: ignore[attr-defined]
    found = running.run(None, {name: value.numpy() for name, value in zip(names, inputs)})  # type: ignore[attr-defined]
    for one, expected in zip(found, module(*inputs)):
        torch.testing.assert_close(torch.from_numpy(one), expected, rtol=1e-4, atol=1e-5)


def some_boxes(count: int) -> Tensor:
    corners = torch.rand(count, 2) * 60
    return torch.cat([corners, corners + 4 + torch.rand(count, 2) * 50], dim=1)


def test_suppression_runs_in_onnxruntime_for_any_number_of_boxes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    inputs = some_boxes(50), torch.rand(50), torch.randint(3, (50,))
    running = session(Suppression(), inputs, ({0: "n"}, {0: "n"}, {0: "n"}), tmp_path / "nms.onnx")
    for count in (50, 20, 0):
        agree(Suppression(), running, (some_boxes(count), torch.rand(count), torch.randint(3, (count,))))


def test_regions_of_a_pyramid_are_pooled_in_onnxruntime(tmp_path: Path) -> None:
    torch.manual_seed(0)

    def inputs(count: int) -> tuple[Tensor, ...]:
        rois = torch.cat([torch.randint(2, (count, 1)).float(), some_boxes(count)], dim=1)
        return torch.rand(2, 3, 32, 32), torch.rand(2, 3, 16, 16), rois

    running = session(Pooling(), inputs(12), (None, None, {0: "n"}), tmp_path / "regions.onnx")
    for count in (12, 30):
        agree(Pooling(), running, inputs(count))

"""Two processes take the steps of a detector that one process takes with the whole batch, where a rank has no object too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from dlspec.training.digit_scenes import scenes_of_sizes
from dlspec.training.found import as_coco

SPEC = """
import roi_heads, rpn from "fasterrcnn_resnet50_fpn"

block level(image, width) {
  p2 = image
    -> conv1: conv2d(width, 5, stride=2, padding=2) -> norm1: group_norm(2) -> relu
    -> conv2: conv2d(width, 3, stride=2, padding=1) -> norm2: group_norm(2) -> relu
  [p2]
}

network finder(classes = 11) {
  input image: float32[N, 1, 64, 64]
  input boxes: list[boxes[M]] when training
  input labels: list[labels[M]] when training
  truth = {boxes, labels} if training else null
  sizes = image -> image_sizes
  levels = image -> backbone: level(8)
  regions = levels -> rpn: rpn(image, sizes, truth, anchor_sizes=[[12]], aspect_ratios=[1, 2], keep=20)
  found = levels
    -> roi_heads: roi_heads(image, sizes, regions.proposals, truth, classes, width=16, draws=16, detections=9)
  if training {
    output loss_objectness = regions.loss.objectness
    output loss_rpn_box_reg = regions.loss.box_reg
    output loss_classifier = found.classifier
    output loss_box_reg = found.box_reg
  } else {
    output boxes = found.rois[:, 1:] -> per_image(found.rois, sizes)
    output scores = found.scores -> per_image(found.rois, sizes)
    output labels = found.labels -> per_image(found.rois, sizes)
  }
}

network cells(classes = 11) {
  input image: float32[N, 1, 64, 64]
  input boxes: list[boxes[M]] when training
  input labels: list[labels[M]] when training
  grid = image -> conv1: conv2d(8, 5, stride=4, padding=2) -> relu -> conv2: conv2d(15, 3, stride=2, padding=1)
  if training {
    loss = yolo_loss(grid, image, boxes, labels)
    output loss_box = loss.box
    output loss_objectness = loss.objectness
    output loss_classifier = loss.classifier
  } else {
    found = yolo_detections(grid, image)
    output boxes = found.boxes
    output scores = found.scores
    output labels = found.labels
  }
}

plan finder {
  network = finder
  data { source = coco("scenes.json", images="pictures", channels=grey), split { train = 1  val = 0  test = 0 } }
  loss = loss_objectness + loss_rpn_box_reg + loss_classifier + loss_box_reg
  optimizer = adamw(lr=1e-3), epochs = 2, batch_size = 5, augment = [horizontal_flip, translate(0.1)]
}

plan cells {
  network = cells
  data { source = coco("scenes.json", images="pictures", channels=grey), split { train = 1  val = 0  test = 0 } }
  loss = loss_box + loss_objectness + loss_classifier
  optimizer = adamw(lr=1e-3), epochs = 2, batch_size = 5
}
"""
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve scenes of which two in three are empty, so that a share of a batch often holds no object at all."""
    made = tmp_path_factory.mktemp("together")
    images, objects = scenes_of_sizes("train", 12, 1, (64, 64))
    names = ("background", *(str(digit) for digit in range(10)))
    held = as_coco(objects, [(64, 64)] * 12, names)
    held["annotations"] = [one for one in held["annotations"] if one["image_id"] % 3 == 0]
    (made / "pictures").mkdir()
    for image, one in zip(images, held["images"], strict=True):
        one["file_name"] = f"{one['id']}.png"
        Image.fromarray((image[0] * 255).round().byte().numpy()).save(made / "pictures" / one["file_name"])
    (made / "scenes.json").write_text(json.dumps(held), encoding="utf-8")
    (made / "p.dls").write_text(SPEC, encoding="utf-8")
    return made


def train(folder: Path, count: int, plan: str, *words: str) -> tuple[list[dict[str, Any]], dict[str, torch.Tensor]]:
    """The record and the last weights of a run by so many processes."""
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(count)] if count > 1 else []
    out = f"{plan}-{count}-{len(words)}"
    command = [sys.executable, *launcher, "-m", "dlspec", "train", "p.dls", "--plan", plan, "--out", out, *words]
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    text = (folder / out / "metrics.jsonl").read_text(encoding="utf-8")
    last = max((folder / out / "checkpoints").glob("step-*"))
    return [json.loads(line) for line in text.splitlines()], load_file(last / "weights.safetensors")


LOSSES = {"finder": 5, "cells": 4}
"""How many losses each plan tells of: its sum, and the parts of a sum."""


@pytest.mark.slow
@pytest.mark.parametrize("plan", LOSSES)
def test_two_processes_give_the_losses_and_weights_of_one(folder: Path, plan: str) -> None:
    rows, weights = train(folder, 1, plan)
    their_rows, their_weights = train(folder, 2, plan)
    for row, other in zip(rows, their_rows, strict=True):
        losses = {name: value for name, value in row.items() if name.startswith("loss")}
        assert len(losses) == LOSSES[plan]
        assert {name: other[name] for name in losses} == pytest.approx(losses, rel=2e-5, abs=1e-7)
    for name, tensor in weights.items():
        torch.testing.assert_close(their_weights[name], tensor, rtol=1e-4, atol=2e-6)

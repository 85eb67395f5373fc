"""The first YOLO's cells: boxes as the paper codes them, its loss added up by hand, and detections."""

from __future__ import annotations

import json

import measure_darknet
import pytest
import torch

from dlspec.nn import yolo_v1_boxes, yolo_v1_detections, yolo_v1_loss

IMAGE = torch.zeros(1, 3, 448, 448)
BOX = torch.tensor([[128.0, 96.0, 240.0, 320.0]])
"""Its centre (184, 208) lies in column 2, row 3 of 7×7 cells of 64 pixels: 0.875 and 0.25 of the cell."""


def cells() -> torch.Tensor:
    """A prediction of three classes whose second box of the answering cell is right."""
    prediction = torch.zeros(1, 7, 7, 13)
    prediction[0, 3, 2, 5:10] = torch.tensor([0.875, 0.25, (112 / 448) ** 0.5, (224 / 448) ** 0.5, 1.0])
    prediction[0, 3, 2, 11] = 1
    return prediction


def test_centres_are_shares_of_the_cell_and_sides_squares_of_shares_of_the_image() -> None:
    torch.testing.assert_close(yolo_v1_boxes(cells(), IMAGE)[0, 3, 2, 1], BOX[0])


def test_the_right_answer_costs_nothing_and_is_found() -> None:
    losses = yolo_v1_loss(cells(), IMAGE, [BOX], [torch.tensor([2])])
    assert [float(loss) for loss in losses] == pytest.approx([0, 0, 0], abs=1e-9)
    (boxes,), (scores,), (labels,) = yolo_v1_detections(cells(), IMAGE)
    torch.testing.assert_close(boxes, BOX)
    assert (scores.tolist(), labels.tolist()) == ([1], [2])


def test_each_part_of_the_loss_is_the_papers_sum() -> None:
    prediction = cells()
    prediction[0, 3, 2, 5] += 0.1  # the centre moves 6.4 pixels
    prediction[0, 0, 0, 4] = 0.6  # a confidence where nothing is
    prediction[0, 3, 2, 10] = 0.5  # a chance of a wrong class
    box, confidence, classes = yolo_v1_loss(prediction, IMAGE, [BOX], [torch.tensor([2])])
    assert float(box) == pytest.approx(5 * 0.1**2, rel=1e-5)
    overlap = (112 - 6.4) / (112 + 6.4)
    assert float(confidence) == pytest.approx((1 - overlap) ** 2 + 0.5 * 0.6**2, rel=1e-4)
    assert float(classes) == pytest.approx(0.25, rel=1e-5)


def test_an_image_without_objects_keeps_the_losses_connected() -> None:
    prediction = cells().requires_grad_()
    losses = yolo_v1_loss(prediction, IMAGE, [BOX[:0]], [torch.zeros(0, dtype=torch.int64)])
    sum(losses).backward()  # type: ignore[union-attr]
    assert prediction.grad is not None
    assert losses[0].item() == losses[2].item() == 0


def test_its_gradients_are_those_of_darknet_the_program_of_its_authors() -> None:
    """Also where none of a cell's boxes overlaps the object: then the one whose numbers are nearest answers for it."""
    drawn = torch.from_numpy(measure_darknet.prediction()).requires_grad_()
    truth = measure_darknet.objects()
    boxes = [torch.from_numpy(own) for own, _ in truth]
    image = torch.zeros(len(boxes), 3, measure_darknet.HEIGHT, measure_darknet.WIDTH)
    losses = yolo_v1_loss(drawn, image, boxes, [torch.tensor(labels) for _, labels in truth])
    (sum(losses) * len(boxes)).backward()  # type: ignore[union-attr]  # darknet adds up the images
    assert drawn.grad is not None
    wanted = json.loads(measure_darknet.OUT.read_text(encoding="utf-8"))["delta"]
    torch.testing.assert_close(drawn.grad.flatten(0, 2), -2 * torch.tensor(wanted).double(), rtol=1e-5, atol=1e-6)

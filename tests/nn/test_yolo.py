"""The grid detector: boxes of cells, which cells answer for an object, and detections that undo the coding."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dlspec.nn import yolo_assign, yolo_boxes, yolo_detections, yolo_loss

IMAGE = torch.zeros(1, 1, 32, 48)
"""4 rows and 6 columns of cells of 8 pixels."""


def cells() -> Tensor:
    """A prediction of three classes that says nothing anywhere."""
    prediction = torch.zeros(1, 8, 4, 6)
    prediction[:, 4] = -20
    return prediction


def test_a_cell_that_predicts_zeros_gives_a_box_of_a_cell_about_its_middle() -> None:
    boxes = yolo_boxes(cells(), IMAGE)[0].view(4, 6, 4)
    assert boxes[0, 0].tolist() == [0, 0, 8, 8]
    assert boxes[2, 5].tolist() == [40, 16, 48, 24]


def test_a_centre_reaches_half_a_cell_beyond_its_cell_and_sides_are_powers_of_e() -> None:
    prediction = cells()
    prediction[0, 0, 1, 2], prediction[0, 2, 1, 2] = 50.0, 1.0
    x1, _, x2, _ = yolo_boxes(prediction, IMAGE)[0].view(4, 6, 4)[1, 2].tolist()
    assert (x1 + x2) / 2 == pytest.approx(8 * 3.5)
    assert x2 - x1 == pytest.approx(8 * 2.718281828)


def test_the_cell_of_a_centre_and_the_nearest_two_answer_for_an_object() -> None:
    taken, objects = yolo_assign(cells(), IMAGE, [torch.tensor([[17.0, 9.0, 21.0, 13.0], [44, 28, 48, 32]])])
    assert [(int(cell) // 6, int(cell) % 6) for cell, one in zip(taken, objects, strict=True) if one == 0] == [
        (0, 2), (1, 1), (1, 2),
    ]  # fmt: skip
    assert [(int(cell) // 6, int(cell) % 6) for cell, one in zip(taken, objects, strict=True) if one == 1] == [(3, 5)]


def test_objects_of_a_batch_are_numbered_through_all_images() -> None:
    box = torch.tensor([[2.0, 2, 6, 6]])
    taken, objects = yolo_assign(torch.zeros(3, 8, 4, 6), torch.zeros(3, 1, 32, 48), [box, box[:0], box])
    assert objects.unique().tolist() == [0, 1]
    assert taken[objects == 1].min() >= 2 * 24


def test_the_losses_are_zero_for_the_right_answer_and_detections_give_it_back() -> None:
    box, label = torch.tensor([[10.0, 6.0, 26.0, 22.0]]), torch.tensor([2])
    prediction = cells()
    taken, _ = yolo_assign(prediction, IMAGE, [box])
    for cell in taken.tolist():
        row, column = divmod(cell, 6)
        place = (torch.tensor([18.0, 14.0]) / 8 - torch.tensor([column, row]) + 0.5) / 2
        prediction[0, :2, row, column] = torch.logit(place.clamp(1e-6, 1 - 1e-6))
        prediction[0, 2:4, row, column] = torch.tensor(2.0).log()
        prediction[0, 4, row, column], prediction[0, 6, row, column] = 20, 30
    losses = yolo_loss(prediction, IMAGE, [box], [label])
    assert [float(loss) for loss in losses] == pytest.approx([0, 0, 0], abs=1e-4)
    (boxes,), (scores,), (labels,) = yolo_detections(prediction, IMAGE)
    assert labels.tolist() == [2]
    assert scores.tolist() == pytest.approx([1], abs=1e-4)
    torch.testing.assert_close(boxes, box, atol=1e-2, rtol=0)


def test_all_losses_of_a_batch_reach_the_prediction_by_true_gradients() -> None:
    torch.manual_seed(0)
    prediction = torch.randn(2, 8, 4, 6, dtype=torch.float64, requires_grad=True)
    image, boxes = torch.zeros(2, 1, 32, 48, dtype=torch.float64), [torch.tensor([[4.0, 4, 20, 18]]).double()] * 2

    def placed(given: Tensor) -> Tensor:
        return yolo_loss(given, image, boxes, [torch.tensor([1]), torch.tensor([3])])[2]

    assert torch.autograd.gradcheck(placed, (prediction,))
    sum(yolo_loss(prediction, image, boxes, [torch.tensor([1]), torch.tensor([3])])).backward()  # type: ignore[union-attr]
    assert prediction.grad is not None
    assert prediction.grad[:, :4].abs().sum() > 0

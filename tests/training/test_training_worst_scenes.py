"""The worst scenes and class maps of a run: what was overlooked, what was found that is not there, what shares least."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import dlspec
from dlspec.training.found import Found
from dlspec.training.objects import Objects
from dlspec.training.scene_mistakes import worst_places

torch.set_num_threads(1)
BOX = torch.tensor([[10.0, 10.0, 20.0, 20.0]])
FAR = BOX + 60


def scenes(*boxes: torch.Tensor) -> Objects:
    return Objects(list(boxes), [torch.ones(len(one), dtype=torch.int64) for one in boxes])


def found(boxes: torch.Tensor, *scores: float, label: int = 1) -> Found:
    return Found(boxes, torch.tensor(scores), torch.full((len(boxes),), label))


def test_a_missed_object_costs_one_and_a_false_one_its_score() -> None:
    truth = scenes(BOX, BOX, BOX, BOX)
    given = [
        found(BOX, 0.9),  # right
        found(torch.cat([BOX, FAR]), 0.9, 0.8),  # 0.8: one too many
        found(BOX, 0.7, label=2),  # 1.7: missed, and another class found
        found(BOX[:0]),  # 1: missed
    ]
    assert worst_places(truth, given) == [2, 3, 1, 0]


def test_what_is_found_twice_is_false_once_and_what_is_hardly_believed_is_not_told() -> None:
    truth = scenes(BOX, BOX)
    twice, unsure = found(torch.cat([BOX, BOX + 1]), 0.9, 0.5), found(torch.cat([BOX, FAR]), 0.9, 0.2)
    assert worst_places(truth, [unsure, twice]) == [1, 0]


def test_what_is_found_in_a_crowd_is_not_held_wrong() -> None:
    truth = scenes(BOX, BOX)
    truth.ignored = scenes(FAR - 5 + torch.tensor([0.0, 0.0, 20.0, 20.0]), BOX[:0])
    given = [found(torch.cat([BOX, FAR]), 0.9, 0.9), found(torch.cat([BOX, FAR]), 0.9, 0.8)]
    assert worst_places(truth, given) == [1, 0]


@pytest.mark.slow
def test_a_run_of_a_detector_tells_and_shows_its_worst_scenes(tmp_path: Path) -> None:
    made = {"epochs": 1, "data.source.train": 16, "data.source.val": 5, "network.width": 8}
    dlspec.train("yolo_digits", out=tmp_path / "run", set=made, quiet=True)
    listed = json.loads((tmp_path / "run" / "mistakes.json").read_text())
    assert len(listed) == 5
    assert [one["cost"] for one in listed] == sorted((one["cost"] for one in listed), reverse=True)
    for one in listed:
        assert 16 < one["row"] <= 21
        assert len(one["missed"]) <= one["objects"]
        assert all(part["class"] in "0123456789" for part in one["missed"])
    assert (tmp_path / "run" / "mistakes.png").stat().st_size > 5000
    page = (tmp_path / "run" / "report.html").read_text()
    assert "most was overlooked" in page
    assert page.count("missed</b>") == 5


@pytest.mark.slow
def test_a_run_of_a_segmentation_tells_and_shows_the_images_that_share_least(tmp_path: Path) -> None:
    made = {"epochs": 1, "data.source.train": 16, "data.source.val": 5}
    dlspec.train("fcn_digits", out=tmp_path / "run", set=made, quiet=True)
    listed = json.loads((tmp_path / "run" / "mistakes.json").read_text())
    assert [one["iou"] for one in listed] == sorted(one["iou"] for one in listed)
    assert all(0 <= one["wrong"] <= 1 and 0 <= one["iou"] <= 1 for one in listed)
    assert "share least" in (tmp_path / "run" / "report.html").read_text()

"""Digit scenes are what their description says, and the same for the same seed."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from dlspec.training.data import load
from dlspec.training.digit_scenes import INK, scenes
from dlspec.training.objects import Objects, boxes_around, class_map
from tests.plan.plans import only, problems_of
from tests.training.runs import plan_of


@cache
def some() -> tuple[Tensor, Objects]:
    return scenes("train", 60, 0)


def test_scenes_are_the_same_for_the_same_seed_and_more_of_them_begin_with_the_same_ones() -> None:
    few, their = scenes("train", 5, 0)
    images, objects = some()
    assert torch.equal(images[:5], few)
    assert all(torch.equal(one, other) for one, other in zip(objects.masks[:5], their.masks, strict=True))
    assert not torch.equal(scenes("train", 5, 1)[0], few)
    assert not torch.equal(scenes("val", 5, 0)[0], few)


def test_a_first_scene_is_pinned_so_that_scores_mean_the_same_everywhere() -> None:
    images, objects = some()
    assert objects.labels[0].tolist() == [3, 1, 3, 3, 9, 7]
    assert objects.boxes[0][:2].tolist() == [[36, 78, 50, 94], [59, 56, 65, 64]]
    assert float(images[0].mean()) == pytest.approx(0.25650132, abs=1e-6)


def test_every_scene_has_two_to_seven_digits_of_eight_to_thirty_two_pixels_in_zero_to_one() -> None:
    images, objects = some()
    assert {len(labels) for labels in objects.labels} == {2, 3, 4, 5, 6, 7}
    boxes = torch.cat(objects.boxes)
    heights = boxes[:, 3] - boxes[:, 1]
    assert heights.min() >= 6
    assert heights.max() == 32
    assert boxes.min() >= 0
    assert boxes.max() <= 128
    assert images.min() >= 0
    assert images.max() <= 1
    assert set(torch.cat(objects.labels).tolist()) == set(range(1, 11))


def test_boxes_are_tight_around_the_ink_half_open_and_hardly_overlap() -> None:
    for boxes, masks in zip(*some()[1].kinds()[:3:2], strict=True):
        for box, mask in zip(boxes.int().tolist(), masks, strict=True):
            x1, y1, x2, y2 = box
            assert mask[y1:y2, x1:x2].sum() == mask.sum()
            assert mask[y1].any()
            assert mask[y2 - 1].any()
            assert mask[:, x1].any()
            assert mask[:, x2 - 1].any()
        corner = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - torch.maximum(boxes[:, None, :2], boxes[:, :2])
        common, area = corner.clamp(min=0).prod(2), (boxes[:, 2:] - boxes[:, :2]).prod(1)
        iou = common / (area[:, None] + area - common)
        assert (iou.fill_diagonal_(0) <= 0.02).all()


def test_ink_overlaps_nowhere_and_is_what_the_class_map_shows() -> None:
    for labels, masks in zip(*some()[1].kinds()[1:3], strict=True):
        assert masks.sum(0).max() == 1
        shown = class_map(labels, masks)
        assert torch.equal(shown > 0, masks.any(0))
        assert all((shown[mask.bool()] == label).all() for label, mask in zip(labels, masks, strict=True))


def test_ink_is_an_enlarged_digit_image_of_the_part_that_the_role_may_show() -> None:
    bunch = load_digits()
    ink = torch.from_numpy(bunch.images / 16) >= INK
    for role, kept in (("train", slice(0, 1347)), ("val", slice(1347, None))):
        known = {_trimmed(one) for one in ink[kept]}
        _, objects = scenes(role, 10, 0)
        for mask in torch.cat(objects.masks):
            x1, y1, x2, y2 = boxes_around(mask[None])[0].int().tolist()
            cut = mask[y1:y2, x1:x2]
            assert any(
                _trimmed(cut[::times, ::times]) in known and cut.shape[0] % times == 0 == cut.shape[1] % times
                for times in (1, 2, 3, 4)
            )


def _trimmed(ink: Tensor) -> tuple[tuple[int, ...], bytes]:
    rows, columns = ink.bool().any(1).nonzero()[:, 0], ink.bool().any(0).nonzero()[:, 0]
    cut = ink[int(rows[0]) : int(rows[-1]) + 1, int(columns[0]) : int(columns[-1]) + 1].bool()
    return tuple(cut.shape), cut.contiguous().numpy().tobytes()


def test_a_box_around_nothing_is_empty() -> None:
    masks = torch.zeros(2, 4, 6, dtype=torch.uint8)
    masks[1, 1:3, 2:6] = 1
    assert boxes_around(masks).tolist() == [[0, 0, 0, 0], [2, 1, 6, 3]]


def test_the_source_gives_a_class_for_every_pixel_and_its_own_split() -> None:
    data = load(plan_of(data="{ source = digit_scenes(train=3, val=2, test=1) }", loss="cross_entropy"))
    assert data.samples.inputs.shape == (6, 1, 128, 128)
    assert data.samples.targets.shape == (6, 128, 128)
    assert data.samples.targets.dtype == torch.int64
    assert data.classes[:3] == ("background", "0", "1")
    assert {role: rows.tolist() for role, rows in (data.rows or {}).items()} == {
        "train": [0, 1, 2],
        "val": [3, 4],
        "test": [5],
    }


def test_scenes_come_split_so_that_a_plan_does_not_split_them_anew() -> None:
    data = "{ source = digit_scenes split { train = 0.5 val = 0.5 test = 0 } }"
    found = only([one for one in problems_of(data=data) if one.code == "E0614"])
    assert found.message == "`digit_scenes` comes split, and `split` would share it out anew"


def test_the_spec_that_a_run_writes_of_scenes_reads_again() -> None:
    data = "{ source = digit_scenes(train=48, val=4) split { train = 0.9230769230769231 val = 0.07692307692307693 test = 0 } }"
    assert not [one for one in problems_of(data=data) if one.code == "E0614"]

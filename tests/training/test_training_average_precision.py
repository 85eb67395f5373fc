"""Average precision is pycocotools', of boxes and of masks, and what it means is shown on scenes that one can count."""

from __future__ import annotations

import contextlib
import io
from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlspec.training.average_precision import average_precision
from dlspec.training.digit_scenes import scenes
from dlspec.training.found import Found, as_coco, results
from dlspec.training.mask_runs import decoded, encoded, run_lengths
from dlspec.training.objects import Objects

CLASSES = ("background", *map(str, range(10)))


def guessed(objects: Objects, seed: int) -> list[Found]:
    """The truth shifted a little, some missed, some taken for another class, some made up."""
    made = torch.Generator().manual_seed(seed)
    found = []
    for own in objects:
        (boxes,), (labels,), (masks,) = own.kinds()[:3]
        kept = torch.rand(len(boxes), generator=made) < 0.8
        shift = torch.randint(-2, 3, (int(kept.sum()), 2), generator=made)
        moved = masks[kept]
        for place, (x, y) in enumerate(shift.tolist()):
            moved[place] = moved[place].roll((y, x), (0, 1))
        taken = torch.where(torch.rand(len(shift), generator=made) < 0.2, 1, labels[kept])
        scores = torch.rand(len(shift), generator=made).sort(descending=True).values
        found.append(Found(boxes[kept] + shift.repeat(1, 2), scores, taken, encoded(moved)))
    return found


@pytest.mark.parametrize("kind", ["boxes", "masks"])
def test_it_is_what_pycocotools_computes(kind: str) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    _, objects = scenes("val", 40, 0)
    found, sizes = guessed(objects, 1), [(128, 128)] * 40
    ours = average_precision(objects, found, sizes, CLASSES, kind)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = as_coco(objects, sizes, CLASSES)
        truth.createIndex()
        given = deepcopy(results(found))
        if kind == "masks":
            given = [{key: value for key, value in one.items() if key != "bbox"} for one in given]
        judged = COCOeval(truth, truth.loadRes(given), "bbox" if kind == "boxes" else "segm")
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    assert 0.05 < ours.map < 0.95
    assert (ours.map, ours.map50) == pytest.approx((judged.stats[0], judged.stats[1]), abs=1e-9)


def test_the_truth_itself_scores_one_and_nothing_found_scores_zero() -> None:
    _, objects = scenes("val", 6, 0)
    perfect = [Found(b, torch.ones(len(b)), n, encoded(m)) for b, n, m in zip(*objects.kinds()[:3], strict=True)]
    none = [Found(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64), []) for _ in range(6)]
    for kind in ("boxes", "masks"):
        assert average_precision(objects, perfect, [(128, 128)] * 6, CLASSES, kind).map == pytest.approx(1)
        assert average_precision(objects, none, [(128, 128)] * 6, CLASSES, kind).map == 0


def test_a_class_without_an_object_has_no_precision_and_does_not_lower_the_mean() -> None:
    objects = Objects([torch.tensor([[1.0, 1, 9, 9]])], [torch.tensor([2])])
    found = [Found(torch.tensor([[1.0, 1, 9, 9]]), torch.ones(1), torch.tensor([2]))]
    judged = average_precision(objects, found, [(16, 16)], ("background", "cat", "dog"))
    assert [one.ap for one in judged.classes] == [None, pytest.approx(1)]
    assert judged.map == pytest.approx(1)


def test_masks_come_back_from_their_runs() -> None:
    masks = scenes("train", 1, 3)[1].masks[0]
    assert torch.equal(decoded(encoded(masks), (128, 128)), masks)
    assert decoded([], (4, 6)).shape == (0, 4, 6)


@given(st.integers(0, 2**30), st.integers(1, 30), st.integers(1, 30), st.floats(0, 1))
def test_runs_become_the_pixels_that_the_library_makes_of_them(
    seed: int, height: int, width: int, share: float
) -> None:
    from faster_coco_eval.core import mask

    masks = (torch.rand(2, height, width, generator=torch.Generator().manual_seed(seed)) < share).byte()
    runs = encoded(masks)
    assert torch.equal(decoded(runs, (height, width)), masks)
    theirs = mask.decode([one | {"counts": one["counts"].encode()} for one in runs]).transpose(2, 0, 1)
    assert torch.equal(torch.from_numpy(theirs.copy()), masks)
    assert [int(run_lengths(one["counts"]).sum()) for one in runs] == [height * width] * 2

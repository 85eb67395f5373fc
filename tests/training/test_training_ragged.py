"""Images of different sizes in one batch: filled up, moved and scaled with their objects, judged each at its own size."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from dlspec.checking import open_spec
from dlspec.lowering import lower
from dlspec.training.aspect_groups import grouped, groups_of
from dlspec.training.augment import Augmenter
from dlspec.training.batches import batch_ends
from dlspec.training.data import load
from dlspec.training.digit_scenes import scenes_of_sizes
from dlspec.training.errors import RunError
from dlspec.training.found import as_coco
from dlspec.training.maps import Maps, encoded_map
from dlspec.training.objects import IGNORED, Objects, boxes_around
from dlspec.training.predicting import load_run
from dlspec.training.ragged import Ragged, filled_up
from dlspec.training.run import evaluate
from tests.training.runs import FINDER, FINDING, equal, final_weights, plan_of, run

NETWORK = """
import small_pyramid from "fasterrcnn_digits"
import roi_heads, rpn from "fasterrcnn_resnet50_fpn"

network finder(classes = 11, width = 8) {
  input image: list[float32[1, h, w]]
  input boxes: list[boxes[M]] when training
  input labels: list[labels[M]] when training
  images = image -> batch_images(64, 96, size_divisible=8)
  truth = {boxes = resize_boxes(boxes, images.originals, images.sizes), labels} if training else null
  levels = images.batch -> backbone: small_pyramid(width)
  regions = levels
    -> rpn: rpn(images.batch, images.sizes, truth, anchor_sizes=[[8], [20]], aspect_ratios=[1, 2], keep=20)
  found = levels
    -> roi_heads: roi_heads(images.batch, images.sizes, regions.proposals, truth, classes, width=16, draws=16, detections=9)
  if training {
    output loss_objectness = regions.loss.objectness
    output loss_rpn_box_reg = regions.loss.box_reg
    output loss_classifier = found.classifier
    output loss_box_reg = found.box_reg
  } else {
    rois = found.rois -> resize_rois(images.sizes, images.originals)
    output boxes = rois[:, 1:] -> per_image(rois, images.sizes)
    output scores = found.scores -> per_image(rois, images.sizes)
    output labels = found.labels -> per_image(rois, images.sizes)
  }
}
"""
LOSSES = "loss_objectness + loss_rpn_box_reg + loss_classifier + loss_box_reg"
CANVAS = (64, 90)
SEGMENTER = """
import torch
from torch import nn


def build():
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 11, 3, padding=1))
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small Faster R-CNN that takes a list of images, as Python."""
    path = tmp_path_factory.mktemp("spec") / "finder.dls"
    path.write_text(NETWORK, encoding="utf-8")
    return lower(open_spec(str(path)).graph("finder")).source


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes of several sizes in COCO's JSON and PNG."""
    folder = tmp_path_factory.mktemp("scenes")
    images, objects = scenes_of_sizes("train", 9, 5, CANVAS)
    names = ("background", *(str(digit) for digit in range(10)))
    held = as_coco(objects, [tuple(image.shape[1:]) for image in images], names)
    (folder / "pictures").mkdir()
    for image, one in zip(images, held["images"], strict=True):
        one["file_name"] = f"{one['id']}.png"
        Image.fromarray((image[0] * 255).round().byte().numpy()).save(folder / "pictures" / one["file_name"])
    (folder / "scenes.json").write_text(json.dumps(held), encoding="utf-8")
    return folder


def data_of(more: str = "", split: str = "split { train = 0.7  val = 0.3  test = 0 }") -> str:
    return f'{{ source = coco("scenes.json", images="pictures", channels=grey)  {split}  {more} }}'


def plan(folder: Path, **changed: str) -> Any:
    keys = {
        "data": data_of(),
        "loss": LOSSES,
        "batch_size": "3",
        "augment": "[horizontal_flip, translate(0.1), noise(0.02)]",
    }
    return plan_of(FINDING, folder, **keys | changed)


def test_a_batch_is_filled_up_at_the_right_and_below_as_torchvision_does() -> None:
    images = [torch.rand(3, 5, 9), torch.rand(3, 7, 4)]
    batch = filled_up(Ragged(images), multiple=8)
    assert batch.shape == (2, 3, 8, 16)
    for own, image in zip(batch, images, strict=True):
        assert torch.equal(own[:, : image.shape[1], : image.shape[2]], image)
        assert own.sum() == pytest.approx(float(image.sum()))


def test_each_image_moves_with_its_objects_at_its_own_size_as_it_would_alone() -> None:
    images, objects = scenes_of_sizes("train", 4, 0, CANVAS)
    augmenter = Augmenter(plan_of(FINDING, augment="[horizontal_flip(p=1), rotate(10), translate(0.2)]").augment, 3)
    rows = torch.tensor([8, 2, 5, 7])
    batch = Ragged(images)
    moved, followed = augmenter(batch, rows, 4), augmenter.followed(objects, rows, 4, batch.sizes)
    assert isinstance(followed, Objects)
    assert isinstance(moved, Ragged)
    for place, image in enumerate(images):
        alone, row = image[None], rows[place : place + 1]
        assert torch.equal(moved.tensors[place], augmenter(alone, row, 4)[0])
        own = augmenter.followed(objects[[place]], row, 4, alone.shape[-2:])
        assert isinstance(own, Objects)
        assert torch.equal(own.boxes[0], followed.boxes[place])
        assert torch.equal(boxes_around(followed.masks[place]), followed.boxes[place])


@given(st.integers(0, 2**30), st.lists(st.integers(0, 3), min_size=2, max_size=50), st.integers(1, 9))
@pytest.mark.slow
def test_batches_hold_one_group_as_far_as_groups_go(seed: int, groups: list[int], length: int) -> None:
    numbers = torch.tensor(groups)
    ends = batch_ends(len(groups), min(length, len(groups)))
    generator = torch.Generator().manual_seed(seed)
    order = grouped(torch.randperm(len(groups), generator=generator), numbers, ends)
    assert sorted(order.tolist()) == list(range(len(groups)))
    starts = [0, *ends[:-1]]
    mixed = sum(len(numbers[order[start:end]].unique()) > 1 for start, end in zip(starts, ends, strict=True))
    assert mixed <= len(numbers.unique())


def test_groups_are_torchvisions() -> None:
    import bisect

    import numpy as np

    sizes = [(100, wide) for wide in range(20, 400, 7)]
    for factor in (0, 1, 3):
        bins = (2 ** np.linspace(-1, 1, 2 * factor + 1)).tolist() if factor else [1.0]
        found = groups_of(sizes, factor)
        assert found is not None
        assert found.tolist() == [bisect.bisect_right(bins, wide / high) for high, wide in sizes]


def test_a_class_map_comes_back_from_runs_and_its_pixels_are_counted() -> None:
    named = torch.randint(0, 3, (2, 7, 5))
    named[0, 0, 0] = IGNORED
    maps = Maps([encoded_map(one) for one in named], ragged=False)
    assert torch.equal(maps[slice(None)], named)  # type: ignore[arg-type]  # of one size
    assert maps.counts.tolist() == named.flatten().bincount(minlength=256).tolist()


@pytest.mark.slow
def test_a_run_on_images_of_several_sizes_goes_on_in_the_middle_of_an_epoch_bit_for_bit(
    tmp_path: Path, files: Path, module: str
) -> None:
    kept = {"keep": "{ every_seconds = 0  last = 99 }"}
    grouped_by_shape = "aspect_ratio_group_factor = 0"
    whole = run(plan(files, data=data_of(grouped_by_shape), **kept), tmp_path / "run", module)
    weights = final_weights(tmp_path / "run")
    for path in sorted((tmp_path / "run" / "checkpoints").glob("step-*"))[1:]:
        shutil.rmtree(path)
    (tmp_path / "run" / "report.json").unlink()
    from_files = data_of(f"{grouped_by_shape}  in_memory = false  workers = 2")
    before = (tmp_path / "run" / "checkpoints").glob("step-*")
    assert [path.name for path in before] == ["step-00000001"]
    text = {"data": from_files.replace("in_memory = false", ""), **kept}
    again = run(plan(files, **text), tmp_path / "run", module, resume=True)
    assert equal(final_weights(tmp_path / "run"), weights)
    assert again.val == whole.val
    stored = run(plan(files, data=from_files, augment_on="workers", **kept), tmp_path / "stored", module)
    assert equal(final_weights(tmp_path / "stored"), weights)
    assert stored.val == whole.val


@pytest.mark.slow
def test_what_predict_and_evaluate_find_is_what_was_judged_at_original_sizes(
    tmp_path: Path, files: Path, module: str
) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    made = run(plan(files, augment="[]", epochs="3"), tmp_path / "run", module)
    assert evaluate(tmp_path / "run").values == made.val
    trained = load_run(tmp_path / "run")
    truth = json.loads((files / "scenes.json").read_text(encoding="utf-8"))
    rows = [int(name.split(".")[0]) for name in _names_of_val(files)]
    pictures = [_image(files / "pictures" / f"{row}.png") for row in rows]
    given_back = trained.detect(pictures)
    single = [trained.detect([picture])[0] for picture in pictures]
    found = []
    for row, one, alone in zip(rows, given_back, single, strict=True):
        assert torch.allclose(one.boxes, alone.boxes, atol=1e-3)  # whatever stands beside it
        for box, score, label in zip(one.boxes.tolist(), one.scores.tolist(), one.labels.tolist(), strict=True):
            x1, y1, x2, y2 = box
            found.append({"image_id": row, "category_id": label, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score})
    own = COCO()
    own.dataset = truth
    own.createIndex()
    judged = COCOeval(own, own.loadRes(found), "bbox")
    judged.params.imgIds = rows
    judged.evaluate()
    judged.accumulate()
    judged.summarize()
    assert judged.stats[0] == pytest.approx(made.val["map"], abs=1e-4)
    assert judged.stats[1] == pytest.approx(made.val["map50"], abs=1e-4)


def _names_of_val(files: Path) -> list[str]:
    from dlspec.training.splits import split

    chosen = plan(files)
    dataset = load(chosen)
    return [Path(dataset.names[row]).name for row in split(dataset, chosen).rows["val"].tolist()]


def _image(path: Path) -> Tensor:
    from dlspec.training.predicting import picture

    return picture(path, 1, None, invert=False)


@pytest.mark.slow
def test_a_network_that_takes_one_tensor_trains_on_batches_that_are_filled_up(tmp_path: Path, files: Path) -> None:
    data = data_of("size_divisible = 8, normalize = true, workers = 1, in_memory = false")
    changed = {"data": data, "loss": FINDING["loss"], "precision": "bf16", "accumulate": "2"}
    made = run(plan(files, **changed), tmp_path / "run", FINDER, pictures=True)
    assert evaluate(tmp_path / "run").values == made.val
    found = load_run(tmp_path / "run").detect([_image(files / "pictures" / "1.png")])
    assert len(found) == 1


@pytest.mark.slow
def test_class_maps_of_several_sizes_are_filled_up_with_what_is_not_judged(tmp_path: Path, files: Path) -> None:
    changed = {"loss": "cross_entropy", "metrics": "[mean_iou, accuracy]", "augment": "[translate(0.1)]"}
    chosen = plan(files, data=data_of("size_divisible = 4"), **changed)
    made = run(chosen, tmp_path / "run", SEGMENTER, pictures=True)
    assert evaluate(tmp_path / "run").values == made.val
    trained = load_run(tmp_path / "run")
    right = total = 0
    dataset = load(chosen)
    for row in _rows_of_val(chosen):
        true = dataset.samples.targets[[row]].tensors[0]  # type: ignore[union-attr]  # ragged class maps
        found = trained.class_maps(dataset.samples.images.tensors[row][None])[0]  # type: ignore[union-attr]
        assert found.shape == true.shape
        right, total = right + int((found == true).sum()), total + true.numel()
    assert made.val["accuracy"] == pytest.approx(right / total, abs=1e-12)


def _rows_of_val(chosen: Any) -> list[int]:
    from dlspec.training.splits import split

    return [int(row) for row in split(load(chosen), chosen).rows["val"]]


def test_what_is_filled_up_adds_nothing_to_the_loss_of_class_maps() -> None:
    """By a network whose pixels do not see each other the loss of a batch is the mean over the pixels of its images."""
    torch.manual_seed(0)
    network = torch.nn.Conv2d(1, 3, 1)
    images, named = [torch.rand(1, 5, 8), torch.rand(1, 7, 4)], [torch.randint(3, (5, 8)), torch.randint(3, (7, 4))]
    from dlspec.training.class_maps import mean_of_judged, together

    loss = plan_of(FINDING, loss="cross_entropy").loss[0].loss
    inputs, targets = together(Ragged(images), Ragged(named), as_list=False, multiple=8)
    assert isinstance(inputs, Tensor)
    assert isinstance(targets, Tensor)
    filled = mean_of_judged(loss, network(inputs), targets, None)  # type: ignore[arg-type]  # it is cross-entropy
    pairs = zip(images, named, strict=True)
    each = [torch.nn.functional.cross_entropy(network(one[None]), own[None], reduction="sum") for one, own in pairs]
    assert filled.item() == pytest.approx(float(sum(each).detach()) / (5 * 8 + 7 * 4), rel=1e-6)


def test_val_files_of_another_size_stand_beside_those_of_train(tmp_path: Path, files: Path) -> None:
    folder = tmp_path / "both"
    shutil.copytree(files, folder)
    held = json.loads((folder / "scenes.json").read_text(encoding="utf-8"))
    first = held["images"][0]
    held["images"] = [first]
    held["annotations"] = [one for one in held["annotations"] if one["image_id"] == first["id"]]
    (folder / "one.json").write_text(json.dumps(held), encoding="utf-8")
    val = 'val = coco("one.json", images="pictures", channels=grey)'
    dataset = load(plan(folder, data=data_of(val, "split { train = 1  val = 0  test = 0 }")))
    assert dataset.held["val"].tolist() == [9]
    assert dataset.samples.sizes[9] == (first["height"], first["width"])
    stored = load(plan(folder, data=data_of(f"{val}  in_memory = false", "split { train = 1  val = 0  test = 0 }")))
    rows = torch.tensor([9, 2, 0])
    for one, other in zip(stored.samples.inputs[rows], dataset.samples.inputs[rows], strict=True):
        assert torch.equal(one, other)


def test_a_network_of_one_size_is_told_to_resize(tmp_path: Path, files: Path) -> None:
    fixed = "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 11))\n"
    with pytest.raises(
        RunError, match=r"images are of \d sizes, .*; bring all to the size that it takes, `resize"
    ) as told:
        run(plan(files, loss="cross_entropy", augment="[]"), tmp_path / "run", fixed)
    assert told.value.code == "E0710"

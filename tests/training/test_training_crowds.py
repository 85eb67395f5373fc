"""COCO's crowds and VOC's difficult objects: never asked for in training, and left out of the count where they are found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dlspec.training.average_precision import average_precision
from dlspec.training.data import load
from dlspec.training.found import Found, results
from dlspec.training.mask_runs import encoded
from dlspec.training.objects import IGNORED, Objects
from dlspec.training.samples import Dataset
from tests.training.runs import FINDING, plan_of

HEIGHT, WIDTH, IMAGES, KINDS = 40, 56, 12, 3


def rectangle(generator: np.random.Generator) -> tuple[int, int, int, int]:
    """x, y, width and height."""
    wide, high = (int(side) for side in generator.integers(6, 24, 2))
    x, y = int(generator.integers(0, WIDTH - wide)), int(generator.integers(0, HEIGHT - high))
    return x, y, wide, high


def pixels(box: tuple[int, int, int, int]) -> torch.Tensor:
    x, y, wide, high = box
    mask = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.uint8)
    mask[0, y : y + high, x : x + wide] = 1
    return mask


def segmentation(box: tuple[int, int, int, int], how: str) -> Any:
    """The same pixels as COCO may write them."""
    x, y, wide, high = box
    if how == "polygon":
        return [[x, y, x + wide, y, x + wide, y + high, x, y + high]]
    if how == "compressed":
        return encoded(pixels(box))[0]
    flat = pixels(box)[0].T.flatten()
    changes = (flat[1:] != flat[:-1]).nonzero()[:, 0] + 1
    ends = [0, *changes.tolist(), len(flat)]
    counts = [after - before for before, after in zip(ends, ends[1:], strict=False)]
    return {"size": [HEIGHT, WIDTH], "counts": counts if not flat[0] else [0, *counts]}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A set in which every image has a crowd, whose mask is written in each of COCO's three ways in turn."""
    folder = tmp_path_factory.mktemp("crowds")
    generator = np.random.default_rng(4)
    ways = ("uncompressed", "polygon", "compressed")
    annotations: list[dict[str, Any]] = []
    for image in range(1, IMAGES + 1):
        for number in range(6):
            box, crowd = rectangle(generator), int(number == 0)
            how = ways[(image + number) % 3]
            annotations.append({
                "id": len(annotations) + 1, "image_id": image, "category_id": int(generator.integers(1, KINDS + 1)) * 7,
                "bbox": list(box), "area": box[2] * box[3], "iscrowd": crowd, "segmentation": segmentation(box, how),
            })  # fmt: skip
        Image.new("L", (WIDTH, HEIGHT), image).save(folder / f"{image}.png")
    held = {
        "images": [
            {"id": one, "file_name": f"{one}.png", "width": WIDTH, "height": HEIGHT} for one in range(1, IMAGES + 1)
        ],
        "annotations": annotations,
        "categories": [{"id": 7 * number, "name": f"kind {number}"} for number in range(1, KINDS + 1)],
    }
    (folder / "crowds.json").write_text(json.dumps(held), encoding="utf-8")
    return folder, held


def found_in(objects: Objects, seed: int) -> list[Found]:
    """What a middling detector might find: things moved a little, in crowds many, and some where nothing is."""
    generator = np.random.default_rng(seed)
    found = []
    for image in range(len(objects)):
        boxes, labels, scores, masks = [], [], [], []
        ignored = objects.ignored
        assert ignored is not None
        near = [*zip(objects.boxes[image].tolist(), objects.labels[image].tolist(), strict=True)]
        near += [*zip(ignored.boxes[image].tolist(), ignored.labels[image].tolist(), strict=True)] * 3
        near += [(_corners(rectangle(generator)), int(generator.integers(1, KINDS + 1))) for _ in range(4)]
        for box, label in near:
            x1, y1, x2, y2 = (int(side + generator.integers(-3, 4)) for side in box)
            x1, y1 = min(max(x1, 0), WIDTH - 3), min(max(y1, 0), HEIGHT - 3)
            x2, y2 = min(max(x2, x1 + 2), WIDTH), min(max(y2, y1 + 2), HEIGHT)
            boxes.append([float(x1), float(y1), float(x2), float(y2)])
            labels.append(label if generator.random() < 0.9 else int(generator.integers(1, KINDS + 1)))
            scores.append(float(generator.random()))
            masks.append(pixels((x1, y1, x2 - x1, y2 - y1)))
        order = torch.tensor(scores).argsort(descending=True)
        runs = encoded(torch.cat(masks)[order])
        found.append(Found(torch.tensor(boxes)[order], torch.tensor(scores)[order], torch.tensor(labels)[order], runs))
    return found


def _corners(box: tuple[int, int, int, int]) -> list[int]:
    x, y, wide, high = box
    return [x, y, x + wide, y + high]


def loaded(folder: Path, source: str = 'coco("crowds.json", images=".", channels=grey)', **changed: str) -> Dataset:
    keys = {"data": f"{{ source = {source} }}", "metrics": "[map, mask_map]"} | changed
    return load(plan_of(FINDING, folder, **keys))


def objects_of(dataset: Dataset) -> Objects:
    assert isinstance(dataset.samples.targets, Objects)
    return dataset.samples.targets


@pytest.mark.parametrize(("kind", "called"), [("boxes", "bbox"), ("masks", "segm")])
@pytest.mark.parametrize("seed", range(3))
def test_scores_on_a_set_with_crowds_are_those_of_pycocotools(
    written: tuple[Path, dict[str, Any]], kind: str, called: str, seed: int
) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    folder, held = written
    dataset = loaded(folder)
    found = found_in(objects_of(dataset), seed)
    ours = average_precision(objects_of(dataset), found, dataset.samples.sizes, dataset.classes, kind)
    truth = COCO()
    truth.dataset = json.loads(json.dumps(held))
    truth.createIndex()
    given = [one | {"category_id": 7 * one["category_id"]} for one in results(found)]
    if kind == "masks":
        given = [{key: value for key, value in one.items() if key != "bbox"} for one in given]
    judged = COCOeval(truth, truth.loadRes(given), called)
    judged.evaluate()
    judged.accumulate()
    judged.summarize()
    assert ours.map == pytest.approx(judged.stats[0], abs=1e-9)
    assert ours.map50 == pytest.approx(judged.stats[1], abs=1e-9)
    without = average_precision(objects_of(dataset)[slice(None)], found, dataset.samples.sizes, dataset.classes, kind)
    assert without.map < ours.map  # what is found in a crowd would be held wrong


def test_crowds_are_not_learned_and_stay_with_their_images_through_splits(written: tuple[Path, dict[str, Any]]) -> None:
    folder, held = written
    objects = objects_of(loaded(folder))
    assert objects.counts.tolist() == [5] * IMAGES
    batch = objects[[3, 1]]
    assert batch.ignored is None
    assert [len(one) for one in batch.masks] == [5, 5]
    some = objects.at(torch.tensor([3, 1])).to(torch.device("cpu"))
    assert some.ignored is not None
    crowds = {one["image_id"]: one["bbox"] for one in held["annotations"] if one["iscrowd"]}
    for place, image in enumerate((4, 2)):
        x, y, wide, high = crowds[image]
        assert some.ignored.boxes[place].tolist() == [[x, y, x + wide, y + high]]
        runs = some.ignored.mask_runs(place)
        assert runs is not None
        assert torch.equal(pixels((x, y, wide, high)), some.ignored.at([place])[[0]].masks[0])


def test_crowds_count_as_objects_where_the_plan_says_so(written: tuple[Path, dict[str, Any]]) -> None:
    objects = objects_of(loaded(written[0], 'coco("crowds.json", images=".", channels=grey, crowd=true)'))
    assert objects.counts.tolist() == [6] * IMAGES
    assert objects.ignored is None


def test_a_resize_takes_crowds_along(written: tuple[Path, dict[str, Any]]) -> None:
    data = f'{{ source = coco("crowds.json", images=".", channels=grey) resize = [{2 * HEIGHT}, {WIDTH}] }}'
    small, large = objects_of(loaded(written[0])), objects_of(loaded(written[0], data=data))
    assert small.ignored is not None
    assert large.ignored is not None
    factors = torch.tensor([1.0, 2.0, 1.0, 2.0])
    for one, other in zip(small.ignored.boxes, large.ignored.boxes, strict=True):
        assert torch.equal(one * factors, other)
    assert (large.ignored.mask_runs(0) or [{}])[0]["size"] == [2 * HEIGHT, WIDTH]


def test_of_a_crowds_pixels_nothing_is_asked(written: tuple[Path, dict[str, Any]]) -> None:
    folder, held = written
    maps = loaded(folder, loss="cross_entropy(scores)", metrics="[mean_iou]").samples.truth
    for image, shown in enumerate(maps, 1):
        own = [one for one in held["annotations"] if one["image_id"] == image]
        covered = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
        for one in own:
            covered |= pixels(tuple(one["bbox"]))[0].bool() & (not one["iscrowd"])
        crowd = next(pixels(tuple(one["bbox"]))[0].bool() for one in own if one["iscrowd"])
        assert torch.equal(shown == IGNORED, crowd & ~covered)


def test_difficult_objects_of_voc_are_left_out_of_the_count(tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "JPEGImages").mkdir()
    Image.new("L", (60, 50)).save(tmp_path / "JPEGImages" / "a.png")
    listed = "".join(
        f"<object><name>cat</name><difficult>{difficult}</difficult><truncated>1</truncated><bndbox><xmin>{x}</xmin>"
        f"<ymin>1</ymin><xmax>{x + 9}</xmax><ymax>10</ymax></bndbox></object>"
        for difficult, x in ((0, 1), (1, 31))
    )
    size = "<size><width>60</width><height>50</height></size>"
    (tmp_path / "Annotations" / "a.xml").write_text(f"<annotation>{size}{listed}</annotation>", encoding="utf-8")
    dataset = loaded(tmp_path, 'voc(".", channels=grey)', metrics="[map]")
    objects = objects_of(dataset)
    assert objects.boxes[0].tolist() == [[0, 0, 10, 10]]
    assert objects.ignored is not None
    assert objects.ignored.boxes[0].tolist() == [[30, 0, 40, 10]]
    both = Found(torch.tensor([[30.0, 0, 40, 10], [0, 0, 10, 10]]), torch.tensor([0.9, 0.8]), torch.tensor([1, 1]))
    assert average_precision(objects, [both], [(50, 60)], dataset.classes).map == pytest.approx(1)
    with_difficult = objects_of(loaded(tmp_path, 'voc(".", channels=grey, difficult=true)', metrics="[map]"))
    assert with_difficult.counts.tolist() == [2]

"""Scenes written as people have them, in COCO's, VOC's and plain PNG files, come back as they were; broken ones are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from dlspec.training.data import load
from dlspec.training.digit_scenes import scenes
from dlspec.training.errors import RunError, UnreadableError
from dlspec.training.found import as_coco
from dlspec.training.objects import IGNORED, Objects, boxes_around, class_map
from dlspec.training.samples import Dataset
from dlspec.training.voc_files import VOC_CLASSES
from tests.training.runs import FINDER, FINDING, equal, final_weights, plan_of, run

COUNT = 5
NAMES = ("background", *(f"digit {number}" for number in range(10)))


@pytest.fixture(scope="module")
def made() -> tuple[Tensor, Objects]:
    return scenes("train", COUNT, 11)


def picture(image: Tensor, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((image[0] * 255).round().byte().numpy()).save(path)


def loaded(folder: Path, source: str, **changed: str) -> Dataset:
    return load(plan_of(FINDING, folder, data=f"{{ source = {source} }}", metrics="[map, mask_map]", **changed))


def check_same(dataset: Dataset, made: tuple[Tensor, Objects], kinds: int = 3) -> None:
    """Pictures to a step of their bytes, objects to the pixel."""
    images, objects = made
    targets = dataset.samples.targets[slice(None)]
    assert isinstance(targets, Objects)
    torch.testing.assert_close(dataset.samples.values, images, atol=0.5 / 255 + 1e-6, rtol=0)
    for read, own in zip(targets.kinds()[:kinds], objects.kinds()[:kinds], strict=True):
        assert all(torch.equal(one, other) for one, other in zip(read, own, strict=True))


def coco(folder: Path, made: tuple[Tensor, Objects]) -> dict[str, Any]:
    """A COCO data set in a folder, categories by the tens so that ids are no numbers of classes."""
    images, objects = made
    held = as_coco(objects, [(128, 128)] * COUNT, NAMES)
    for image, one in zip(images, held["images"], strict=True):
        one["file_name"] = f"scene {one['id']}.png"
        picture(image, folder / "pictures" / one["file_name"])
    for one in held["categories"]:
        one["id"] *= 10
    for one in held["annotations"]:
        one["category_id"] *= 10
    (folder / "scenes.json").write_text(json.dumps(held), encoding="utf-8")
    return held


COCO = 'coco("scenes.json", images="pictures", channels=grey)'


def test_coco_files_come_back_as_they_were_written(tmp_path: Path, made: tuple[Tensor, Objects]) -> None:
    coco(tmp_path, made)
    dataset = loaded(tmp_path, COCO)
    assert dataset.classes == NAMES
    check_same(dataset, made)


def test_coco_files_train_a_detector_and_give_class_maps(tmp_path: Path, made: tuple[Tensor, Objects]) -> None:
    coco(tmp_path, made)
    data = f"{{ source = {COCO}  val = {COCO}  split {{ train = 1 test = 0 }} }}"
    report = run(plan_of(FINDING, tmp_path, data=data, epochs="1", batch_size="2"), tmp_path / "run", FINDER)
    assert report.data["samples"] == {"train": COUNT, "val": COUNT, "test": 0}
    maps = load(plan_of(FINDING, tmp_path, data=f"{{ source = {COCO} }}", loss="cross_entropy(scores)")).samples.truth
    assert torch.equal(maps[0], class_map(made[1].labels[0], made[1].masks[0]))


def test_some_categories_are_learned_in_the_order_of_their_naming(tmp_path: Path, made: tuple[Tensor, Objects]) -> None:
    coco(tmp_path, made)
    source = COCO.replace("channels", 'classes=["digit 8", "digit 2"], channels')
    dataset = loaded(tmp_path, source)
    assert dataset.classes == ("background", "digit 8", "digit 2")
    targets = dataset.samples.targets
    assert isinstance(targets, Objects)
    labels = made[1].labels
    wanted = [[{9: 1, 3: 2}[one] for one in own.tolist() if one in (9, 3)] for own in labels]
    assert [one.tolist() for one in targets.labels] == wanted


def test_polygons_are_filled_and_a_resize_takes_boxes_and_masks_along(
    tmp_path: Path, made: tuple[Tensor, Objects]
) -> None:
    held = coco(tmp_path, made)
    held["annotations"] = [
        {"id": 1, "image_id": 1, "category_id": 30, "bbox": [16, 32, 32, 64], "iscrowd": 0,
         "segmentation": [[16, 32, 48, 32, 48, 96, 16, 96]]},
    ]  # fmt: skip
    (tmp_path / "scenes.json").write_text(json.dumps(held), encoding="utf-8")
    dataset = load(plan_of(FINDING, tmp_path, data=f"{{ source = {COCO} resize = [64, 256] }}", metrics="[mask_map]"))
    targets = dataset.samples.targets[slice(None)]
    assert isinstance(targets, Objects)
    assert dataset.samples.inputs.shape == (COUNT, 1, 64, 256)
    assert targets.boxes[0].tolist() == [[32, 16, 96, 48]]
    assert targets.labels[0].tolist() == [3]
    assert boxes_around(targets.masks[0]).tolist() == [[32, 16, 96, 48]]
    assert targets.counts.tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bbox": [1, 2, 3]}, "annotation 1 of `.*` has no `bbox` of four numbers"),
        ({"bbox": [5, 5, -2, 4]}, "annotation 1 of `.*` has a box of no area in the image"),
        ({"category_id": 7}, "annotation 1 of `.*` is of a category 7 that the file does not list"),
        ({"image_id": 99}, "annotation 1 of `.*` is of an image 99 that the file does not list"),
        ({"segmentation": {"size": [4, 4], "counts": "04L0"}}, "annotation 1 of `.*` has a"),
        ({"segmentation": None}, "annotation 1 of `.*` has no `segmentation`"),
    ],
)
def test_broken_annotations_are_named_and_skipped_where_the_plan_says_so(
    tmp_path: Path, made: tuple[Tensor, Objects], change: dict[str, Any], says: str
) -> None:
    held = coco(tmp_path, made)
    held["annotations"][0] |= change
    (tmp_path / "scenes.json").write_text(json.dumps(held), encoding="utf-8")
    with pytest.raises(UnreadableError, match=says):
        loaded(tmp_path, COCO)
    dataset = loaded(tmp_path, COCO.replace("channels", "broken=skip, channels"))
    assert isinstance(dataset.samples.targets, Objects)
    assert dataset.samples.targets.counts.sum() == made[1].counts.sum() - 1
    assert "left out: annotation 1" in dataset.notes[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"images": [', r"is not JSON: .* in line 1, column 13"),
        ("[]", "has no list of `images`"),
        (
            '{"images": [{"id": 1}], "annotations": [], "categories": []}',
            "entry 1 of `images` in .* has no `file_name`",
        ),
    ],
)
def test_a_file_that_is_not_cocos_is_told_so(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "scenes.json").write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableError, match=says):
        loaded(tmp_path, COCO)


def test_a_picture_that_is_missing_is_named(tmp_path: Path, made: tuple[Tensor, Objects]) -> None:
    coco(tmp_path, made)
    (tmp_path / "pictures" / "scene 2.png").unlink()
    with pytest.raises(RunError, match=r"scene 2\.png"):
        loaded(tmp_path, COCO)


def voc(folder: Path, made: tuple[Tensor, Objects]) -> None:
    """A folder as Pascal VOC has it, boxes from 1 with their last pixel."""
    for number, (image, own) in enumerate(zip(made[0], made[1], strict=True)):
        (boxes,), (labels,), (masks,) = own.kinds()[:3]
        picture(image, folder / "JPEGImages" / f"{number:06}.png")
        marked = "".join(
            f"<object><name>{VOC_CLASSES[label - 1]}</name><difficult>0</difficult><bndbox><xmin>{x1 + 1:g}</xmin>"
            f"<ymin>{y1 + 1:g}</ymin><xmax>{x2:g}</xmax><ymax>{y2:g}</ymax></bndbox></object>"
            for label, (x1, y1, x2, y2) in zip(labels.tolist(), boxes.tolist(), strict=True)
        )
        (folder / "Annotations").mkdir(exist_ok=True)
        size = "<size><width>128</width><height>128</height><depth>1</depth></size>"
        text = f"<annotation><filename>{number:06}.png</filename>{size}{marked}</annotation>"
        (folder / "Annotations" / f"{number:06}.xml").write_text(text, encoding="utf-8")
        owners = class_map(torch.arange(1, len(labels) + 1), masks)
        for kind, pixels in (("Object", owners), ("Class", class_map(labels, masks))):
            path = folder / f"Segmentation{kind}" / f"{number:06}.png"
            path.parent.mkdir(exist_ok=True)
            paletted = Image.fromarray(pixels.byte().numpy(), mode="P")
            paletted.putpalette(bytes(768))
            paletted.save(path)


VOC = 'voc("voc", channels=grey)'


def test_voc_files_come_back_as_they_were_written(tmp_path: Path, made: tuple[Tensor, Objects]) -> None:
    voc(tmp_path / "voc", made)
    dataset = loaded(tmp_path, VOC)
    known = sorted({VOC_CLASSES[label - 1] for label in torch.cat(made[1].labels).tolist()})
    assert dataset.classes == ("background", *known)
    targets = dataset.samples.targets
    assert isinstance(targets, Objects)
    names = [[dataset.classes[label] for label in own.tolist()] for own in targets.labels]
    assert names == [[VOC_CLASSES[label - 1] for label in own.tolist()] for own in made[1].labels]
    check_same(Dataset(dataset.samples), (made[0], Objects(made[1].boxes, targets.labels, made[1].masks)))


def test_a_list_of_voc_chooses_pictures_and_class_maps_have_its_numbers(
    tmp_path: Path, made: tuple[Tensor, Objects]
) -> None:
    voc(tmp_path / "voc", made)
    chosen = tmp_path / "voc" / "ImageSets" / "Main" / "train.txt"
    chosen.parent.mkdir(parents=True)
    chosen.write_text("000003 1\n000001 -1\n", encoding="utf-8")
    classes = ", ".join(f'"{name}"' for name in VOC_CLASSES[:10])
    source = f'voc("voc", split="Main/train", channels=grey, classes=[{classes}])'
    everyone = {VOC_CLASSES[label - 1] for label in torch.cat([made[1].labels[3], made[1].labels[1]]).tolist()}
    source = source.replace(classes, ", ".join(f'"{name}"' for name in VOC_CLASSES[:10] if name in everyone))
    dataset = load(plan_of(FINDING, tmp_path, data=f"{{ source = {source} }}", loss="cross_entropy(scores)"))
    assert [Path(name).stem for name in dataset.names] == ["000003", "000001"]
    numbers = {number: dataset.classes.index(name) for number, name in enumerate(VOC_CLASSES, 1) if name in everyone}
    for shown, row in zip(dataset.samples.truth, (3, 1), strict=True):
        wanted = class_map(torch.tensor([numbers[one] for one in made[1].labels[row].tolist()]), made[1].masks[row])
        assert torch.equal(shown, wanted)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<xmin>", "<xmin>x", "has `x.*` for `bndbox/xmin`, which is no number"),
        ("<name>", "<name/><title>", "is not XML: line 1, column"),
        ("<width>128</width>", "", "has no `size/width`"),
        ("<xmax>", "<xmax>-", "has a box of no area in the image"),
    ],
)
def test_broken_files_of_voc_are_named_with_what_they_lack(
    tmp_path: Path, made: tuple[Tensor, Objects], old: str, new: str, says: str
) -> None:
    voc(tmp_path / "voc", made)
    path = tmp_path / "voc" / "Annotations" / "000002.xml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(UnreadableError, match=rf"000002\.xml` {says}"):
        loaded(tmp_path, VOC)
    dataset = loaded(tmp_path, VOC.replace("channels", "broken=skip, channels"))
    assert len(dataset.samples) == COUNT - 1
    assert "000002.xml" in dataset.notes[0]


def masks_as_png(folder: Path, made: tuple[Tensor, Objects], *, classes: bool) -> None:
    for number, (image, own) in enumerate(zip(made[0], made[1], strict=True)):
        picture(image, folder / "pictures" / f"{number}.png")
        (labels,), (masks,) = own.labels, own.masks
        pixels = class_map(labels if classes else torch.arange(1, len(labels) + 1), masks)
        pixels[0, :5] = IGNORED if classes else 0
        path = folder / "masks" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels.byte().numpy()).save(path)


def test_class_maps_as_png_come_back_with_what_nothing_is_asked_of(
    tmp_path: Path, made: tuple[Tensor, Objects]
) -> None:
    masks_as_png(tmp_path, made, classes=True)
    names = ", ".join(f'"{number}"' for number in range(10))
    source = f'mask_png("pictures", "masks", classes=[{names}], channels=grey)'
    dataset = load(plan_of(FINDING, tmp_path, data=f"{{ source = {source} }}", loss="cross_entropy(scores)"))
    for shown, own in zip(dataset.samples.truth, made[1], strict=True):
        wanted = class_map(own.labels[0], own.masks[0])
        wanted[0, :5] = IGNORED
        assert torch.equal(shown, wanted)


def test_objects_as_png_have_a_number_each(tmp_path: Path, made: tuple[Tensor, Objects]) -> None:
    masks_as_png(tmp_path, made, classes=False)
    dataset = loaded(tmp_path, 'mask_png("pictures", "masks", classes=["digit"], holds=objects, channels=grey)')
    images, objects = made
    ones = [torch.ones_like(labels) for labels in objects.labels]
    check_same(dataset, (images, Objects(objects.boxes, ones, objects.masks)))


def test_a_mask_that_is_missing_too_large_or_in_colours_is_named(tmp_path: Path, made: tuple[Tensor, Objects]) -> None:
    masks_as_png(tmp_path, made, classes=True)
    source = 'mask_png("pictures", "masks", classes=["one"], channels=grey)'
    with pytest.raises(UnreadableError, match="has pixels of the number"):
        loaded(tmp_path, source)
    Image.new("RGB", (128, 128)).save(tmp_path / "masks" / "0.png")
    with pytest.raises(UnreadableError, match=r"0\.png` is in colours"):
        loaded(tmp_path, source)
    (tmp_path / "masks" / "0.png").unlink()
    with pytest.raises(UnreadableError, match=r"0\.png` has no mask"):
        loaded(tmp_path, source)


@pytest.mark.slow
def test_boxes_follow_pictures_that_workers_read_and_move(tmp_path: Path, made: tuple[Tensor, Objects]) -> None:
    coco(tmp_path, made)
    weights = []
    for name, more in (("device", ""), ("workers", "in_memory = false  workers = 1")):
        data = f"{{ source = {COCO}  split {{ train = 1  val = 0  test = 0 }}  {more} }}"
        changed = {"data": data, "augment": "[horizontal_flip, translate(0.2)]", "augment_on": name, "batch_size": "2"}
        run(plan_of(FINDING, tmp_path, **changed), tmp_path / name, FINDER)
        weights.append(final_weights(tmp_path / name))
    assert equal(*weights)

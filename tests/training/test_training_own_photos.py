"""A user's own ten photos, as cameras and annotators write them: each case is read rightly, or told with what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dlspec.training.data import load
from dlspec.training.errors import RunError, UnreadableError
from dlspec.training.objects import Objects
from dlspec.training.samples import Dataset
from tests.training.runs import FINDER, FINDING, plan_of, run

TURNED = 6
"""EXIF: the camera was held upright, so that the picture is turned by a quarter when it is shown."""
SIZES = {
    "plain.jpg": (48, 64), "turned.jpg": (80, 56), "raw frame.jpg": (56, 80), "grey.png": (40, 72), "rgba.png": (64, 48),
    "palette.png": (48, 48), "deep.png": (64, 80), "cmyk.jpg": (56, 56), "nothing here.jpg": (60, 44), "last.bmp": (72, 40),
}  # fmt: skip
"""Heights and widths as the annotations have them."""


def photo(name: str, size: tuple[int, int]) -> Image.Image:
    """Dark but for a bright rectangle from the corner (8, 8) to the pixel before (24, 20), as it stands upright."""
    pixels = np.full((*size, 3), 20, np.uint8)
    pixels[8:20, 8:24] = 220
    upright = Image.fromarray(pixels)
    match name:
        case "turned.jpg" | "raw frame.jpg":
            return upright
        case "grey.png":
            return upright.convert("L")
        case "rgba.png":
            upright.putalpha(255)
            return upright
        case "palette.png":
            return upright.convert("P", palette=Image.Palette.ADAPTIVE)
        case "deep.png":
            return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
        case "cmyk.jpg":
            return upright.convert("CMYK")
    return upright


def write_photos(folder: Path) -> None:
    (folder / "photos").mkdir(parents=True)
    for name, size in SIZES.items():
        image, path = photo(name, size), folder / "photos" / name
        exif = Image.Exif()
        exif[0x0112] = TURNED
        if name == "turned.jpg":
            image.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=98)
        elif name == "raw frame.jpg":
            image.save(path, exif=exif, quality=98)
        else:
            image.save(path, **({"quality": 98} if name.endswith("jpg") else {}))


def annotated() -> dict[str, Any]:
    """COCO as exporters have it: ids of categories with gaps, one that is a heading, and a picture without objects."""
    images = [
        {"id": 100 + 3 * row, "file_name": name, "height": size[0], "width": size[1], "license": 1, "date_captured": ""}
        for row, (name, size) in enumerate(SIZES.items())
    ]
    annotations = [
        {"id": row, "image_id": image["id"], "category_id": 7, "bbox": [8.0, 8.0, 16.0, 12.0], "area": 192.0, "iscrowd": 0,
         "segmentation": [[8, 8, 24, 8, 24, 20, 8, 20]]}
        for row, image in enumerate(images) if image["file_name"] != "nothing here.jpg"
    ]  # fmt: skip
    categories = [
        {"id": 0, "name": "things", "supercategory": "none"},
        {"id": 7, "name": "bright thing", "supercategory": "things"},
    ]
    return {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": categories}


def written(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> Path:
    write_photos(folder)
    held = annotated()
    change(held)
    (folder / "photos.json").write_text(json.dumps(held), encoding="utf-8")
    return folder


COCO = 'coco("photos.json", images="photos", classes=["bright thing"])'


def loaded(folder: Path, source: str = COCO, **changed: str) -> Dataset:
    return load(plan_of(FINDING, folder, data=f"{{ source = {source} }}", metrics="[map, mask_map]", **changed))


def objects_of(dataset: Dataset) -> Objects:
    assert isinstance(dataset.samples.targets, Objects)
    return dataset.samples.targets


def check_marked(dataset: Dataset, *, stored: bool = False) -> None:
    """Every picture is as large as was annotated, and bright inside its box and nowhere else."""
    objects, sizes = objects_of(dataset), dataset.samples.sizes
    images = dataset.samples.inputs[torch.arange(len(objects))] if stored else dataset.samples.images
    for name, image, boxes, size in zip(dataset.names, images, objects.boxes, sizes, strict=True):
        short = Path(name).name
        assert size == SIZES[short], short
        assert tuple(image.shape[1:]) == size, short
        bright = image.mean(0) > 0.5
        rows, columns = bright.nonzero().unbind(1)
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        wanted = boxes[0].tolist() if len(boxes) else [8, 8, 24, 20]
        assert [int(side) for side in found] == pytest.approx(wanted, abs=1), short  # JPEG is not exact to the pixel
        assert image.amax() == pytest.approx(220 / 255, abs=0.03), short


@pytest.mark.parametrize("more", ["", "in_memory = false  workers = 1"])
def test_photos_of_every_kind_are_read_upright_and_at_full_depth(tmp_path: Path, more: str) -> None:
    written(tmp_path)
    dataset = load(plan_of(FINDING, tmp_path, data=f"{{ source = {COCO} {more} }}", metrics="[map]"))
    assert dataset.classes == ("background", "bright thing")
    assert objects_of(dataset).counts.tolist() == [0 if "nothing" in name else 1 for name in SIZES]
    check_marked(dataset, stored=bool(more))


def test_a_run_trains_on_them_and_predicts_for_them(tmp_path: Path) -> None:
    from dlspec.training.predicting import predict

    written(tmp_path)
    source = FINDER.replace("Conv2d(1, 8", "Conv2d(3, 8")
    data = f"{{ source = {COCO}  split {{ train = 0.7  val = 0.3  test = 0 }} }}"
    report = run(plan_of(FINDING, tmp_path, data=data, batch_size="3"), tmp_path / "run", source)
    assert set(report.val) >= {"map", "map50"}
    predict(tmp_path / "run", [tmp_path / "photos"], tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert {Path(one["file_name"]).name: (one["height"], one["width"]) for one in found["images"]} | {
        "raw frame.jpg": SIZES["raw frame.jpg"]
    } == SIZES  # without annotations it stands as viewers show it


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "two images of one id": (
        lambda held: held["images"][1].update(id=100), "entries 1 and 2 of `images` in .* have the same id 100"
    ),
    "two categories of one id": (
        lambda held: held["categories"][1].update(id=0), "entries 1 and 2 of `categories` in .* have the same id 0"
    ),
    "an annotation twice": (
        lambda held: held["annotations"].append(dict(held["annotations"][2])), "annotation 2 of .* is there twice"
    ),
    "a box outside the image": (
        lambda held: held["annotations"][0].update(bbox=[64, 0, 9, 9]), "annotation 0 of .* has a box of no area"
    ),
    "a box without area": (
        lambda held: held["annotations"][0].update(bbox=[4, 4, 0, 9]), "annotation 0 of .* has a box of no area"
    ),
    "a box that is no number": (
        lambda held: held["annotations"][0].update(bbox=[4, 4, float("nan"), 9]), "annotation 0 of .* has no `bbox`"
    ),
    "a line as polygon": (
        lambda held: held["annotations"][0].update(segmentation=[[1, 1, 5, 5]]), "a polygon has three corners at least"
    ),
    "runs of another size": (
        lambda held: held["annotations"][0].update(segmentation={"size": [9, 9], "counts": [81]}), "runs of 9 x 9 in an"
    ),
    "runs cut short": (
        lambda held: held["annotations"][0].update(segmentation={"size": [48, 64], "counts": [9, 3]}), "runs of 12 pixels"
    ),
    "an annotation of no image": (
        lambda held: held["annotations"][0].update(image_id=1), "is of an image 1 that the file does not list"
    ),
    "an annotation that is none": (lambda held: held["annotations"].append(5), "annotation in place 10 of .* is no annotation"),
    "a file that is not there": (
        lambda held: held["images"][0].update(file_name="gone.jpg"), "gone.jpg` cannot be read as a picture"
    ),
    "another size": (
        lambda held: held["images"][0].update(width=640, height=480), "plain.jpg` is 64 x 48, and its annotation says 640"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), CHANGES.values(), ids=CHANGES)
def test_what_is_wrong_with_annotations_is_named_with_its_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    written(tmp_path, change)
    with pytest.raises(UnreadableError, match=says):
        loaded(tmp_path)


@pytest.mark.parametrize(
    "name", ["a box without area", "a file that is not there", "another size", "an annotation twice"]
)
def test_what_is_wrong_is_left_out_and_told_where_the_plan_says_so(tmp_path: Path, name: str) -> None:
    written(tmp_path, CHANGES[name][0])
    dataset = loaded(tmp_path, COCO.replace("classes", "broken=skip, classes"))
    check_marked(dataset)
    assert len(dataset.notes) == 1
    left = {"a box without area": (10, 8), "an annotation twice": (10, 9)}.get(name, (9, 8))
    assert (len(dataset.samples), int(objects_of(dataset).counts.sum())) == left


def test_a_box_that_reaches_over_the_edge_is_clipped(tmp_path: Path) -> None:
    written(tmp_path, lambda held: held["annotations"][0].update(bbox=[-8.0, 8.0, 32.0, 99.0]))
    assert objects_of(loaded(tmp_path)).boxes[0].tolist() == [[0, 8, 24, 48]]


@pytest.mark.parametrize(
    "path", [r"C:\Users\me\photos\{}", "/home/me/data/photos/{}", "photos/{}", r"photos\{}", "./{}", "export/images/{}"]
)
def test_pictures_are_found_by_the_paths_of_other_machines(tmp_path: Path, path: str) -> None:
    def moved(held: dict[str, Any]) -> None:
        for one in held["images"]:
            one["file_name"] = path.format(one["file_name"])

    written(tmp_path, moved)
    check_marked(loaded(tmp_path))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"version": "5.5", "shapes": [], "imagePath": "a.jpg"}', "labelme's file of one picture"),
        ('{"_via_settings": {}, "_via_img_metadata": {}}', "VGG annotator"),
        ('{"images": [{"id": 1, "file_name": "a", "width": 0, "height": 4}], "annotations": [], "categories": []}',
         "entry 1 of `images` in .* has the width 0"),
        ('{"images": [{"id": [1], "file_name": "a", "width": 3, "height": 4}], "annotations": [], "categories": []}',
         r"has the id \[1\]"),
        ("\ufeff[]", "a list of results alone names no images"),
    ],
)  # fmt: skip
def test_files_of_other_programs_are_told_apart(tmp_path: Path, text: str, says: str) -> None:
    written(tmp_path)
    (tmp_path / "photos.json").write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableError, match=says) as told:
        loaded(tmp_path)
    assert "photos.json" in str(told.value)


def xml(name: str, size: tuple[int, int], objects: str) -> str:
    high, wide = size
    extent = f"<size><width>{wide}</width><height>{high}</height><depth>3</depth></size>"
    return f"<annotation><folder>photos</folder><filename>{name}</filename>{extent}{objects}</annotation>"


BRIGHT = (
    "<object><name>bright thing</name><pose>Unspecified</pose><truncated>1</truncated><difficult>0</difficult>"
    "<bndbox><xmin>9</xmin><ymin>9</ymin><xmax>24</xmax><ymax>20</ymax></bndbox></object>"
)


def voc(folder: Path, *, together: bool) -> None:
    """The photos as VOC, in its folders or with each file beside its picture."""
    write_photos(folder)
    (folder / "photos").rename(folder / "JPEGImages")
    inside = folder / ("JPEGImages" if together else "Annotations")
    inside.mkdir(exist_ok=True)
    for name, size in SIZES.items():
        objects = "" if "nothing" in name else BRIGHT
        (inside / f"{Path(name).stem}.xml").write_text(xml(name, size, objects), encoding="utf-8")


@pytest.mark.parametrize(("together", "path"), [(False, "."), (True, "JPEGImages")])
def test_voc_is_read_from_its_folders_or_beside_the_pictures(tmp_path: Path, together: bool, path: str) -> None:
    voc(tmp_path, together=together)
    dataset = load(plan_of(FINDING, tmp_path, data=f'{{ source = voc("{path}") }}', metrics="[map]"))
    assert dataset.classes == ("background", "bright thing")
    check_marked(dataset)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<width>64</width>", "<width>0</width>", "says that its picture is 0 x 48"),
        ("<width>64</width>", "<width>640</width>", "is 64 x 48, and its annotation says 640 x 48"),
        ("<width>64</width>", "<width>nan</width>", "has `nan` for `size/width`, which is no number"),
        ("<xmax>24</xmax>", "<xmax>8</xmax>", "has a box of no area in the image"),
        ("<xmax>24</xmax>", "<xmax>inf</xmax>", "has `inf` for `bndbox/xmax`, which is no number"),
        ("<name>bright thing</name>", "<name> </name>", "has no `name`"),
        ("<bndbox>", "<polygon>", "is not XML"),
    ],
)
def test_what_is_wrong_with_a_file_of_voc_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    voc(tmp_path, together=False)
    path = tmp_path / "Annotations" / "plain.xml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(RunError, match=says):
        load(plan_of(FINDING, tmp_path, data='{ source = voc(".") }', metrics="[map]"))


def test_a_picture_of_numbers_without_a_scale_is_told(tmp_path: Path) -> None:
    written(tmp_path)
    Image.fromarray(np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)).save(
        tmp_path / "photos" / "plain.jpg", format="TIFF"
    )
    with pytest.raises(
        UnreadableError, match=r"plain\.jpg` cannot be read as a picture: its pixels are numbers of 32 bits"
    ):
        loaded(tmp_path)

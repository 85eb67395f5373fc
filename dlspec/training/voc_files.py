"""Scenes as Pascal VOC has them (Everingham et al., "The Pascal Visual Object Classes Challenge", 2010)."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import torch
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.scene_sources import Voc
from dlspec.record import Record
from dlspec.training import files, image_files
from dlspec.training.errors import UnreadableError
from dlspec.training.maps import EncodedMap, encoded_map
from dlspec.training.mask_files import read_numbers
from dlspec.training.mask_runs import EncodedMasks, encoded
from dlspec.training.objects import IGNORED, Objects
from dlspec.training.samples import Dataset, loads
from dlspec.training.scene_files import SceneFile, dataset_of, picture_of, told_of, wants_masks


class _Marked(Record):
    """An object as its file has it."""

    name: str
    box: list[float]
    difficult: bool


class _Annotated(Record):
    """A file of annotations, read."""

    path: Path
    size: tuple[int, int]
    objects: list[_Marked]
    picture: str
    """What it calls its picture."""


@loads(Voc)
def _voc(source: Voc, plan: ResolvedPlan) -> Dataset:
    folder = files.existing_folder(Path(plan.folder) / source.path)
    read: list[_Annotated] = []
    left_out: list[str] = []
    for path in _listed(folder, source.split):
        try:
            read.append(annotated(path))
        except UnreadableError as error:
            if source.broken == "refuse":
                raise UnreadableError(error.message, "mend it, or say `broken=skip`") from None
            left_out.append(error.message)
    known = sorted({marked.name for one in read for marked in one.objects})
    classes = list(source.classes or known)
    if missing := [name for name in classes if name not in known]:
        hint = files.known_names(missing[0], tuple(known), "names")
        raise UnreadableError(f"no object of `{folder}` is called `{missing[0]}`", hint)
    scenes = [_scene(folder, one, classes, source, plan) for one in read]
    return dataset_of(scenes, classes, source.channels, plan, source.broken, folder, told_of(left_out))


def _listed(folder: Path, split: str | None) -> list[Path]:
    """The files of annotations, all or those that a list names; without a folder of theirs, those beside pictures."""
    loose = not (folder / "Annotations").exists() and any(folder.glob("*.xml"))
    inside = folder if loose else files.existing_folder(folder / "Annotations")
    if split is None:
        found = sorted(inside.glob("*.xml"))
        if not found:
            raise UnreadableError(f"`{inside}` holds no `.xml` files")
        return found
    path = files.existing(folder / "ImageSets" / f"{split.removesuffix('.txt')}.txt")
    names = [line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [files.existing(inside / f"{name}.xml", f"`{path}` names it") for name in names]


def annotated(path: Path) -> _Annotated:
    """A file of annotations; boxes become half-open, counted from 0. Raises UnreadableError for what it lacks."""
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        line, column = error.position
        raise UnreadableError(f"`{path}` is not XML: line {line}, column {column + 1}: {error.msg}") from None
    height, width = (int(_number(path, root, f"size/{side}")) for side in ("height", "width"))
    if height < 1 or width < 1:
        raise UnreadableError(f"`{path}` says that its picture is {width} x {height}", "write how many pixels it has")
    objects = [_marked(path, one, (height, width)) for one in root.iter("object")]
    return _Annotated(path, (height, width), objects, (root.findtext("filename") or "").strip())


def _marked(path: Path, one: ElementTree.Element, size: tuple[int, int]) -> _Marked:
    name = (one.findtext("name") or "").strip()
    if not name:
        raise UnreadableError(f"an object of `{path}` has no `name`")
    x1, y1, x2, y2 = (_number(path, one, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax"))
    box = [max(x1 - 1, 0), max(y1 - 1, 0), min(x2, size[1]), min(y2, size[0])]
    if box[2] <= box[0] or box[3] <= box[1]:
        raise UnreadableError(f"`{name}` of `{path}` has a box of no area in the image: {x1:g} {y1:g} {x2:g} {y2:g}")
    return _Marked(name, box, (one.findtext("difficult") or "0").strip() == "1")


def _number(path: Path, element: ElementTree.Element, tag: str) -> float:
    text = element.findtext(tag)
    try:
        number = float(text or "")
        if not math.isfinite(number):
            raise ValueError(number)
        return number
    except ValueError:
        says = f"has no `{tag}`" if text is None else f"has `{text.strip()}` for `{tag}`, which is no number"
        raise UnreadableError(f"`{path}` {says}") from None


def _scene(folder: Path, one: _Annotated, classes: list[str], source: Voc, plan: ResolvedPlan) -> SceneFile:
    """A picture with its objects; of those that are difficult nothing is asked, unless they are to count."""
    number = {name: place for place, name in enumerate(classes, 1)}
    if plan.task != "objects":
        nothing = Objects([torch.zeros(0, 4)], [torch.zeros(0, dtype=torch.int64)])
        return SceneFile(_picture(folder, one), one.size, nothing, _class_map(folder, one, number, classes))
    owners = _owners(folder, one) if wants_masks(plan) else None
    known = [place for place, marked in enumerate(one.objects) if marked.name in number]
    aside = [place for place in known if one.objects[place].difficult and not source.difficult]
    objects = _of_places(one, [place for place in known if place not in aside], number, owners)
    objects.ignored = _of_places(one, aside, number, owners) if aside else None
    return SceneFile(_picture(folder, one), one.size, objects)


def _of_places(one: _Annotated, places: list[int], number: dict[str, int], owners: Tensor | None) -> Objects:
    """Some of the objects of a picture; the mask of each is where `owners` has its number, the first being 1."""
    boxes = torch.tensor([one.objects[place].box for place in places]).view(-1, 4)
    labels = torch.tensor([number[one.objects[place].name] for place in places], dtype=torch.int64)
    if owners is None:
        return Objects([boxes], [labels])
    masks = torch.stack([owners == place + 1 for place in places]) if places else torch.zeros(0, *one.size)
    return Objects([boxes], [labels], [], [], [EncodedMasks(encoded(masks), one.size, one.size)])


def _picture(folder: Path, one: _Annotated) -> Path:
    """The picture of a file of annotations, in whatever format: by its name, or as it calls it.

    Where there is none it is the usual one, so that it is named as missing.
    """
    inside = folder / "JPEGImages"
    inside = inside if inside.is_dir() or one.path.parent != folder else folder
    for suffix in image_files.SUFFIXES:
        if (inside / f"{one.path.stem}{suffix}").exists():
            return inside / f"{one.path.stem}{suffix}"
    return picture_of(inside, one.picture or f"{one.path.stem}.jpg")


def _owners(folder: Path, one: _Annotated) -> Tensor:
    """The number of the object that each pixel belongs to."""
    return read_numbers(files.existing(folder / "SegmentationObject" / f"{one.path.stem}.png"), one.size)


VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""The classes of VOC by the numbers that its class maps have, from 1."""


def _class_map(folder: Path, one: _Annotated, number: dict[str, int], classes: list[str]) -> EncodedMap:
    """The class of each pixel by `SegmentationClass`, whose numbers are VOC's own or those of the given classes."""
    shown = read_numbers(files.existing(folder / "SegmentationClass" / f"{one.path.stem}.png"), one.size)
    theirs = VOC_CLASSES if set(classes) <= set(VOC_CLASSES) else tuple(classes)
    table = torch.zeros(256, dtype=torch.int64)
    for place, name in enumerate(theirs, 1):
        table[place] = number.get(name, 0)
    table[IGNORED] = IGNORED
    return encoded_map(table[shown])

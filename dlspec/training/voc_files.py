"""Scenes as Pascal VOC has them (Everingham et al., "The Pascal Visual Object Classes Challenge", 2010)."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import torch
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.scene_sources import Voc
from dlspec.record import Record
from dlspec.training import files, image_files
from dlspec.training.errors import UnreadableError
from dlspec.training.mask_files import read_numbers
from dlspec.training.objects import IGNORED, Objects
from dlspec.training.samples import Dataset, loads
from dlspec.training.scene_files import SceneFile, dataset_of, told_of, wants_masks


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
    """The files of annotations, all or those that a list names."""
    inside = files.existing_folder(folder / "Annotations")
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
    return _Annotated(path, (height, width), [_marked(path, one, (height, width)) for one in root.iter("object")])


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
        return float(text or "")
    except ValueError:
        says = f"has no `{tag}`" if text is None else f"has `{text.strip()}` for `{tag}`, which is no number"
        raise UnreadableError(f"`{path}` {says}") from None


def _scene(folder: Path, one: _Annotated, classes: list[str], source: Voc, plan: ResolvedPlan) -> SceneFile:
    number = {name: place for place, name in enumerate(classes, 1)}
    kept = [
        place for place, marked in enumerate(one.objects)
        if marked.name in number and (source.difficult or not marked.difficult)
    ]  # fmt: skip
    boxes = torch.tensor([one.objects[place].box for place in kept]).view(-1, 4)
    labels = torch.tensor([number[one.objects[place].name] for place in kept], dtype=torch.int64)
    if plan.task != "objects":
        named = _class_map(folder, one, number, classes)
        return SceneFile(_picture(folder, one.path.stem), one.size, Objects([boxes], [labels]), named)
    masks = [_masks(folder, one, kept)] if wants_masks(plan) else []
    return SceneFile(_picture(folder, one.path.stem), one.size, Objects([boxes], [labels], masks))


def _picture(folder: Path, stem: str) -> Path:
    """The picture of a name, in whatever format; the usual one where there is none, so that it is named as missing."""
    inside = folder / "JPEGImages"
    for suffix in image_files.SUFFIXES:
        if (inside / f"{stem}{suffix}").exists():
            return inside / f"{stem}{suffix}"
    return inside / f"{stem}.jpg"


def _masks(folder: Path, one: _Annotated, kept: list[int]) -> Tensor:
    """A mask for each object: where `SegmentationObject` has its number, the first being 1."""
    owners = read_numbers(files.existing(folder / "SegmentationObject" / f"{one.path.stem}.png"), one.size)
    return torch.stack([owners == place + 1 for place in kept]).to(torch.uint8) if kept else owners[:0].new_zeros(
        (0, *one.size), dtype=torch.uint8
    )  # fmt: skip


VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
"""The classes of VOC by the numbers that its class maps have, from 1."""


def _class_map(folder: Path, one: _Annotated, number: dict[str, int], classes: list[str]) -> Tensor:
    """The class of each pixel by `SegmentationClass`, whose numbers are VOC's own or those of the given classes."""
    shown = read_numbers(files.existing(folder / "SegmentationClass" / f"{one.path.stem}.png"), one.size)
    theirs = VOC_CLASSES if set(classes) <= set(VOC_CLASSES) else tuple(classes)
    table = torch.zeros(256, dtype=torch.int64)
    for place, name in enumerate(theirs, 1):
        table[place] = number.get(name, 0)
    table[IGNORED] = IGNORED
    return table[shown]

"""Scenes in COCO's JSON (Lin et al., "Microsoft COCO: Common Objects in Context", 2014; https://cocodataset.org)."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.scene_sources import Coco
from dlspec.record import TYPE_CHECKING
from dlspec.training import files
from dlspec.training.errors import UnreadableError
from dlspec.training.mask_runs import EncodedMasks, drawn_runs
from dlspec.training.objects import Objects
from dlspec.training.ragged import Size
from dlspec.training.samples import Dataset, loads
from dlspec.training.scene_files import SceneFile, dataset_of, picture_of, told_of, wants_masks

if TYPE_CHECKING:
    from typing import Any


@loads(Coco)
def _coco(source: Coco, plan: ResolvedPlan) -> Dataset:
    path, folder = Path(plan.folder) / source.path, Path(plan.folder) / source.images
    held = _read(path)
    files.existing_folder(folder)
    classes, numbers = _classes(held, source, path)
    read = _Annotations(path, source, numbers, masks=wants_masks(plan))
    by_image = read.by_image(held)
    scenes = []
    for image in held["images"]:
        size = (int(image["height"]), int(image["width"]))
        objects = read.objects(by_image.get(image["id"], []), size)
        scenes.append(SceneFile(picture_of(folder, str(image["file_name"])), size, objects))
    if not scenes:
        raise UnreadableError(f"`{path}` lists no images")
    return dataset_of(scenes, classes, source.channels, plan, source.broken, folder, told_of(read.left_out))


def _read(path: Path) -> dict[str, Any]:
    """The file's lists; raises UnreadableError where it is no such file."""
    try:
        held = json.loads(files.existing(path).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise UnreadableError(f"`{path}` is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        says = f"`{path}` is not JSON: {error.msg} in line {error.lineno}, column {error.colno}"
        raise UnreadableError(says, "the file may be cut short") from None
    for key, needed in (
        ("images", ("id", "file_name", "width", "height")),
        ("annotations", ()),
        ("categories", ("id",)),
    ):
        listed = held.get(key) if isinstance(held, dict) else None
        if not isinstance(listed, list):
            raise UnreadableError(f"`{path}` has no list of `{key}`, as COCO's files have", _other_format(held))
        for place, one in enumerate(listed, 1):
            lacking = [name for name in needed if not isinstance(one, dict) or name not in one]
            if lacking:
                raise UnreadableError(f"entry {place} of `{key}` in `{path}` has no `{lacking[0]}`")
        _check_ids(listed, key, path)
    for place, image in enumerate(held["images"], 1):
        for side in ("width", "height"):
            if isinstance(image[side], bool) or not isinstance(image[side], int) or image[side] < 1:
                says = f"entry {place} of `images` in `{path}` has the {side} {image[side]!r}"
                raise UnreadableError(says, "write how many pixels the picture has")
    assert isinstance(held, dict)
    return held


def _other_format(held: object) -> str:
    """What a file is that is not COCO's."""
    if isinstance(held, list):
        return "a list of results alone names no images"
    if isinstance(held, dict) and "shapes" in held:
        return "it is labelme's file of one picture: have labelme or `labelme2coco` write COCO of all of them"
    if isinstance(held, dict) and any("_via" in str(key) or str(key).endswith("_settings") for key in held):
        return "it is a project of the VGG annotator, which exports COCO too"
    return ""


def _check_ids(listed: list[Any], key: str, path: Path) -> None:
    """Raise UnreadableError where two entries have one id, or an id is neither a number nor a text."""
    if key == "annotations":
        return  # nothing is found by their ids
    seen: dict[Any, int] = {}
    for place, one in enumerate(listed, 1):
        if not isinstance(one["id"], int | str):
            raise UnreadableError(f"entry {place} of `{key}` in `{path}` has the id {one['id']!r}", "number them")
        if one["id"] in seen:
            says = f"entries {seen[one['id']]} and {place} of `{key}` in `{path}` have the same id {one['id']!r}"
            raise UnreadableError(says, "annotations of the two cannot be told apart; number them anew")
        seen[one["id"]] = place


def _classes(held: dict[str, Any], source: Coco, path: Path) -> tuple[list[str], dict[Any, int]]:
    """The names of the classes, and the number of each category's id, from 1."""
    names = {one["id"]: str(one.get("name", one["id"])) for one in held["categories"]}
    if source.classes is None:
        ids = sorted(names, key=lambda one: (isinstance(one, str), one))
        return [names[one] for one in ids], {one: number for number, one in enumerate(ids, 1)}
    by_name = {name: one for one, name in names.items()}
    for name in source.classes:
        if name not in by_name:
            raise UnreadableError(
                f"`{path}` has no category `{name}`", files.known_names(name, tuple(by_name), "categories")
            )
    return list(source.classes), {by_name[name]: number for number, name in enumerate(source.classes, 1)}


class _Annotations:
    """Annotations read as objects; what cannot be read is told, or left out and counted."""

    def __init__(self, path: Path, source: Coco, numbers: dict[Any, int], *, masks: bool) -> None:
        self.path, self.source, self.numbers, self.masks = path, source, numbers, masks
        self.left_out: list[str] = []

    def refuse(self, one: dict[str, Any], says: str) -> None:
        """Raise UnreadableError for an annotation, or remember it where broken ones are skipped."""
        told = f"annotation {one.get('id', '?')} of `{self.path}` {says}"
        if self.source.broken == "refuse":
            raise UnreadableError(told, "mend it, or say `broken=skip`")
        self.left_out.append(told)

    def by_image(self, held: dict[str, Any]) -> dict[Any, list[dict[str, Any]]]:
        """The annotations of each image, by its id."""
        found: dict[Any, list[dict[str, Any]]] = {image["id"]: [] for image in held["images"]}
        for place, one in enumerate(held["annotations"], 1):
            if not isinstance(one, dict):
                self.refuse({"id": f"in place {place}"}, "is no annotation")
                continue
            image = one.get("image_id")
            own = found.get(image) if isinstance(image, int | str) else None
            if own is None:
                self.refuse(one, f"is of an image {image!r} that the file does not list")
            elif any(_same(one, other) for other in own):
                self.refuse(one, "is there twice")
            else:
                own.append(one)
        return found

    def objects(self, listed: list[dict[str, Any]], size: Size) -> Objects:
        """The objects of one image of a height and width; crowds are regions of which nothing is asked."""
        known = [one for one in listed if self._is_learned(one)]
        crowds = [one for one in known if one.get("iscrowd") and not self.source.crowd]
        made = self._read([one for one in known if not any(one is crowd for crowd in crowds)], size)
        made.ignored = self._read(crowds, size) if crowds else None
        return made

    def _is_learned(self, one: dict[str, Any]) -> bool:
        """Whether its category is one that is learned; one that the file does not list is refused."""
        category = one.get("category_id")
        known = isinstance(category, int | str) and category in self.numbers
        if not known and self.source.classes is None:
            self.refuse(one, f"is of a category {category!r} that the file does not list")
        return known

    def _read(self, listed: list[dict[str, Any]], size: Size) -> Objects:
        boxes: list[list[float]] = []
        labels: list[int] = []
        runs: list[dict[str, Any]] = []
        for one in listed:
            box = self._box(one, size)
            mask = self._mask(one, size) if self.masks and box is not None else None
            if box is None or (self.masks and mask is None):
                continue
            boxes.append(box)
            labels.append(self.numbers[one["category_id"]])
            runs += [] if mask is None else [mask]
        kinds = [torch.tensor(boxes).view(-1, 4)], [torch.tensor(labels, dtype=torch.int64)]
        return Objects(*kinds, [], [], [EncodedMasks(runs, size, size)] if self.masks else [])

    def _box(self, one: dict[str, Any], size: Size) -> list[float] | None:
        """x, y, width and height as a half-open box within the image."""
        box = one.get("bbox")
        if not isinstance(box, list) or len(box) != 4 or not all(_is_number(value) for value in box):
            self.refuse(one, "has no `bbox` of four numbers")
            return None
        x, y, wide, high = box
        x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + wide, size[1]), min(y + high, size[0])
        if x2 <= x1 or y2 <= y1:
            self.refuse(one, f"has a box of no area in the image: {box} in {size[1]} x {size[0]}")
            return None
        return [float(value) for value in (x1, y1, x2, y2)]

    def _mask(self, one: dict[str, Any], size: Size) -> dict[str, Any] | None:
        """Polygons or runs as compressed runs."""
        drawn = one.get("segmentation")
        if not drawn:
            self.refuse(one, "has no `segmentation`")
            return None
        try:
            return drawn_runs(drawn, size)
        except ValueError as error:
            self.refuse(one, f"has a `segmentation` that is none: {error}")
            return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two annotations with one id say the same of an image."""
    keys = ("id", "category_id", "bbox")
    return "id" in one and all(one.get(key) == other.get(key) for key in keys)

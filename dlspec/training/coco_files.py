"""Scenes in COCO's JSON (Lin et al., "Microsoft COCO: Common Objects in Context", 2014; https://cocodataset.org)."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.scene_sources import Coco
from dlspec.record import TYPE_CHECKING
from dlspec.training import files
from dlspec.training.errors import UnreadableError
from dlspec.training.found import decoded, mask_coder
from dlspec.training.objects import Objects
from dlspec.training.samples import Dataset, loads
from dlspec.training.scene_files import SceneFile, dataset_of, told_of, wants_masks

if TYPE_CHECKING:
    from typing import Any


@loads(Coco)
def _coco(source: Coco, plan: ResolvedPlan) -> Dataset:
    path, folder = Path(plan.folder) / source.path, Path(plan.folder) / source.images
    held = _read(path)
    files.existing_folder(folder)
    classes, numbers = _classes(held, source, path)
    read = _Annotations(path, source, numbers, masks=wants_masks(plan))
    by_image: dict[Any, list[dict[str, Any]]] = {}
    known = {image["id"] for image in held["images"]}
    for one in held["annotations"]:
        if one.get("image_id") not in known:
            read.refuse(one, f"is of an image {one.get('image_id')!r} that the file does not list")
            continue
        by_image.setdefault(one["image_id"], []).append(one)
    scenes = [
        SceneFile(folder / image["file_name"], _size(image), read.objects(by_image.get(image["id"], []), _size(image)))
        for image in held["images"]
    ]
    if not scenes:
        raise UnreadableError(f"`{path}` lists no images")
    return dataset_of(scenes, classes, source.channels, plan, source.broken, folder, told_of(read.left_out))


def _read(path: Path) -> dict[str, Any]:
    """The file's lists; raises UnreadableError where it is no such file."""
    try:
        held = json.loads(files.existing(path).read_text(encoding="utf-8"))
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
            hint = "a list of results alone names no images" if isinstance(held, list) else ""
            raise UnreadableError(f"`{path}` has no list of `{key}`, as COCO's files have", hint)
        for place, one in enumerate(listed, 1):
            lacking = [name for name in needed if not isinstance(one, dict) or name not in one]
            if lacking:
                raise UnreadableError(f"entry {place} of `{key}` in `{path}` has no `{lacking[0]}`")
    assert isinstance(held, dict)
    return held


def _size(image: dict[str, Any]) -> tuple[int, int]:
    return int(image["height"]), int(image["width"])


def _classes(held: dict[str, Any], source: Coco, path: Path) -> tuple[list[str], dict[Any, int]]:
    """The names of the classes, and the number of each category's id, from 1."""
    named = {one["id"]: str(one.get("name", one["id"])) for one in held["categories"]}
    if source.classes is None:
        ids = sorted(named)
        return [named[one] for one in ids], {one: number for number, one in enumerate(ids, 1)}
    by_name = {name: one for one, name in named.items()}
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

    def objects(self, listed: list[dict[str, Any]], size: tuple[int, int]) -> Objects:
        """The objects of one image of a height and width."""
        boxes: list[list[float]] = []
        labels: list[int] = []
        masks: list[Tensor] = []
        for one in listed:
            if one.get("category_id") not in self.numbers or (one.get("iscrowd") and not self.source.crowd):
                if not self._is_known(one):
                    self.refuse(one, f"is of a category {one.get('category_id')!r} that the file does not list")
                continue
            box = self._box(one, size)
            mask = self._mask(one, size) if self.masks and box is not None else None
            if box is None or (self.masks and mask is None):
                continue
            boxes.append(box)
            labels.append(self.numbers[one["category_id"]])
            masks += [] if mask is None else [mask]
        kinds = [torch.tensor(boxes).view(-1, 4)], [torch.tensor(labels, dtype=torch.int64)]
        empty = torch.zeros(0, *size, dtype=torch.uint8)
        return Objects(*kinds, [torch.stack(masks) if masks else empty] if self.masks else [])

    def _is_known(self, one: dict[str, Any]) -> bool:
        """Whether it was left out on purpose: a category that is not learned, or a crowd."""
        return self.source.classes is not None or one.get("category_id") in self.numbers

    def _box(self, one: dict[str, Any], size: tuple[int, int]) -> list[float] | None:
        """x, y, width and height as a half-open box within the image."""
        box = one.get("bbox")
        if not isinstance(box, list) or len(box) != 4 or not all(isinstance(value, int | float) for value in box):
            self.refuse(one, "has no `bbox` of four numbers")
            return None
        x, y, wide, high = box
        x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + wide, size[1]), min(y + high, size[0])
        if x2 <= x1 or y2 <= y1:
            self.refuse(one, f"has a box of no area in the image: {box} in {size[1]} x {size[0]}")
            return None
        return [float(value) for value in (x1, y1, x2, y2)]

    def _mask(self, one: dict[str, Any], size: tuple[int, int]) -> Tensor | None:
        """Polygons or runs as pixels."""
        drawn = one.get("segmentation")
        if not drawn:
            self.refuse(one, "has no `segmentation`")
            return None
        try:
            runs = mask_coder().segmToRle(drawn, size[1], size[0])
            mask = decoded([runs], size)[0]
        except (TypeError, ValueError, RuntimeError, KeyError) as error:
            self.refuse(one, f"has a `segmentation` that is none: {str(error).splitlines()[0]}")
            return None
        if tuple(mask.shape) != size:
            self.refuse(one, f"has a mask of {mask.shape[1]} x {mask.shape[0]} in an image of {size[1]} x {size[0]}")
            return None
        return mask

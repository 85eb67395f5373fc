"""Pictures in a folder for each class."""

from __future__ import annotations

from pathlib import Path

import torch

from dlspec.plan.file_sources import ImageFolder
from dlspec.plan.keys import ResolvedPlan
from dlspec.training import files, image_files
from dlspec.training.errors import RunError, UnreadableError
from dlspec.training.groups import groups_of_paths, numbered_groups
from dlspec.training.samples import Dataset, Samples, loads


@loads(ImageFolder)
def _image_folder(source: ImageFolder, plan: ResolvedPlan) -> Dataset:
    folder = Path(plan.folder) / source.path
    classes = _classes(folder, source.classes)
    paths: list[Path] = []
    labels: list[int] = []
    for number, name in enumerate(classes):
        inside = [one for one in sorted((folder / name).rglob("*")) if one.suffix.lower() in image_files.SUFFIXES]
        if not inside:
            hint = f"pictures end in {', '.join(image_files.SUFFIXES[:4])}, ..."
            raise RunError(f"the folder `{folder / name}` of the class `{name}` holds no pictures", hint)
        paths += inside
        labels += [number] * len(inside)
    channels = 1 if source.channels == "grey" else 3
    pictures = image_files.Pictures([str(one) for one in paths], paths.__getitem__, channels)
    found = image_files.loaded(pictures, plan, source.broken, str(folder))
    samples = Samples(found.inputs, torch.tensor(labels)[found.rows])
    names = [paths[row].relative_to(folder).as_posix() for row in found.rows]
    dataset = Dataset(samples, classes, names=names, notes=found.notes)
    if (pattern := plan.data.split.groups) is not None:
        dataset.groups = numbered_groups(groups_of_paths(names, pattern))
    return dataset


def _classes(folder: Path, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """The names of the folders of classes; raises UnreadableError where there is no such folder."""
    held = tuple(
        sorted(
            one.name for one in files.existing_folder(folder).iterdir() if one.is_dir() and not one.name.startswith(".")
        )
    )
    if not held:
        loose = any(one.suffix.lower() in image_files.SUFFIXES for one in folder.iterdir())
        what = "pictures, and no folder for each class" if loose else "no folders of pictures"
        raise UnreadableError(f"`{folder}` holds {what}", "a class is a folder in it: `cats/1.jpg`, `dogs/2.jpg`")
    for name in wanted or ():
        if name not in held:
            raise UnreadableError(f"`{folder}` has no folder `{name}`", files.known_names(name, held, "folders"))
    return wanted or held

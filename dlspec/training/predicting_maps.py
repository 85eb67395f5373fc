"""The class of every pixel of files: pictures with a palette, or a table of how much each image shows of each class."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from dlspec.record import TYPE_CHECKING
from dlspec.training import predicting
from dlspec.training.class_map_pictures import as_picture
from dlspec.training.data import resized
from dlspec.training.errors import RunError
from dlspec.training.objects import scaled
from dlspec.training.trained import Trained
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from typing import Any


def predict_maps(run: Trained, paths: Sequence[Path], out: Path, *, invert: bool = False) -> predicting.Written:
    """Write a map for each image: one to `out.png`, several into the folder `out`; or shares of classes as CSV or JSON.

    Images are segmented in their own size where the network takes it, else in that of training, and the map is brought
    to the size of the image. Raises RunError as `predict` does.
    """
    read, left_out = predicting.each_read(paths, lambda path: predicting.images_of(path, run, invert=invert))
    inputs = [one for some in read for one in some]
    if out.suffix == ".png" and len(inputs) != 1:
        raise RunError(f"`{out}` holds one map, and there are {len(inputs)} images", "name a folder: `-o maps`")
    maps = [_map_of(image, run) for _, image in inputs]
    names = [name for name, _ in inputs]
    rows = [_row(name, one, run.classes) for name, one in zip(names, maps, strict=True)]
    match out.suffix:
        case ".png":
            _save(maps[0], out)
        case ".json":
            write_whole(out, json.dumps(rows, indent=1) + "\n")
        case ".csv":
            write_whole(out, predicting.as_csv(rows))
        case _:
            _save_all(names, maps, out)
    return predicting.Written(out, rows, left_out + run.notes)


def _map_of(image: Tensor, run: Trained) -> Tensor:
    """The class of every pixel (H, W) of an image (C, H, W)."""
    size = (image.shape[1], image.shape[2])
    wanted = (run.sample[1], run.sample[2])
    if run.keeps_sizes:
        return run.class_maps(image[None])[0]
    if run.plan.data.resize is None and size != wanted:
        try:
            return run.class_maps(image[None])[0]
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            pass  # the network has a size of its own
    made = run.class_maps(resized(image[None], wanted))
    whole = scaled(made.long(), size, [wanted])
    assert isinstance(whole, Tensor)
    return whole[0]


def _row(name: str, classes: Tensor, names: Sequence[str]) -> dict[str, Any]:
    """How much of an image each class takes."""
    counts = classes.long().flatten().bincount(minlength=len(names)).tolist()
    shares = {f"share_{name}": round(count / classes.numel(), 6) for name, count in zip(names, counts, strict=True)}
    return {"input": name, "height": classes.shape[0], "width": classes.shape[1], **shares}


def _save_all(names: Sequence[str], maps: Sequence[Tensor], out: Path) -> None:
    """A file for each map, called as its image is, with a number where several are called alike."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"the folder `{out}` cannot be made: {error.strerror}") from error
    taken: dict[str, int] = {}
    for name, one in zip(names, maps, strict=True):
        file, _, row = name.rpartition(":") if name.rpartition(":")[2].isdigit() else (name, "", "")
        stem = Path(file).stem + (f"-{row}" if row else "")
        taken[stem] = taken.get(stem, 0) + 1
        _save(one, out / f"{stem}{f'-{taken[stem]}' if taken[stem] > 1 else ''}.png")


def _save(classes: Tensor, file: Path) -> None:
    try:
        as_picture(classes).save(file)
    except OSError as error:
        raise RunError(f"`{file}` cannot be written: {error.strerror or error}") from error

"""Predictions for files: images, folders of images, arrays and tables in, a table or JSON out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training import files, tables
from dlspec.training.arrays import inputs_of
from dlspec.training.data import resized
from dlspec.training.errors import RunError, UnreadableError
from dlspec.training.image_files import decoded
from dlspec.training.trained import Predictions, Trained
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from typing import Any, TypeVar

    from dlspec.plan.sources import Source

    Held = TypeVar("Held")

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")

TABLES = (".csv", ".parquet", ".pq")

ARRAYS = ("x", "inputs", "images", "image", "features", "data")
"""Names under which an NPZ file may hold inputs, where training read no array by name."""


DRAWN = 64
"""Images in a picture of predictions."""


class Inputs(Record):
    """Inputs (N, ...) with a name for each: the file, and the row where a file holds several."""

    names: list[str]
    values: Tensor


def load_run(folder: Path | str, *, device: str | None = None) -> Trained:
    """A run to predict with: `load_run("runs/lenet").predict(images)`."""
    return Trained(Path(folder), device=device)


class Written(Record):
    """What was predicted and where it was written."""

    out: Path
    rows: list[dict[str, Any]]
    notes: list[str]

    def __str__(self) -> str:
        count = "1 prediction" if len(self.rows) == 1 else f"{len(self.rows):,} predictions"
        return "\n".join([f"{count} written to {self.out}", *(f"note: {note}" for note in self.notes)])


def predict(
    folder: Path, inputs: Sequence[Path], out: Path, *, invert: bool = False, device: str | None = None
) -> Written:
    """Predict for each input with a run's best weights and write `out`, by its suffix CSV, JSON or a picture.

    What a detector finds becomes COCO JSON, a picture, or with no suffix a folder with a picture for each image; of a
    network that segments a picture is a class map.

    `invert` swaps dark and bright in images. Raises RunError for files that cannot be read and for
    an unknown suffix.
    """
    run = Trained(folder, device=device)
    if run.plan.task == "objects":
        return _found(run, inputs, out, invert=invert)
    if run.segments and out.suffix in ("", ".csv", ".json", ".png"):
        from dlspec.training.predicting_maps import predict_maps

        return predict_maps(run, inputs, out, invert=invert)
    if out.suffix not in (".csv", ".json", ".png"):
        raise RunError(f"`{out}` ends in neither `.csv` nor `.json` nor `.png`", "the suffix chooses the format")
    if out.suffix == ".png" and (len(run.sample) != 3 or run.plan.task == "numbers"):
        raise RunError(f"`{out}` would be a picture, and the run tells no images apart", "write `.csv` or `.json`")
    read, left_out = each_read(inputs, lambda path: read_inputs(path, run, invert=invert))
    if not read:
        raise RunError(
            "there is nothing to predict for", f"name images ({', '.join(IMAGES[:3])}), a CSV or an NPZ file"
        )
    names, values = [name for one in read for name in one.names], torch.cat([one.values for one in read])
    predicted = run.predict(values)
    rows = table(names, predicted, run)
    if out.suffix == ".png":
        _draw(values, predicted, out)
    else:
        write_whole(out, json.dumps(rows, indent=1) + "\n" if out.suffix == ".json" else as_csv(rows))
    return Written(out, rows, left_out + run.notes + _brightness_note(values, run, inverted=invert))


def _found(run: Trained, inputs: Sequence[Path], out: Path, *, invert: bool) -> Written:
    """What a detector finds, written."""
    from dlspec.training.predicting_objects import Pictured, write_found

    if out.suffix not in (".json", ".png", ""):
        hint = "`out.json` is COCO JSON, `out.png` a picture, `out` a folder with a picture for each image"
        raise RunError(f"`{out}` ends in neither `.json` nor `.png`", hint)
    read, left_out = each_read(inputs, lambda path: images_of(path, run, invert=invert))
    pictured = [Pictured(name, image) for some in read for name, image in some]
    rows = write_found(run, pictured, out)
    bright = torch.stack([one.image.mean() for one in pictured])[:, None, None, None]
    return Written(out, rows, left_out + run.notes + _brightness_note(bright, run, inverted=invert))


def images_of(path: Path, run: Trained, *, invert: bool) -> list[tuple[str, Tensor]]:
    """The images of a file, each in its own size, with a name."""
    if path.suffix.lower() in IMAGES:
        return [(str(path), picture(path, run.sample[0], None, invert=invert))]
    read = read_inputs(path, run, invert=invert)
    return list(zip(read.names, read.values, strict=True))


def _draw(images: Tensor, predicted: Predictions, out: Path) -> None:
    """The first images with what they were taken for."""
    from dlspec.training import pictures

    labels, chances = predicted.labels[:DRAWN], predicted.probabilities
    sure = None if chances is None else chances[:DRAWN].max(1).values.tolist()
    try:
        pictures.predictions(list(images[:DRAWN]), labels, labels, sure, out)
    except OSError as error:
        raise RunError(f"`{out}` cannot be written: {error.strerror or error}") from error


def each_read(paths: Sequence[Path], read: Callable[[Path], Held]) -> tuple[list[Held], list[str]]:
    """What each file holds, and a sentence on those of a folder that cannot be read, which are left out.

    Raises UnreadableError for a file that is named, and where none of a folder can be read.
    """
    held: list[Held] = []
    broken: list[tuple[Path, UnreadableError]] = []
    for path in expanded(paths):
        try:
            held.append(read(path))
        except UnreadableError as error:
            if path in paths:
                raise
            broken.append((path, error))
    if not broken:
        return held, []
    if not held:
        raise broken[0][1]
    shown = ", ".join(f"`{path}`" for path, _ in broken[:3]) + (", ..." if len(broken) > 3 else "")
    files_are = "1 file is" if len(broken) == 1 else f"{len(broken):,} files are"
    return held, [f"{files_are} left out, since {'it' if len(broken) == 1 else 'they'} cannot be read: {shown}"]


def expanded(paths: Sequence[Path]) -> list[Path]:
    """The files named, and in place of a folder what it holds, by name; raises UnreadableError."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.suffix.lower() in (*IMAGES, *TABLES, ".npz"))
            if not inside:
                hint = f"images end in {', '.join(IMAGES[:4])}, ..."
                raise RunError(f"the folder `{path}` holds no images, CSV or NPZ files", hint)
            found += inside
        else:
            found.append(files.existing(path, hint=""))
    return found


def read_inputs(path: Path, run: Trained, *, invert: bool = False) -> Inputs:
    """What a file holds, in the form in which the run's data source gives it."""
    suffix = path.suffix.lower()
    if suffix in IMAGES:
        return Inputs([str(path)], _image(path, run, invert=invert))
    if suffix == ".npz":
        values = _array(path, run)
    elif suffix in TABLES:
        values = _columns(path, run)
    else:
        raise UnreadableError(
            f"`{path}` is neither an image nor a CSV, Parquet or NPZ file", "the suffix says what a file holds"
        )
    return Inputs([f"{path}:{row + 1}" for row in range(len(values))], values)


def _image(path: Path, run: Trained, *, invert: bool) -> Tensor:
    if len(run.sample) != 3:
        raise RunError(f"`{path}` is an image, and the network was trained on tables", "give a CSV file")
    channels, height, width = run.sample
    return picture(path, channels, (height, width), invert=invert)[None]


def picture(path: Path, channels: int, size: tuple[int, int] | None, *, invert: bool) -> Tensor:
    """A picture (channels, H, W) in 0..1, at a size where one is given; raises UnreadableError."""
    try:
        pixels = decoded(path, channels, size)
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableError(f"`{path}` cannot be read as an image: {error}", "write it anew, as PNG") from error
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1).to(torch.float32) / 255
    return 1 - tensor if invert else tensor


def _array(path: Path, run: Trained) -> Tensor:
    """The array that training read by name, one of a usual name, or the file's only one."""
    source, held = run.plan.data.source, files.array_names(path)
    known = (getattr(source, "x", source.input), *ARRAYS)
    name = next((name for name in known if name in held), held[0] if len(held) == 1 else None)
    if name is None:
        arrays = ", ".join(f"`{one}`" for one in held)
        raise RunError(f"`{path}` does not say which of its arrays is the input", f"name it `x`; it holds {arrays}")
    (array,) = files.read_arrays(path, name)
    values = inputs_of(array, f"`{name}` of `{path}`")
    if len(run.sample) == 3:
        if values.dim() == 3 and run.sample[0] == 1:
            values = values[:, None]
        if values.dim() == 4 and run.plan.data.resize is not None:
            values = resized(values, (run.sample[1], run.sample[2]))
    return values


def _columns(path: Path, run: Trained) -> Tensor:
    """The columns that were trained on, by name; other columns do not matter."""
    source = run.plan.data.source
    found = tables.read(source, path)
    names = tuple(dict.fromkeys(_column(name, source) for name in run.features)) or tuple(found)
    features = tables.features_of(found, names, source, path, known=run.features).values
    if run.fitted.gaps is None:
        files.refuse_gaps(features, f"`{path}`")
    values = torch.from_numpy(features).to(torch.float32)
    return values.view(-1, *run.sample) if values[0].numel() == np.prod(run.sample) else values


def _column(feature: str, source: Source) -> str:
    """The column of a feature: that of `city=Paris` is `city`, where it is one of categories."""
    categories = getattr(source, "categories", ())
    return next((name for name in categories if feature.startswith(f"{name}=")), feature)


def table(names: Sequence[str], predicted: Predictions, run: Trained) -> list[dict[str, Any]]:
    """A row for each input: its name, then the label with its probabilities, or the number."""
    if predicted.numbers is not None:
        keys: Sequence[str] = run.plan.data.source.target_names
        if len(keys) != predicted.numbers.shape[1]:
            keys = [f"{keys[0]}_{number}" for number in range(predicted.numbers.shape[1])]
        rows = predicted.numbers.tolist()
        return [{"input": name} | dict(zip(keys, row, strict=True)) for name, row in zip(names, rows, strict=True)]
    result = []
    for place, (name, label) in enumerate(zip(names, predicted.labels, strict=True)):
        row: dict[str, Any] = {"input": name, "label": label}
        if predicted.probabilities is not None:
            shares = [round(share, 6) for share in predicted.probabilities[place].tolist()]
            row["probability"] = max(shares)
            row |= {f"p_{one}": share for one, share in zip(run.classes, shares, strict=True)}
        result.append(row)
    return result


def as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _brightness_note(values: Tensor, run: Trained, *, inverted: bool) -> list[str]:
    """A hint where pictures are as bright as training's were dark, or the reverse: ink on the wrong side."""
    trained_on = run.about["brightness"]
    if trained_on is None or values.dim() != 4 or inverted:
        return []
    mean = float(values.mean())
    if (mean - 0.5) * (trained_on - 0.5) >= 0 or abs(mean - trained_on) < 0.3:
        return []
    says = f"the images are {mean:.0%} bright on average, those of training were {trained_on:.0%}"
    return [f"{says}; if ink and paper are swapped, predict with `--invert`"]

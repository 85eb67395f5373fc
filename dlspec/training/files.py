"""Tables and arrays from files, with a message for everything that a file can have wrong."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlspec.diagnostics.near_names import near
from dlspec.training.errors import RunError, UnreadableError

Array = NDArray[np.generic]
Floats = NDArray[np.float64]


NOT_AN_ARCHIVE = (ValueError, OSError, EOFError, TypeError, KeyError, AttributeError, zipfile.BadZipFile)
"""What numpy raises for a file that is no archive of arrays, or a broken one."""


def read_table(
    path: Path, delimiter: str = ",", decimal: str = "point", encoding: str = "utf-8"
) -> dict[str, list[str]]:
    """The columns of a CSV file by the names in its first line, as text, numbers with a decimal point.

    Raises RunError where the file is missing, empty, ragged, names no columns or one twice.
    """
    header, *rows = [row for row in _lines(path, delimiter, encoding) if row] or [[]]
    header = [name.strip() for name in header]
    _refuse_header(header, path, delimiter)
    if not header or not rows:
        raise RunError(f"`{path}` holds no samples", "the first line names the columns, each line below is a sample")
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise RunError(f"row {number + 1} of `{path}` has {len(row)} values, the first line {len(header)} names")
    shown = _with_point if decimal == "comma" else str.strip
    return {name: [shown(row[place]) for row in rows] for place, name in enumerate(header)}


def _lines(path: Path, delimiter: str, encoding: str) -> list[list[str]]:
    try:
        with existing(path).open(newline="", encoding="utf-8-sig" if encoding == "utf-8" else encoding) as file:
            return list(csv.reader(file, delimiter=delimiter))
    except LookupError:
        raise RunError(f"there is no encoding `{encoding}`", "such as `utf-8`, `utf-16` or `latin-1`") from None
    except (UnicodeError, csv.Error) as error:
        with path.open("rb") as raw:
            meant = "utf-16" if raw.read(2) in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
        hint = f'save it as UTF-8, or say what it is, perhaps `encoding="{meant}"`'
        where = f", byte {error.start} cannot be read" if isinstance(error, UnicodeDecodeError) else ""
        raise UnreadableError(f"`{path}` is not text in {encoding.upper()}{where}", hint) from None


def _refuse_header(header: Sequence[str], path: Path, delimiter: str) -> None:
    """Raise RunError where the first line does not name columns apart from each other."""
    for name in header:
        if header.count(name) > 1:
            raise RunError(f"`{path}` has two columns `{name}`", "rename one of them")
    other = next((sign for sign in (";", "\t", "|", ",") if len(header) == 1 and sign in header[0]), None)
    if other is not None:
        shown = "a tab" if other == "\t" else f"`{other}`"
        hint = f'say so in the source: `delimiter="{other if other != chr(9) else chr(92) + "t"}"`'
        raise RunError(f"what separates the values of `{path}` is {shown}, not `{delimiter}`", hint)
    if header and all(_NUMBER.fullmatch(name) for name in header):
        example = delimiter.join(f"x{place + 1}" for place in range(len(header)))
        raise RunError(f"the first line of `{path}` holds numbers, no names", f"put names before it: `{example}`")


_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?(?:[eE][+-]?\d+)?")


def _with_point(text: str) -> str:
    """A number with a decimal comma, as Python reads it; anything else as it is."""
    text = text.strip()
    return text.replace(".", "").replace(",", ".") if _COMMA.fullmatch(text) else text


Column = list[str] | Floats
"""A column of a table, as text or as numbers."""


def column(table: Mapping[str, Column], name: str, path: Path) -> Column:
    """A column by its name; raises RunError with the nearest name where there is none."""
    if name not in table:
        raise RunError(f"`{path}` has no column `{name}`", known_names(name, tuple(table), "columns"))
    return table[name]


def numbers(texts: Sequence[str] | Floats, name: str, path: Path, *, gaps: bool = False) -> Floats:
    """A column as numbers; raises RunError naming the rows that hold none, unless `gaps` may stay, as NaN."""
    if isinstance(texts, np.ndarray):
        values = texts.astype(np.float64)
        return values if gaps else refuse_gaps(values, f"column `{name}` of `{path}`")
    values = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        try:
            values[row] = float(text)
        except ValueError:
            if text and text.lower() not in MISSING:
                message = f"column `{name}` of `{path}` holds `{text}` in row {row + 1}, which is not a number"
                hint = f'leave it out with `features=[...]`, or read it as names with `categories=["{name}"]`'
                if _COMMA.fullmatch(text):
                    hint = (
                        "write no sign between thousands; where the comma stands before decimals, say `decimal=comma`"
                    )
                raise RunError(message, hint) from None
    return values if gaps else refuse_gaps(values, f"column `{name}` of `{path}`")


MISSING = ("na", "nan", "null", "none", "?", "-")
"""What tables write where a value is missing."""


def refuse_gaps(values: Floats, what: str) -> Floats:
    """The values as they are; raises RunError where a row holds NaN or infinity."""
    flat = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    rows = np.flatnonzero(~np.isfinite(flat).all(axis=1)) + 1
    if len(rows) == 0:
        return values
    shown = ", ".join(str(row) for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
    count = f"in row {shown}" if len(rows) == 1 else f"in {len(rows):,} rows ({shown})"
    raise RunError(
        f"{what} has no number {count}",
        "fill these in, or say what is done: `missing=drop` leaves the rows out, `missing=mean` fills them in",
    )


def is_missing(text: str) -> bool:
    return not text or text.lower() in MISSING


def labels(texts: Sequence[str], name: str, path: Path) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """A column as classes: whole numbers count from 0 as they stand, other texts by the alphabet."""
    for row, text in enumerate(texts):
        if not text or text.lower() in MISSING[:4]:
            raise RunError(f"column `{name}` of `{path}` has no label in row {row + 1}", "take the row out")
    if all(text.lstrip("-").isdigit() for text in texts):
        values = np.array([int(text) for text in texts], dtype=np.int64)
        return values, tuple(str(number) for number in range(max(int(values.max()) + 1, 0)))
    classes = tuple(sorted(set(texts)))
    order = {text: number for number, text in enumerate(classes)}
    return np.array([order[text] for text in texts], dtype=np.int64), classes


def read_arrays(path: Path, *names: str) -> list[Array]:
    """Arrays of an NPZ file; nothing pickled is read.

    Raises RunError where the file or an array is missing, or they differ in length.
    """
    try:
        with np.load(_archive(path), allow_pickle=False) as archive:
            for name in names:
                if name not in archive.files:
                    raise RunError(f"`{path}` has no array `{name}`", known_names(name, tuple(archive.files), "arrays"))
            arrays: list[Array] = [archive[name] for name in names]
    except NOT_AN_ARCHIVE as error:
        if "allow_pickle" in str(error):
            raise RunError(
                f"`{path}` holds Python objects, which are not read", "save plain arrays of numbers"
            ) from None
        raise UnreadableError(f"`{path}` is not an NPZ file", "write it with `numpy.savez`") from error
    return _alike(arrays, names, path)


def read_tensors(path: Path, *names: str) -> list[Array]:
    """Arrays of a safetensors file; raises RunError as `read_arrays` does."""
    from safetensors import SafetensorError, safe_open

    hint = "write it with `safetensors.numpy.save_file`"
    try:
        with safe_open(existing(path), framework="numpy") as archive:
            held = tuple(archive.keys())
            for name in names:
                if name not in held:
                    raise RunError(f"`{path}` has no array `{name}`", known_names(name, held, "arrays"))
            return _alike([archive.get_tensor(name) for name in names], names, path)
    except (SafetensorError, TypeError) as error:  # numpy has no bfloat16
        raise UnreadableError(f"`{path}` cannot be read as safetensors: {error}", hint) from error


def _alike(arrays: list[Array], names: Sequence[str], path: Path) -> list[Array]:
    """The arrays, if each has a row for each sample; raises RunError."""
    lengths = {name: len(array) if array.ndim else 0 for name, array in zip(names, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        said = " and ".join(f"{count:,} rows in `{name}`" for name, count in lengths.items())
        raise RunError(f"the arrays of `{path}` differ in length: {said}", "give each sample a row in both")
    if 0 in lengths.values():
        raise RunError(f"`{path}` holds no samples")
    return arrays


def array_names(path: Path) -> list[str]:
    """The names of the arrays in an NPZ file."""
    try:
        with np.load(_archive(path), allow_pickle=False) as archive:
            return list(archive.files)
    except NOT_AN_ARCHIVE as error:
        raise UnreadableError(f"`{path}` is not an NPZ file", "write it with `numpy.savez`") from error


def _archive(path: Path) -> Path:
    if not zipfile.is_zipfile(existing(path)):
        raise UnreadableError(f"`{path}` is not an NPZ file", "write it with `numpy.savez`")
    return path


def existing_folder(path: Path) -> Path:
    """The path, where it is a folder; raises UnreadableError with the nearest name beside it."""
    if path.is_dir():
        return path
    if path.exists():
        raise UnreadableError(f"`{path}` is a file, and a folder is wanted")
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    found = near(path.name, beside)
    hint = f"beside it there is `{found[0]}`" if found else "the path counts from the folder of the spec"
    raise UnreadableError(f"there is no folder `{path}`", hint)


def existing(path: Path, hint: str = "the path counts from the folder of the spec") -> Path:
    """The path, where it is a file; raises UnreadableError with the nearest name beside it, or the hint."""
    if not path.exists():
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        if found := near(path.name, beside):
            hint = f"beside it there is `{found[0]}`"
        raise UnreadableError(f"there is no file `{path}`", hint)
    if path.is_dir():
        raise UnreadableError(f"`{path}` is a folder", "name a file in it")
    return path


def known_names(name: str, known: tuple[str, ...], what: str) -> str:
    """A hint: the nearest of the names that there are, and the first of all."""
    found = near(name, known)
    listed = ", ".join(f"`{one}`" for one in known[:12]) + (", ..." if len(known) > 12 else "")
    return (f"the nearest is `{found[0]}`; " if found else "") + f"its {what} are {listed}"


def as_floats(array: Array, what: str) -> Floats:
    """An array as float64 without gaps; raises RunError where it holds anything but numbers."""
    if array.dtype.kind not in "biuf":
        raise RunError(f"{what} holds {array.dtype}, not numbers")
    values = np.asarray(array, dtype=np.float64)
    refuse_gaps(values, what)
    return values


def as_classes(array: Array, what: str) -> NDArray[np.int64]:
    """An array of whole numbers, one a sample or one a pixel (N, H, W); raises RunError for anything else."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 3):
        shape = " ".join(str(size) for size in array.shape)
        raise RunError(
            f"{what} is {shape}, and a class for each sample or pixel is wanted", "if it is one-hot, save its `argmax`"
        )
    values = as_floats(array, what)
    broken = values != np.round(values)
    if broken.any():
        row = int(np.argwhere(broken)[0][0])
        raise RunError(
            f"{what} holds {values[broken][0]:g} in row {row + 1}, which is not a class",
            "classes count 0, 1, 2, ...",
        )
    return values.astype(np.int64)

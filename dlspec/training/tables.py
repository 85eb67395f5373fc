"""Tables as samples: columns of numbers and of names, and what is done where a value is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dlspec.plan import file_sources
from dlspec.plan import sources as named
from dlspec.plan.keys import ResolvedPlan
from dlspec.record import Record
from dlspec.training import files
from dlspec.training.errors import RunError, UnreadableError
from dlspec.training.files import Column, Floats
from dlspec.training.groups import numbered_groups
from dlspec.training.samples import Dataset, Samples, loads

Table = named.Csv | file_sources.Parquet


class Features(Record):
    """Inputs (rows, features), NaN where a value is missing, and a name for each feature."""

    values: Floats
    names: tuple[str, ...]
    missing: dict[str, int]
    """How many values each column lacks."""


@loads(named.Csv, file_sources.Parquet)
def _table(source: Table, plan: ResolvedPlan) -> Dataset:
    path, groups = Path(plan.folder) / source.path, plan.data.split.groups
    table = read(source, path)
    targets = [asked(table, name, path, "target") for name in source.target_names]
    aside = (*source.target_names, groups)
    columns = source.features or tuple(name for name in table if name not in aside)
    features = features_of(table, columns, source, path)
    kept, notes = _rows_kept(features, dict(zip(source.target_names, targets, strict=True)), source, path)
    inputs = torch.from_numpy(features.values[kept]).to(torch.float32)
    dataset = Dataset(Samples(inputs, torch.empty(0)), features=features.names, notes=notes)
    targets = [[one[row] for row in kept] if isinstance(one, list) else one[kept] for one in targets]
    if groups is not None:
        together = asked(table, groups, path, "groups")
        dataset.groups = numbered_groups([together[row] for row in kept])
    if plan.task == "numbers":
        numbers = [files.numbers(one, name, path) for name, one in zip(source.target_names, targets, strict=True)]
        dataset.samples.targets = torch.from_numpy(np.stack(numbers, axis=1)).to(torch.float32)
    else:
        (name,), (target,) = source.target_names, targets
        labels, dataset.classes = files.labels(_texts(target), name, path)
        dataset.samples.targets = torch.from_numpy(labels)
    return dataset


def asked(table: Mapping[str, Column], name: str, path: Path, field: str) -> Column:
    """A column by its name; where there is none, the error knows which parameter of the source asks for it."""
    try:
        return files.column(table, name, path)
    except RunError as error:
        error.field = field
        raise


def read(source: named.Source, path: Path) -> Mapping[str, Column]:
    """The columns of a table by name."""
    if path.suffix.lower() in (".parquet", ".pq") or isinstance(source, file_sources.Parquet):
        return read_parquet(path)
    if not isinstance(source, named.Csv):
        return files.read_table(path)
    return files.read_table(path, source.delimiter, source.decimal, source.encoding)


def read_parquet(path: Path) -> dict[str, Column]:
    """The columns of a Parquet file: numbers with NaN where they are null, anything else as text.

    Raises RunError where pyarrow is missing, UnreadableError where the file is no such table.
    """
    try:
        import pyarrow as arrow  # type: ignore[import-untyped]
        import pyarrow.parquet as parquet  # type: ignore[import-untyped]
    except ImportError:
        raise RunError("Parquet files need `pyarrow`", "install it: `pip install dlspec[table]`") from None
    try:
        table = parquet.read_table(files.existing(path))
    except (arrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UnreadableError(f"`{path}` cannot be read as Parquet: {reason}", "write it anew") from error
    if table.num_rows == 0:
        raise RunError(f"`{path}` holds no samples")
    return {name: _column_of(table.column(name)) for name in table.column_names}


def _column_of(column: object) -> Column:
    import pyarrow as arrow

    kind = column.type  # type: ignore[attr-defined]  # pyarrow carries no types
    if arrow.types.is_integer(kind) or arrow.types.is_floating(kind) or arrow.types.is_boolean(kind):
        values = column.cast(arrow.float64()) if not arrow.types.is_boolean(kind) else column.cast(arrow.int8())  # type: ignore[attr-defined]
        return np.asarray(values.to_numpy(), dtype=np.float64)
    return ["" if value is None else str(value) for value in column.to_pylist()]  # type: ignore[attr-defined]


def features_of(
    table: Mapping[str, Column], columns: Sequence[str], source: named.Source, path: Path,
    known: Sequence[str] | None = None,
) -> Features:  # fmt: skip
    """The inputs that columns come to. `known` are the features of a run, which new names must be among.

    A column of categories is one feature `column=name` for each name, 1 where the row has it.
    """
    parts: list[Floats] = []
    names: list[str] = []
    missing: dict[str, int] = {}
    gaps = getattr(source, "missing", "refuse") != "refuse"
    for name in columns:
        column = asked(table, name, path, "features")
        if name in getattr(source, "categories", ()):
            values, made = _categories(_texts(column), name, path, gaps=gaps, known=known)
        else:
            values, made = files.numbers(column, name, path, gaps=gaps)[:, None], [name]
        if count := int(np.isnan(values).any(1).sum()):
            missing[name] = count
        parts, names = [*parts, values], [*names, *made]
    if not parts:
        raise RunError(f"`{path}` has no columns beside the target")
    return Features(np.concatenate(parts, axis=1), tuple(names), missing)


def _categories(
    texts: Sequence[str], column: str, path: Path, *, gaps: bool, known: Sequence[str] | None
) -> tuple[Floats, list[str]]:
    lacking = np.array([files.is_missing(text) for text in texts])
    if lacking.any() and not gaps:
        row = int(np.flatnonzero(lacking)[0]) + 1
        hint = "say what is done: `missing=drop` leaves the rows out"
        raise RunError(f"column `{column}` of `{path}` has no value in row {row}", hint)
    found = sorted({text for text, gap in zip(texts, lacking, strict=True) if not gap})
    if known is not None:
        start = f"{column}="
        names = [name.removeprefix(start) for name in known if name.startswith(start)]
        if new := [name for name in found if name not in names]:
            listed = ", ".join(f"`{name}`" for name in names)
            raise RunError(f"column `{column}` of `{path}` holds `{new[0]}`", f"training knew {listed}")
        found = names
    values = np.array([[float(text == name) for name in found] for text in texts]).reshape(len(texts), len(found))
    values[lacking] = np.nan
    return values, [f"{column}={name}" for name in found]


def _rows_kept(
    features: Features, targets: Mapping[str, Column], source: Table, path: Path
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The rows that are samples, and what is said of the others and of what is filled in."""
    if source.missing == "refuse":
        return np.arange(len(features.values)), ()
    left, said = np.zeros(len(features.values), dtype=bool), dict(features.missing)
    for name, target in targets.items():
        texts = isinstance(target, list)
        unlabelled = np.array([files.is_missing(text) for text in target]) if texts else np.isnan(target)
        left |= unlabelled
        if unlabelled.any():
            said[name] = int(unlabelled.sum())
    if source.missing == "drop":
        left |= np.isnan(features.values).any(axis=1)
    kept = np.flatnonzero(~left)
    if not len(kept):
        raise RunError(f"no row of `{path}` has all its values", "take `missing=mean`, or fewer `features`")
    notes = []
    listed = ", ".join(f"{count:,} in `{name}`" for name, count in said.items())
    if left.any():
        rows = f"{int(left.sum()):,} of {len(left):,} rows of `{path.name}`"
        notes.append(f"{rows} are left out, since values are missing: {listed}")
    elif said:
        notes.append(f"values are missing in `{path.name}`: {listed}; the mean of `train` stands in for each")
    if source.missing == "mean" and left.any() and features.missing:
        notes.append("the mean of `train` stands in for the values that other rows lack")
    return kept, tuple(notes)


def _texts(column: Column) -> list[str]:
    """A column as names; whole numbers without a point."""
    if isinstance(column, list):
        return column
    return ["" if value != value else f"{value:g}" if value % 1 else str(int(value)) for value in column.tolist()]

"""Splits with roles: `train` may be fitted, `val` may choose, `test` is read once, for the report."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan, Split
from dlspec.plan.reading import listed
from dlspec.record import Record
from dlspec.training.class_maps import is_map
from dlspec.training.errors import RunError
from dlspec.training.maps import Maps
from dlspec.training.objective import count_classes
from dlspec.training.samples import Dataset, Samples

Rows = NDArray[np.int64]


class HeldOut:
    """The test samples, which only the one who writes the report may read; every reading is counted."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self.reads = 0

    def __len__(self) -> int:
        return len(self._samples)

    def read(self) -> Samples:
        """The samples, and one more to the count that the report shows."""
        self.reads += 1
        return self._samples


class Splits(Record):
    """The samples by role, and the rows of the data set that each holds."""

    train: Samples
    val: Samples
    test: HeldOut
    rows: dict[str, Tensor]


def split(dataset: Dataset, plan: ResolvedPlan) -> Splits:
    """The source's own split or the plan's, by which balanced losses are weighed; RunError for too few samples."""
    strata = dataset.samples.targets if plan.data.stratify else None
    targets = strata if isinstance(strata, Tensor) and plan.task != "numbers" and not is_map(strata) else None
    rows = dataset.rows or _rows(dataset, targets, plan.data.split)
    train, val, test = (dataset.samples.at(rows[role]) for role in ("train", "val", "test"))
    if plan.task != "objects":
        count_classes(plan, train.targets if isinstance(train.targets, Maps) else train.truth)
    return Splits(train, val, HeldOut(test), rows)


def _rows(dataset: Dataset, labels: Tensor | None, shares: Split) -> dict[str, Tensor]:
    """The rows of each role: those with files of their own, and the others by their shares."""
    count = len(dataset.samples) - sum(len(rows) for rows in dataset.held.values())
    labels = None if labels is None else labels[:count]
    groups = None if dataset.groups is None else dataset.groups[:count]
    return split_rows(count, labels, shares, groups) | dataset.held


def split_rows(count: int, labels: Tensor | None, shares: Split, groups: Tensor | None = None) -> dict[str, Tensor]:
    """Rows by role: what is not trained on is split off first, then shared between `val` and `test`.

    With folds `test` is split off alone, and the rest falls into folds, one of which is `val`. Samples of one group
    go the same way, so that shares are shares of groups.

    Both cuts are scikit-learn's `train_test_split` with the split's seed, so that a seed means
    here what it means there.
    """
    cut = _Cut(labels, groups, shares.seed)
    everything = np.arange(count)
    held = round(shares.val + shares.test, 12)
    try:
        if shares.folds is not None:
            rest, test = cut(everything, shares.test) if shares.test > 0 else (everything, everything[:0])
            train, val = cut.folds(rest, shares.folds)[shares.fold or 0]
        elif held == 0:
            train, val, test = everything, everything[:0], everything[:0]
        else:
            train, rest = cut(everything, held)
            if shares.val > 0 and shares.test > 0:
                val, test = cut(rest, shares.test / held)
            else:
                val, test = (rest, rest[:0]) if shares.test == 0 else (rest[:0], rest)
    except ValueError as error:
        raise _refused(count, labels, groups, shares, str(error).split(".")[0]) from None
    return {role: torch.from_numpy(rows) for role, rows in (("train", train), ("val", val), ("test", test))}


def _refused(count: int, labels: Tensor | None, groups: Tensor | None, shares: Split, reason: str) -> RunError:
    """Why samples cannot be shared out so, in words of the data."""
    what = f"{count} samples" if groups is None else f"{int(groups.max()) + 1} groups"
    if shares.folds is not None:
        return _told(f"{what} do not fall into {shares.folds} folds: {reason}", "take fewer folds", shares)
    if groups is None and labels is not None:
        numbers, sizes = labels.unique(return_counts=True)
        least = f"class {int(numbers[sizes.argmin()])} has {int(sizes.min())}"
        message = f"{what} of {len(numbers)} classes are too few for each part to have its share of each: {least}"
        return _told(message, "give more samples, or leave classes to chance: `stratify = false` in `data`", shares)
    parts = listed([f"`{role}`" for role in ("train", "val", "test") if getattr(shares, role) > 0])
    return _told(f"{what} are too few for {parts}", "give more, or take larger shares", shares)


def _told(message: str, hint: str, shares: Split) -> RunError:
    error = RunError(message, hint, code="E0705")
    error.span, error.says = shares.span, "says how they are shared out"
    return error


class _Cut(Record):
    """scikit-learn's ways to cut rows in two, or into folds."""

    labels: Tensor | None
    groups: Tensor | None
    seed: int

    def __call__(self, rows: Rows, share: float) -> tuple[Rows, Rows]:
        """What stays, and the share that is cut off."""
        from sklearn.model_selection import GroupShuffleSplit, train_test_split

        if self.groups is not None:
            cut = GroupShuffleSplit(1, test_size=share, random_state=self.seed)
            stays, off = next(cut.split(rows, groups=self.groups[rows].numpy()))
            return rows[stays], rows[off]
        strata = None if self.labels is None else self.labels[rows].numpy()
        stays, off = train_test_split(rows, test_size=share, stratify=strata, random_state=self.seed)
        return stays, off

    def folds(self, rows: Rows, count: int) -> list[tuple[Rows, Rows]]:
        """Each fold's `train` and `val`."""
        from sklearn import model_selection as ways

        together = None if self.groups is None else self.groups[rows].numpy()
        strata = None if self.labels is None else self.labels[rows].numpy()
        kind = {
            (False, False): ways.KFold, (True, False): ways.StratifiedKFold,
            (False, True): ways.GroupKFold, (True, True): ways.StratifiedGroupKFold,
        }[strata is not None, together is not None]  # fmt: skip
        folds = kind(count, shuffle=True, random_state=self.seed)
        return [(rows[train], rows[val]) for train, val in folds.split(rows, strata, together)]

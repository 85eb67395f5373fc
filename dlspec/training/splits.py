"""Splits with roles: `train` may be fitted, `val` may choose, `test` is read once, for the report."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan, Split
from dlspec.record import Record
from dlspec.training.errors import RunError
from dlspec.training.objective import count_classes
from dlspec.training.samples import Dataset, Samples


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
    targets = strata if isinstance(strata, Tensor) and plan.task != "numbers" else None
    rows = dataset.rows or split_rows(len(dataset.samples), targets, plan.data.split)
    train, val, test = (dataset.samples.at(rows[role]) for role in ("train", "val", "test"))
    if plan.task != "objects":
        count_classes(plan, train.truth)
    return Splits(train, val, HeldOut(test), rows)


def split_rows(count: int, labels: Tensor | None, shares: Split) -> dict[str, Tensor]:
    """Rows by role: what is not trained on is split off first, then shared between `val` and `test`.

    With folds `test` is split off alone, and the rest falls into folds, one of which is `val`.

    Both cuts are scikit-learn's `train_test_split` with the split's seed, so that a seed means
    here what it means there.
    """
    from sklearn.model_selection import train_test_split

    if shares.folds is not None:
        return _folded_rows(count, labels, shares)
    everything = torch.arange(count).numpy()
    held = round(shares.val + shares.test, 12)
    if held == 0:
        none = torch.arange(0)
        return {"train": torch.arange(count), "val": none, "test": none}
    strata = None if labels is None else labels.numpy()
    try:
        train, rest = train_test_split(everything, test_size=held, stratify=strata, random_state=shares.seed)
        if shares.val == 0 or shares.test == 0:
            val, test = (rest, rest[:0]) if shares.test == 0 else (rest[:0], rest)
        else:
            strata = None if strata is None else strata[rest]
            half = shares.test / held
            val, test = train_test_split(rest, test_size=half, stratify=strata, random_state=shares.seed)
    except ValueError as error:
        reason = str(error).split(".")[0]
        raise RunError(
            f"{count} samples cannot be split so: {reason}", "give more samples or `stratify = false`"
        ) from None
    return {role: torch.from_numpy(rows) for role, rows in (("train", train), ("val", val), ("test", test))}


def _folded_rows(count: int, labels: Tensor | None, shares: Split) -> dict[str, Tensor]:
    """scikit-learn's `(Stratified)KFold` with the split's seed, on what `train_test_split` leaves beside `test`."""
    from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

    rest, test = torch.arange(count).numpy(), torch.arange(0).numpy()
    strata = None if labels is None else labels.numpy()
    kind = KFold if strata is None else StratifiedKFold
    try:
        if shares.test > 0:
            rest, test = train_test_split(rest, test_size=shares.test, stratify=strata, random_state=shares.seed)
        folds = kind(shares.folds, shuffle=True, random_state=shares.seed)
        train, val = list(folds.split(rest, None if strata is None else strata[rest]))[shares.fold or 0]
    except ValueError as error:
        reason = str(error).split(".")[0]
        raise RunError(f"{count} samples do not fall into {shares.folds} folds: {reason}", "take fewer folds") from None
    return {role: torch.from_numpy(rows) for role, rows in (("train", rest[train]), ("val", rest[val]), ("test", test))}

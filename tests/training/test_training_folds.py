"""Cross-validation: every sample is judged once, by scikit-learn's folds; test is left alone."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, stdev

import pytest
import torch
from sklearn.model_selection import StratifiedKFold

import dlspec
from dlspec.plan.keys import Split
from dlspec.training.splits import split_rows
from tests.plan.plans import DIGITS, only, problems_of

torch.set_num_threads(1)

SPEC = """
network net {
  input image: float32[N, 1, 8, 8]
  output logits = image -> flatten -> fc1: linear(8) -> relu -> fc2: linear(10)
}
plan p {
  data { source = digits  split { folds = 3  test = 0.4 } }, device = cpu
  loss = cross_entropy, optimizer = sgd(lr=0.2), epochs = 2
}
"""


def test_each_sample_beside_test_is_val_once() -> None:
    labels = torch.arange(100) % 4
    splits = [split_rows(100, labels, Split(test=0.2, folds=5, fold=fold)) for fold in range(5)]
    assert len({tuple(one["test"].tolist()) for one in splits}) == 1
    judged = torch.cat([one["val"] for one in splits])
    assert sorted([*judged.tolist(), *splits[0]["test"].tolist()]) == list(range(100))
    for one in splits:
        assert not set(one["train"].tolist()) & {*one["val"].tolist(), *one["test"].tolist()}


def test_folds_are_scikit_learns_where_nothing_is_held_out() -> None:
    labels = torch.arange(60) % 3
    theirs = list(StratifiedKFold(4, shuffle=True, random_state=7).split(labels, labels))
    for fold, (train, val) in enumerate(theirs):
        ours = split_rows(60, labels, Split(test=0, folds=4, fold=fold, seed=7))
        assert (ours["train"].tolist(), ours["val"].tolist()) == (train.tolist(), val.tolist())


def test_mean_and_spread_are_reported_and_test_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "s.dls").write_text(SPEC)
    report = dlspec.train(tmp_path / "s.dls", out=tmp_path / "run", quiet=True)
    data = json.loads((tmp_path / "run" / "report.json").read_text())
    folds = [json.loads((tmp_path / f"run/fold-{number}/report.json").read_text()) for number in range(3)]
    scores = [fold["val"]["accuracy"] for fold in folds]
    assert data["val"]["accuracy"] == pytest.approx(mean(scores))
    assert data["val_spread"]["accuracy"] == pytest.approx(stdev(scores))
    assert [fold["test_reads"] for fold in folds] == [0, 0, 0]
    assert report.val == data["val"]
    assert f"{mean(scores):.4f} ± {stdev(scores):.4f}" in str(report)


def test_the_spec_of_a_fold_trains_that_fold_again(tmp_path: Path) -> None:
    (tmp_path / "s.dls").write_text(SPEC)
    dlspec.train(tmp_path / "s.dls", out=tmp_path / "run", quiet=True)
    spec = tmp_path / "run" / "fold-1" / "spec.dlspec.yaml"
    assert list(dlspec.check(spec)) == []
    again = dlspec.train(spec, out=tmp_path / "again", quiet=True)
    first = json.loads((tmp_path / "run" / "fold-1" / "report.json").read_text())
    assert again.val == first["val"]


@pytest.mark.parametrize(
    ("split", "code", "says"),
    [
        ("folds = 5  train = 0.5", "E0614", "`folds` and `train`"),
        ("folds = 1", "E0614", "whole number from 2"),
        ("fold = 1", "E0608", "there are none"),
        ("folds = 3  fold = 3", "E0202", "no fold 3"),
    ],
)
def test_a_mistake_about_folds_is_told(split: str, code: str, says: str) -> None:
    found = problems_of(None, DIGITS, data=f"{{ source = digits  split {{ {split} }} }}")
    found = [one for one in found if one.code != "E0606"]
    assert only(found).code == code
    assert says in only(found).message

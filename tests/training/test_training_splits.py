"""Splits are scikit-learn's, share nothing, and what is fitted or counted is so on the right one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from dlspec.plan.keys import Split
from dlspec.training.data import load
from dlspec.training.errors import RunError
from dlspec.training.fitted import Fitted
from dlspec.training.samples import Samples
from dlspec.training.splits import HeldOut, split, split_rows
from tests.training.runs import DIABETES, plan_of


@pytest.mark.parametrize("seed", [0, 3])
def test_a_split_of_digits_is_that_of_two_calls_of_train_test_split(seed: int) -> None:
    images, labels = load_digits(return_X_y=True)
    plan = plan_of(data=f"{{ source = digits split {{ train = 0.7 val = 0.15 test = 0.15 seed = {seed} }} }}")
    shares = split(load(plan), plan)
    train, rest, _, rest_labels = train_test_split(images, labels, test_size=0.3, stratify=labels, random_state=seed)
    val, test = train_test_split(rest, test_size=0.5, stratify=rest_labels, random_state=seed)
    for ours, theirs in ((shares.train, train), (shares.val, val), (shares.test.read(), test)):
        assert torch.equal(ours.inputs.flatten(1), torch.from_numpy(theirs / 16).float())


@given(st.integers(20, 200), st.integers(0, 8), st.integers(0, 8), st.integers(0, 2**31))
def test_splits_share_no_sample_and_leave_none_out(count: int, val: int, test: int, seed: int) -> None:
    shares = Split(train=1 - (val + test) / 20, val=val / 20, test=test / 20, seed=seed)
    rows = split_rows(count, None, shares)
    assert torch.cat(list(rows.values())).sort().values.tolist() == list(range(count))
    for role in ("train", "val", "test"):
        assert abs(len(rows[role]) - count * getattr(shares, role)) <= 2


def test_strata_keep_the_shares_of_classes() -> None:
    labels = torch.tensor([0] * 100 + [1] * 20)
    rows = split_rows(120, labels, Split(train=0.5, val=0.25, test=0.25))
    assert [int(labels[rows[role]].sum()) for role in ("train", "val", "test")] == [10, 5, 5]


def test_a_class_of_one_sample_cannot_be_stratified() -> None:
    with pytest.raises(RunError, match=r"30 samples of 2 classes are too few for each part .*: class 1 has 1"):
        split_rows(30, torch.tensor([0] * 29 + [1]), Split())


@given(count=st.integers(6, 40), seed=st.integers(0, 99), folds=st.booleans())
def test_samples_of_one_group_go_the_same_way(count: int, seed: int, folds: bool) -> None:
    groups = torch.arange(4 * count) % count
    shares = Split(train=0.5, val=0.25, test=0.25, seed=seed) if not folds else Split(test=0.2, folds=3, seed=seed)
    rows = split_rows(4 * count, None, shares, groups)
    held = [set(groups[one].tolist()) for one in rows.values()]
    assert sum(len(one) for one in held) == len(set.union(*held)) == count
    assert sum(len(one) for one in rows.values()) == 4 * count


def test_folds_keep_groups_together_and_the_shares_of_classes() -> None:
    labels, groups = torch.arange(60) % 3, torch.arange(60) // 6
    rows = split_rows(60, labels, Split(test=0, folds=5), groups)
    assert labels[rows["val"]].bincount().tolist() == [4, 4, 4]
    assert not set(groups[rows["val"]].tolist()) & set(groups[rows["train"]].tolist())


def test_every_reading_of_the_test_split_is_counted() -> None:
    held_out = HeldOut(Samples(torch.zeros(3, 1), torch.zeros(3)))
    assert (len(held_out), held_out.reads) == (3, 0)
    held_out.read()
    assert held_out.reads == 1


def test_scales_are_fitted_to_train_alone_and_undone() -> None:
    plan = plan_of(DIABETES)
    dataset = load(plan)
    train = split(dataset, plan).train
    fitted = Fitted.to_train(train, plan)
    scaler = StandardScaler().fit(train.inputs.double().numpy())
    expected = torch.from_numpy(scaler.transform(dataset.samples.inputs.double().numpy())).float()
    assert torch.allclose(fitted.prepared(dataset.samples.inputs), expected, atol=1e-5)
    prepared = fitted.applied(train)
    assert prepared.targets.mean().item() == pytest.approx(0, abs=1e-5)
    assert torch.allclose(fitted.in_units(prepared.targets), train.targets, atol=1e-3)
    again = Fitted.from_data(fitted.as_data())
    assert torch.equal(again.prepared(train.inputs), fitted.prepared(train.inputs))


def test_images_are_normalized_by_channel_and_a_constant_feature_is_left_alone() -> None:
    plan = plan_of(data="{ source = digits normalize = true split { train = 0.1 val = 0.1 test = 0.8 } }")
    train = split(load(plan), plan).train
    prepared = Fitted.to_train(train, plan).prepared(train.inputs)
    assert prepared.mean().item() == pytest.approx(0, abs=1e-5)
    assert prepared.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    standardized = plan_of(data="{ source = digits standardize { inputs = true } }")
    assert Fitted.to_train(train, standardized).prepared(train.inputs).isfinite().all()

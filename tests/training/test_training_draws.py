"""Random numbers are a function of (seed, epoch, sample), and behave as random numbers do."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dlspec.training.draws import normal, permutation, uniform

SEEDS = st.integers(0, 2**63 - 1)


@given(SEEDS, st.integers(0, 10**6), st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_a_samples_numbers_do_not_depend_on_its_batch(seed: int, epoch: int, samples: list[int]) -> None:
    together = uniform(seed, epoch, torch.tensor(samples), 5)
    assert together.min() >= 0
    assert together.max() < 1
    for row, sample in enumerate(samples):
        assert torch.equal(together[row], uniform(seed, epoch, torch.tensor([sample]), 5)[0])


@given(SEEDS, st.integers(0, 1000), st.integers(1, 300))
def test_an_epoch_goes_through_every_sample_once(seed: int, epoch: int, count: int) -> None:
    assert permutation(seed, epoch, count).sort().values.tolist() == list(range(count))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = [tuple(permutation(seed, epoch, 50).tolist()) for seed in range(5) for epoch in range(5)]
    assert len(set(orders)) == 25


def test_the_numbers_are_uniform_and_uncorrelated() -> None:
    drawn = uniform(0, 3, torch.arange(20_000), 4)
    for place in range(4):
        assert stats.kstest(drawn[:, place].numpy(), "uniform").pvalue > 1e-3
    later = uniform(0, 4, torch.arange(20_000), 4)
    assert abs(torch.corrcoef(torch.cat([drawn, later], 1).T).triu(1)).max() < 0.03


def test_normal_numbers_are_normal() -> None:
    drawn = normal(1, 0, torch.arange(20_000), 2)
    assert drawn.isfinite().all()
    assert stats.kstest(drawn[:, 0].numpy(), "norm").pvalue > 1e-3

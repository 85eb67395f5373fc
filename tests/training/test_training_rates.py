"""Learning rates are those of torch's schedulers, computed from the step instead of remembered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.optim import lr_scheduler as theirs

from dlspec.training.optimization import Rate, build_optimizer
from tests.training.runs import plan_of

EPOCHS, PER_EPOCH = 12, 5
TOTAL = EPOCHS * PER_EPOCH
Scheduler = Callable[[torch.optim.Optimizer], theirs.LRScheduler]


def rate_of(schedule: str, optimizer: str = "sgd(lr=0.2, momentum=0.9)") -> Rate:
    plan = plan_of(schedule=schedule, optimizer=optimizer, epochs=str(EPOCHS))
    return Rate(plan, PER_EPOCH, TOTAL)


def stepped(
    make: Scheduler, *, per_step: bool, optimizer: torch.optim.Optimizer | None = None
) -> list[tuple[float, float]]:
    """Rate and momentum of every step under torch's scheduler."""
    optimizer = optimizer or torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2, momentum=0.9)
    scheduler, seen = make(optimizer), []
    for step in range(TOTAL):
        group = optimizer.param_groups[0]
        seen.append((group["lr"], group["betas"][0] if "betas" in group else group["momentum"]))
        optimizer.step()
        if per_step or (step + 1) % PER_EPOCH == 0:
            scheduler.step()
    return seen


@pytest.mark.parametrize(
    ("schedule", "scheduler", "per_step"),
    [
        ("constant", lambda o: theirs.ConstantLR(o, factor=1.0), True),
        ("step(3, 0.5)", lambda o: theirs.StepLR(o, 3, 0.5), False),
        ("multi_step([2, 7], 0.3)", lambda o: theirs.MultiStepLR(o, [2, 7], 0.3), False),
        ("exponential(0.9)", lambda o: theirs.ExponentialLR(o, 0.9), False),
        ("step(7, 0.5, counts=steps)", lambda o: theirs.StepLR(o, 7, 0.5), True),
        ("multi_step([9, 31], 0.3, counts=steps)", lambda o: theirs.MultiStepLR(o, [9, 31], 0.3), True),
        ("exponential(0.99, counts=steps)", lambda o: theirs.ExponentialLR(o, 0.99), True),
        ("cosine(eta_min=0.01)", lambda o: theirs.CosineAnnealingLR(o, TOTAL, eta_min=0.01), True),
        ("linear(0.5, 0.1)", lambda o: theirs.LinearLR(o, 0.5, 0.1, TOTAL), True),
        ("polynomial(2)", lambda o: theirs.PolynomialLR(o, TOTAL, 2), True),
        ("one_cycle", lambda o: theirs.OneCycleLR(o, 0.2, TOTAL), True),
        (
            "one_cycle(0.5, 0.4, linear)",
            lambda o: theirs.OneCycleLR(o, 0.5, TOTAL, pct_start=0.4, anneal_strategy="linear"),
            True,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rates_are_those_of_torchs_scheduler(schedule: str, scheduler: Scheduler, per_step: bool) -> None:
    rate = rate_of(schedule)
    expected = stepped(scheduler, per_step=per_step)
    assert [rate.at(step) for step in range(TOTAL)] == pytest.approx([lr for lr, _ in expected], rel=1e-6)
    moved = [rate.momentum_at(step) for step in range(TOTAL)]
    if schedule.startswith("one_cycle"):
        assert moved == pytest.approx([momentum for _, momentum in expected], rel=1e-6)
    else:
        assert set(moved) == {None}


def test_one_cycle_moves_adams_first_beta() -> None:
    weights = torch.zeros(1, requires_grad=True)
    rate = rate_of("one_cycle", "adamw(lr=0.01)")
    ours = torch.optim.AdamW([weights], lr=0.01)
    expected = stepped(
        lambda o: theirs.OneCycleLR(o, 0.01, TOTAL),
        per_step=True,
        optimizer=torch.optim.AdamW([weights], lr=0.01),
    )
    for step in range(TOTAL):
        rate.set(ours, step)
        group = ours.param_groups[0]
        assert (group["lr"], group["betas"][0]) == pytest.approx(expected[step], rel=1e-6)


def test_plateau_falls_where_torchs_does() -> None:
    losses = [1.0, 0.8, 0.8, 0.79999, 0.8, 0.8, 0.8, 0.5, 0.6, 0.6, 0.6, 0.6]
    rate = rate_of("plateau(by=train.loss, factor=0.5, patience=2, min_lr=0.03)")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
    scheduler = theirs.ReduceLROnPlateau(optimizer, factor=0.5, patience=2, min_lr=0.03)
    for loss in losses:
        assert rate.at(0) == pytest.approx(optimizer.param_groups[0]["lr"])
        rate.watch({"train.loss": loss})
        scheduler.step(loss)


def test_a_warm_up_rises_in_a_line_and_leaves_the_rest_to_the_schedule() -> None:
    rate = rate_of("cosine(warmup_epochs=2)")
    rising = [rate.at(step) for step in range(10)]
    assert rising == pytest.approx([0.2 * (step + 1) / 11 for step in range(10)])
    assert rate.at(10) == pytest.approx(0.2)
    assert rate.at(TOTAL - 1) < 0.001


@pytest.mark.parametrize(
    "optimizer", ["sgd", "adam", "adamw", "nadam", "radam", "adamax", "rmsprop", "adagrad", "adadelta"]
)
def test_every_optimizer_is_built_and_steps(optimizer: str) -> None:
    module = torch.nn.Linear(3, 1)
    built = build_optimizer(plan_of(optimizer=f"{optimizer}(lr=0.1)"), module)
    before = module.weight.detach().clone()
    module(torch.ones(2, 3)).sum().backward()
    built.step()
    assert not torch.equal(before, module.weight)

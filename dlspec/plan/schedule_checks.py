"""A schedule against the length of the run: turns that never come, and rates that are gone long before the end."""

from __future__ import annotations

from math import ceil, log

from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.plan.keys import ResolvedPlan, known_source
from dlspec.plan.schedules import Exponential, MultiStep, Schedule, Step
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.plan.network_facts import NetworkFacts
    from dlspec.source import Span

GONE = 1e-6
"""The share of the first learning rate below which steps change next to nothing."""
WASTED = 0.1
"""The share of a run that may pass so."""


def check_schedule(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """W0702, where the schedule is longer or shorter than the run."""
    schedule, epochs = plan.schedule, _epochs(plan)
    yield from _steps_of_warmup(plan)
    if epochs is None:
        return
    end = _end(plan)
    if schedule.warmup_epochs >= epochs:
        message = f"the warm-up takes {schedule.warmup_epochs:g} epochs"
        yield _never_comes(message, schedule, "warmup_epochs", "never ends", end)
    unit, length = "epoch", epochs
    if getattr(schedule, "counts", "") == "steps":
        unit, each = "step", _steps_of_epoch(plan)
        if plan.steps is None and each is None:
            return
        length = plan.steps or epochs * (each or 1)
    beyond = [turn for turn in _turns(schedule) if turn >= length]
    if beyond:
        field = "milestones" if isinstance(schedule, MultiStep) else "step_size"
        message = f"the learning rate would fall after {unit} {beyond[0]:,}"
        yield _never_comes(message, schedule, field, f"lies beyond the last {unit}", end)
    gone = _gone_after(schedule)
    if gone is not None and length - gone > WASTED * length:
        yield _too_short(schedule, gone, length, end, unit)


def _epochs(plan: ResolvedPlan) -> float | None:
    """How many epochs the run has, from its steps too where the number of samples is known."""
    if plan.epochs is not None or plan.steps is None:
        return plan.epochs
    each = _steps_of_epoch(plan)
    return None if each is None else plan.steps / each


def _steps_of_epoch(plan: ResolvedPlan) -> int | None:
    """Batches in an epoch, where the source says how many samples it has."""
    if plan.batch_size == "full":
        return 1
    count = train_count(plan)
    if count is None:
        return None
    length = min(plan.batch_size, count)
    joins_last = length > 1 and count > length and count % length == 1
    return ceil(count / length) - joins_last


def train_count(plan: ResolvedPlan) -> int | None:
    """Samples that are trained on, where the source says how many it has."""
    source = known_source(plan)
    if source is None or source.samples is None or getattr(source, "classes", None) is not None:
        return None
    split = plan.data.split
    return source.samples - ceil(round(split.val + split.test, 12) * source.samples) or None


def _steps_of_warmup(plan: ResolvedPlan) -> Iterator[Diagnostic]:
    schedule, each = plan.schedule, _steps_of_epoch(plan)
    total = plan.steps
    if total is None and plan.epochs is not None and each is not None:
        total = plan.epochs * each
    if schedule.warmup_steps and total is not None and schedule.warmup_steps >= total:
        end = [(span, f"the run ends after {total:,} steps") for span, _ in _end(plan)]
        message = f"the warm-up takes {schedule.warmup_steps:,} steps"
        yield _never_comes(message, schedule, "warmup_steps", "never ends", end)


def _end(plan: ResolvedPlan) -> list[tuple[Span, str]]:
    field = "epochs" if plan.epochs is not None else "steps"
    span = plan.at(field)
    return [] if span is None else [(span, f"the run ends after {getattr(plan, field)} {field}")]


def _turns(schedule: Schedule) -> tuple[int, ...]:
    """Epochs after which the schedule says that the rate falls; the first of them where they repeat."""
    match schedule:
        case MultiStep():
            return tuple(schedule.milestones or ())
        case Step():
            return (schedule.step_size,)
    return ()


def _gone_after(schedule: Schedule) -> int | None:
    """The epoch after which the rate is a millionth of the first; None where it never is."""
    match schedule:
        case Step() if schedule.gamma < 1:
            return schedule.step_size * ceil(round(log(GONE) / log(schedule.gamma), 9))
        case Exponential() if schedule.gamma < 1:
            return ceil(round(log(GONE) / log(schedule.gamma), 9))
        case MultiStep() if schedule.gamma < 1:
            falls = ceil(round(log(GONE) / log(schedule.gamma), 9))
            turns = sorted(schedule.milestones or ())
            return turns[falls - 1] if len(turns) >= falls else None
    return None


def _never_comes(message: str, schedule: Schedule, field: str, label: str, also: list[tuple[Span, str]]) -> Diagnostic:
    return problem("W0702", f"{message}, which never comes", schedule.at(field), label, also=also)


def _too_short(schedule: Schedule, gone: int, length: float, also: list[tuple[Span, str]], unit: str) -> Diagnostic:
    return problem(
        "W0702", f"the learning rate is gone after {unit} {gone:,}", schedule.at("gamma"),
        "is a millionth of the first by then", also=also,
        notes=[f"the last {length - gone:g} of {length:g} {unit}s change next to nothing"],
        fixes=[Fix("end the run then, or let the rate fall more slowly")],
    )  # fmt: skip

"""What can be asked of a plan: how many steps it takes."""

from __future__ import annotations

from math import ceil

from dlspec.plan.schedule_checks import train_count
from dlspec.quiz.hints import OF_KIND
from dlspec.quiz.questions import Question
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.plan.keys import ResolvedPlan


def plan_questions(name: str, plan: ResolvedPlan) -> list[Question]:
    """The steps of a training; nothing where the plan says them, or the source does not say how many samples it has."""
    count = train_count(plan)
    if count is None or plan.epochs is None:
        return []
    size = count if plan.batch_size == "full" else min(plan.batch_size, count)
    each = ceil(count / size)
    each -= size > 1 and count > size and count % size == 1
    total, whole = each * plan.epochs, plan.data.source.samples or count
    slips = [
        ((each,), f"that is one epoch; there are {plan.epochs}"),
        ((plan.epochs,), "an epoch is a pass over the training split, a step is one batch of it"),
        ((count * plan.epochs,), "those are samples; a step takes a batch of them"),
        ((count // size * plan.epochs,), "the last batch of an epoch is shorter, and a step all the same: round up"),
        ((ceil(whole / size) * plan.epochs,), "validation and test samples are not trained on"),
    ]
    split = plan.data.split
    held = "" if count == whole else f" = {whole:,} − ⌈{round(split.val + split.test, 12):g}·{whole:,}⌉"
    lines = (
        f"training samples: {count:,}{held}",
        f"steps of an epoch: ⌈{count:,}/{size:,}⌉ = {each:,}",
        f"{plan.epochs:,} epochs: {plan.epochs:,}·{each:,} = {total:,}",
    )
    batch = "all samples at once" if plan.batch_size == "full" else f"batches of {plan.batch_size}"
    source = plan.data.source.name
    about = f"the plan {name}: {plan.epochs:,} epochs of {source}, {batch}, train = {split.train:g}"
    known = tuple((value, words) for value, words in slips if value != (total,))
    return [Question("steps", "", "steps", about, "", (total,), known, lines, OF_KIND["steps"])]

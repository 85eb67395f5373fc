"""What can be known to be wrong with a plan before the first batch, each check a function.

A check yields problems, looks only at what was read, and is silent about what was not. `CHECKS`
lists them in the order of a plan's keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.plan.augmentations import Augmentation
from dlspec.plan.class_maps import check_class_maps
from dlspec.plan.fitting import check_classes, check_input, check_numbers, check_outputs, check_reads, check_targets
from dlspec.plan.keys import Data, ResolvedPlan, Split, called, holds, known_source, shares_of_folds
from dlspec.plan.metrics import metrics
from dlspec.plan.network_checks import check_batch, check_field
from dlspec.plan.network_facts import NetworkFacts
from dlspec.plan.optimizers import Sgd
from dlspec.plan.output_losses import check_output_losses
from dlspec.plan.reading import listed, renamed
from dlspec.plan.region_checks import check_proposals, check_stages
from dlspec.plan.scene_sources import SMALLEST_CANVAS
from dlspec.plan.schedule_checks import check_schedule
from dlspec.plan.schedules import Plateau
from dlspec.plan.sources import OPEN, Source
from dlspec.plan.starting import check_groups, check_patterns, check_weights
from dlspec.plan.values import text_of
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.source import Span

Check = Callable[[ResolvedPlan, NetworkFacts | None], Iterator[Diagnostic]]

ROLES = ("train", "val", "test")


def check_network(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    if plan.network is None and network is None:
        message = f"{called(plan)} does not say what it trains"
        fix = Fix("name a network: `network = lenet`", safety="placeholder")
        yield problem("E0608", message, plan.title_span, "needs `network`", fixes=[fix])


def _as_given(split: Split, shares: dict[str, float]) -> bool:
    """Whether a split says what its source says, as the resolved spec of a run does."""
    return all(abs(getattr(split, role) - share) < 1e-9 for role, share in shares.items())


def check_split(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    if plan.known("data") is None:
        return
    split, source = plan.data.split, known_source(plan)
    if source is not None and source.shares is not None and split.spans and not _as_given(split, source.shares):
        message = f"`{source.name}` comes split, and `split` would share it out anew"
        also = [(source.span, "says itself what is train, val and test")] if source.span else []
        yield problem("E0614", message, split.span, "has no say", also=also, fixes=[Fix("leave `split` out")])
        return
    yield from _check_folds(split)
    yield from _check_files(plan.data)
    yield from _check_grouped(plan.data)
    shares = {role: getattr(split, role) for role in ROLES}
    total = sum(shares.values())
    said = " + ".join(text_of(share) for share in shares.values())
    if abs(total - 1) > 1e-6:
        verb = "promises more samples than there are" if total > 1 else "leaves samples out"
        note = f"train, val and test add up to {said} = {total:g}"
        unwritten = [role for role in ROLES if split.spans and role not in split.spans and shares[role] > 0]
        notes = [note] + [
            f"`{role}` is {shares[role]:g} where it is left out; `{role} = 0` is none" for role in unwritten
        ]
        yield problem("E0606", f"the split {verb}", split.span or plan.title_span, said, notes=notes)
    elif shares["train"] == 0:
        yield problem("E0606", "the split leaves nothing to train on", split.at("train"), "is 0")


def _check_files(data: Data) -> Iterator[Diagnostic]:
    """Samples of a role come from files of their own or from the split, and are what those of `source` are."""
    for role in ("val", "test"):
        own: Source | None = getattr(data, role)
        if own is None:
            continue
        if getattr(data.split, role) > 0:
            message = f"`{role}` has files of its own and a share of the split"
            also = [(own.span, "its files")] if own.span else []
            fix = Fix(f"leave `{role}` out of `split`")
            yield problem("E0614", message, data.split.at(role), "a share", also=also, fixes=[fix])
        if None not in (own.shape, data.source.shape) and _apart(own.shape or (), data.source.shape or ()):
            first = " ".join(str(size) for size in data.source.shape or ())
            also = [(data.source.span, f"gives {first}")] if data.source.span else []
            shape = " ".join(str(size) for size in own.shape or ())
            message = f"the samples of `{role}` are not like those of `train`"
            yield problem("E0607", message, own.span, f"gives {shape}", also=also)
    if data.val is not None and data.split.folds is not None:
        also = [(data.val.span, "has files of its own")] if data.val.span else []
        yield problem("E0614", "with `folds` each part is `val` once", data.split.at("folds"), "cut folds", also=also)


def _apart(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether samples differ in an axis; images of scenes may be of several sizes."""
    return shape[:1] != other[:1] if OPEN in (*shape, *other) else shape != other


def _check_grouped(data: Data) -> Iterator[Diagnostic]:
    if data.split.groups is not None and data.source.grouped_by is None:
        able = [name for name, member in Source.members.items() if getattr(member, "grouped_by", None)]
        message = f"`{data.source.name}` does not tell which samples belong together"
        notes = [f"groups are known of {listed(tuple(able))}"]
        yield problem("E0614", message, data.split.at("groups"), "names no column", notes=notes)
    elif data.split.groups is not None and "pattern" in (data.source.grouped_by or ""):
        yield from _check_pattern(data)
    if data.split.groups is not None and data.stratify and "stratify" in (data.spans or {}) and not data.split.folds:
        message = "shares of whole groups cannot keep the shares of classes too"
        also = [(data.split.at("groups"), "keeps groups together")]
        fixes = [Fix("leave `stratify` out, or take `folds`, which can do both")]
        yield problem("E0614", message, data.at("stratify"), "asks for both", also=also, fixes=fixes)  # type: ignore[arg-type]


def _check_pattern(data: Data) -> Iterator[Diagnostic]:
    """A pattern of paths says what of a path names the group."""
    pattern = data.split.groups or ""
    if pattern.count("{group}") != 1:
        message = "a pattern of paths says once where the name of the group stands"
        notes = ["`*/{group}-*` takes `ann` from `cats/ann-12.jpg`, `*/{group}/*` from `cats/ann/12.jpg`"]
        yield problem("E0614", message, data.split.at("groups"), "is without `{group}`", notes=notes)


def _check_folds(split: Split) -> Iterator[Diagnostic]:
    written = split.spans or {}
    if split.folds is None:
        if split.fold is not None:
            message = "`fold` chooses one of the folds, and there are none"
            fix = Fix("say how many there are: `folds = 5`", safety="placeholder")
            yield problem("E0608", message, written["fold"], "needs `folds`", fixes=[fix])
        return
    for role, share in shares_of_folds(split).items():
        if role in written and abs(getattr(split, role) - share) > 1e-6:
            message = f"`folds` and `{role}` both say how samples are shared"
            also = [(written["folds"], f"each of the {split.folds} folds is `val` once")]
            yield problem("E0614", message, written[role], "a share", also=also, fixes=[Fix(f"leave `{role}` out")])
    if split.fold is not None and split.fold >= split.folds:
        message = f"there is no fold {split.fold}"
        yield problem("E0202", message, written.get("fold"), f"the folds are 0 to {split.folds - 1}")


def check_scores(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """Whatever chooses, chooses by a score that exists, on a split that may choose."""
    choosers = _choosers(plan)
    for score, span, _ in choosers:
        yield from _check_score(plan, score, span)
    on_test = [(span, does) for score, span, does in choosers if score.startswith("test.")]
    if on_test:
        yield _test_chooses(plan, on_test)


def _choosers(plan: ResolvedPlan) -> list[tuple[str, Span | None, str]]:
    found: list[tuple[str, Span | None, str]] = []
    if plan.keep.best_by:
        found.append((plan.keep.best_by, plan.keep.at("best_by"), "keeps the checkpoint that scores best on it"))
    if plan.early_stopping is not None and plan.early_stopping.by and "by" in (plan.early_stopping.spans or {}):
        found.append((plan.early_stopping.by, plan.early_stopping.at("by"), "stops by the score on it"))
    if plan.search is not None and plan.search.by and "by" in (plan.search.spans or {}):
        found.append((plan.search.by, plan.search.at("by"), "searches for the best of it"))
    if isinstance(plan.schedule, Plateau):
        found.append((plan.schedule.by, plan.schedule.at("by"), "lowers the learning rate by the score on it"))
    return found


def _check_score(plan: ResolvedPlan, score: str, span: Span | None) -> Iterator[Diagnostic]:
    role, _, metric = score.partition(".")
    if role not in ROLES or not metric:
        fixes = renamed(role, ROLES, span, "split") if span and metric else []
        message = f"`{score}` is not a score"
        notes = ["a score is a split and a metric, such as `val.accuracy`"]
        yield problem("E0106", message, span, "names no split", notes=notes, fixes=fixes)
        return
    known = {"loss": True} | {one.name: one.scalar for one in plan.metrics or ()}
    if metric not in known:
        notes = [f"the plan measures {listed(tuple(known))}"]
        fixes = [Fix(f"measure it: add `{metric}` to `metrics`")]
        yield problem("E0610", f"`{metric}` is not measured", span, "not among the metrics", notes=notes, fixes=fixes)
    elif not known[metric]:
        yield problem("E0604", f"`{metric}` is a table, not one number", span, "cannot be compared")
    elif plan.known("data") is not None and not holds(plan.data, role):
        also = [(plan.data.split.span, f"leaves `{role}` empty")] if plan.data.split.span else []
        message = f"`{score}` cannot choose: the split holds no `{role}`"
        fix = Fix(f"give `{role}` a share of the split, or choose by another score")
        yield problem("E0606", message, span, f"reads `{role}`", also=also, fixes=[fix])


def _test_chooses(plan: ResolvedPlan, on_test: list[tuple[Span | None, str]]) -> Diagnostic:
    """E0620: one message, however many keys choose by the test split."""
    (first, does), *others = on_test
    split = plan.data.split if plan.known("data") is not None else Split()
    also = [(split.spans["test"], "held out as the test split")] if split.spans and "test" in split.spans else []
    also += [(span, does) for span, does in others if span]
    spans = [span for span, _ in on_test if span]
    edits = [Edit(span, span.text.replace("test.", "val.", 1)) for span in spans]
    if split.val > 0 or (plan.known("data") is not None and holds(plan.data, "val")):
        fix = Fix("choose by the validation split", edits)
    else:
        fix = Fix("hold out part of the training split as `val`, and choose by that", edits)
    return problem(
        "E0620",
        "the test split is used to choose what is reported",
        first,
        does,
        also=also,
        notes=["a score that was used to choose no longer estimates how well unseen samples are predicted"],
        fixes=[fix],
    )


def check_metrics(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    seen: dict[str, Span | None] = {}
    for metric in plan.metrics or ():
        if metric.name in seen:
            first = seen[metric.name]
            also = [(first, "first")] if first else []
            yield problem("E0113", f"the metric `{metric.name}` is listed twice", metric.span, "again", also=also)
        seen.setdefault(metric.name, metric.span)
        if plan.loss and plan.task not in metric.tasks:
            yield _metric_misfits(plan, metric.name, metric.span)


_TASK_SAYS = {
    "classes": "predicts classes",
    "two_classes": "tells two classes apart",
    "numbers": "predicts numbers",
    "objects": "finds objects",
}


def _metric_misfits(plan: ResolvedPlan, metric: str, span: Span | None) -> Diagnostic:
    loss, known = plan.loss[0].loss, dict(metrics())
    fitting = tuple(name for name, one in known.items() if plan.task in one.tasks)
    return problem(
        "E0604",
        f"`{metric}` does not fit what the plan trains",
        span,
        f"judges a network that {_TASK_SAYS[known[metric].tasks[0]]}",
        also=[(loss.span, f"trains one that {_TASK_SAYS[plan.task]}")] if loss.span else [],
        notes=[f"with `{loss.name}` there are {listed(fitting)}"],
    )


def check_length(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    written = plan.spans or {}
    if "epochs" in written and "steps" in written:
        message = "`epochs` and `steps` both say how long to train"
        also = [(written["epochs"], "and these are epochs")]
        yield problem(
            "E0614",
            message,
            written["steps"],
            "these are steps",
            also=also,
            fixes=[Fix("leave one of them out")],
        )
    elif "epochs" not in written and "steps" not in written:
        fix = Fix("say how long to train: `epochs = 30`", safety="placeholder")
        message = f"{called(plan)} has no `epochs` and no `steps`"
        yield problem("E0608", message, plan.title_span, "has no end", fixes=[fix])


def check_optimizer(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    optimizer = plan.optimizer
    if plan.known("optimizer") is None:
        return
    if optimizer.whole_batch and plan.batch_size != "full":
        span = plan.at("batch_size")
        edits = [Edit(span, "full")] if span and "batch_size" in (plan.spans or {}) else []
        yield problem(
            "E0614",
            f"`{optimizer.name}` needs the gradient of all samples",
            optimizer.at(""),
            "compares the gradients of successive steps",
            also=[(span, f"each step sees {plan.batch_size} samples")] if edits and span else [],
            fixes=[Fix("take all samples for a step: `batch_size = full`", edits)],
        )
    if isinstance(optimizer, Sgd) and optimizer.nesterov and not (optimizer.momentum > 0 and optimizer.dampening == 0):
        message = "`nesterov` needs a momentum above 0 and no dampening"
        fix = Fix("give `sgd` a momentum: `momentum=0.9`")
        yield problem("E0202", message, optimizer.at("nesterov"), "looks ahead along the momentum", fixes=[fix])


def check_augment(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    source = known_source(plan)
    if source is None:
        return
    for change in plan.augment or ():
        if source.shape is not None and len(source.shape) != 3:
            message = f"`{change.name}` changes images, and `{source.name}` has none"
            also = [(source.span, f"gives {source.shape[0]} features")] if source.span else []
            yield problem("E0607", message, change.span, "wants an image", also=also)
        elif source.upright and change.turns():
            yield problem(
                "W0701",
                f"`{change.name}` makes samples whose label is no longer true",
                change.span,
                change.turns() or "",
                also=[(source.span, "has labels that hold for one way up")] if source.span else [],
                notes=[source.upright],
                fixes=[Fix(f"leave `{change.name}` out")],
            )
        if change.mixes:
            yield from _check_mixing(plan, change)
        low, high = getattr(change, "low", None), getattr(change, "high", None)
        if low is not None and high is not None and low > high:
            message = f"`low` of `{change.name}` lies above `high`"
            yield problem("E0202", message, change.at("low"), f"{low:g} is more than {high:g}")


MIXED_LOSSES = ("cross_entropy", "bce_with_logits", "bce", "mse", "l1", "smooth_l1", "huber")
"""Losses that a target in between has a meaning for."""


def _check_mixing(plan: ResolvedPlan, change: Augmentation) -> Iterator[Diagnostic]:
    """Mixed samples ask for something between two targets, which a loss must be able to judge."""
    for term in plan.loss or ():
        if term.loss.name not in MIXED_LOSSES:
            message = f"`{change.name}` asks for two targets at once, which `{term.loss.name}` cannot judge"
            also = [(term.loss.span, "wants one")] if term.loss.span else []
            notes = [f"targets in between are judged by {listed(MIXED_LOSSES)}"]
            yield problem("E0614", message, change.span, "mixes two samples", also=also, notes=notes)
        elif getattr(term.loss, "ignore_index", None) is not None:
            message = f"`{change.name}` mixes targets, and `{term.loss.name}` leaves some out"
            also = [(where, "leaves a class out")] if (where := term.loss.at("ignore_index")) else []
            yield problem("E0614", message, change.span, "mixes two samples", also=also)
    first = next(one for one in plan.augment if one.mixes)
    if change is not first:
        also = [(first.span, "mixes already")] if first.span else []
        yield problem("E0614", "a sample is mixed twice", change.span, "mixes again", also=also)


def check_data(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """What the keys of `data` ask of the source."""
    data, source = plan.data, known_source(plan)
    if source is None:
        return
    task = source.task or (plan.task if plan.loss else None)
    yield from _check_kept_classes(plan)
    yield from _check_canvas(plan)
    if task == "numbers" and data.stratify and "stratify" in (data.spans or {}):
        message = "`stratify` keeps the shares of classes, and there are none to predict"
        yield problem(
            "E0614", message, data.at("stratify"), "has nothing to go by", fixes=[Fix("leave `stratify` out")]
        )
    if task not in (None, "numbers") and data.standardize.target:
        message = "classes have no mean and no deviation to standardize"
        fix = Fix("standardize the inputs alone: `standardize { inputs = true }`")
        yield problem("E0614", message, data.standardize.at("target"), "the target is a class", fixes=[fix])
    if source.shape is not None and len(source.shape) != 3:
        for key in ("resize", "normalize"):
            if getattr(data, key):
                message = f"`{key}` is for images, and `{source.name}` gives {source.shape[0]} features"
                yield problem("E0607", message, data.at(key), "wants an image")


def _check_canvas(plan: ResolvedPlan) -> Iterator[Diagnostic]:
    """Sides of scenes that are made, and keys that only images of several sizes have a use for."""
    data = plan.data
    low, high = getattr(data.source, "canvas", (SMALLEST_CANVAS, SMALLEST_CANVAS))
    if low > high or low < SMALLEST_CANVAS:
        says = f"{low} is more than {high}" if low > high else f"{low} is less than {SMALLEST_CANVAS}"
        message = f"`canvas` is the shortest and the longest side, from {SMALLEST_CANVAS}"
        yield problem("E0202", message, data.source.at("canvas"), says)
    for key in ("size_divisible", "aspect_ratio_group_factor"):
        if getattr(data, key) == Data._defaults[key]:
            continue
        if not data.source.targets:
            message = f"`{key}` is for images of several sizes, and those of `{data.source.name}` are of one"
            yield problem("E0614", message, data.at(key), "has no use", fixes=[Fix(f"leave `{key}` out")])
        elif data.resize is not None:
            also = [(where, "brings them to one")] if (where := data.at("resize")) else []
            message = f"`{key}` is for images of several sizes"
            yield problem("E0614", message, data.at(key), "has no use", also=also, fixes=[Fix(f"leave `{key}` out")])


def _check_kept_classes(plan: ResolvedPlan) -> Iterator[Diagnostic]:
    source = plan.data.source
    kept = getattr(source, "classes", None)
    if not isinstance(kept, tuple) or not isinstance(next(iter(kept), None), int):
        return
    known = len(type(source)().class_names or ())
    outside = [number for number in kept if number >= known]
    if outside:
        message = f"`{source.name}` has no class {outside[0]}"
        yield problem("E0202", message, source.at("classes"), f"its classes are 0 to {known - 1}")
    elif len(set(kept)) != len(kept) or len(kept) < 2:
        message = "at least two classes, each once, are needed to tell them apart"
        yield problem("E0202", message, source.at("classes"), "are not")


def check_closed_form(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """A regression is compared with what it should reach, a classifier with what least squares would make of it."""
    if plan.closed_form is None or not plan.loss:
        return
    if len(plan.loss) == 1 and plan.loss[0].loss.name in ("mse", "cross_entropy"):
        return
    loss = plan.loss[0].loss
    yield problem(
        "E0614",
        "least squares is compared with `mse` or, towards one-hot scores, with `cross_entropy`",
        plan.at("closed_form"),
        "solves another problem",
        also=[(loss.span, "is minimised")] if loss.span else [],
        fixes=[Fix("minimise one of the two, or leave `closed_form` out")],
    )


def check_limits(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """What the network may cost; loaded where there are limits."""
    if plan.limits is not None and network is not None and network.graph is not None:
        from dlspec.plan.limits import plan_limits

        yield from plan_limits(plan, network.graph)


CHECKS: tuple[Check, ...] = (
    check_network,
    check_data,
    check_weights,
    check_patterns,
    check_split,
    check_input,
    check_proposals,
    check_stages,
    check_augment,
    check_output_losses,
    check_outputs,
    check_targets,
    check_classes,
    check_numbers,
    check_class_maps,
    check_reads,
    check_optimizer,
    check_groups,
    check_schedule,
    check_length,
    check_metrics,
    check_scores,
    check_closed_form,
    check_batch,
    check_field,
    check_limits,
)

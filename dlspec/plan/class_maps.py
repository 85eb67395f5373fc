"""Whether a plan that trains a class for every pixel fits its network: sizes of maps, scores, what is not judged."""

from __future__ import annotations

from collections.abc import Iterator

from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.plan.fitting import catalogued, sample_shape
from dlspec.plan.keys import ResolvedPlan, known_source
from dlspec.plan.losses import Loss
from dlspec.plan.metrics import MeanIou, TopKAccuracy
from dlspec.plan.network_facts import NetworkFacts, TensorFacts
from dlspec.plan.reading import listed
from dlspec.plan.sources import OPEN


def judges_pixels(plan: ResolvedPlan) -> bool:
    """Whether the losses read a class map; False too where only a file says what its targets are."""
    source = known_source(plan)
    return source is not None and source.target_name == "class_map" and bool(catalogued(plan))


def check_class_maps(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """Everything that is asked of a network, of losses and of metrics because the target is a map."""
    yield from _check_metrics(plan)
    if not judges_pixels(plan):
        return
    for loss in catalogued(plan):
        output = network.outputs.get(loss.output or "") if network is not None else None
        if not loss.maps:
            yield _no_map(plan, loss)
        elif network is not None and output is not None and loss.output in network.outputs:
            yield from _check_output(plan, loss, output, network)
        yield from _check_ignored(plan, loss)


def _no_map(plan: ResolvedPlan, loss: Loss) -> Diagnostic:
    source = plan.data.source
    also = [(source.span, "gives a class for every pixel")] if source.span else []
    fix = Fix("use `cross_entropy`, which takes a score a class at every pixel")
    message = f"`{loss.name}` judges no class maps"
    return problem("E0602", message, loss.at(""), "wants one target a sample", also=also, fixes=[fix])


def _check_output(plan: ResolvedPlan, loss: Loss, output: TensorFacts, network: NetworkFacts) -> Iterator[Diagnostic]:
    """As many axes as an image, and its height and width."""
    if len(output.shape) != 4:
        also = [(output.span, f"gives {output}")] if output.span else []
        notes = [] if also else [f"`{loss.output}` is {output}"]
        fixes = [Fix("end with a 1×1 convolution to one channel a class, in place of `flatten` and `linear`")]
        message = f"`{loss.name}` judges every pixel, and `{loss.output}` scores the image as a whole"
        yield problem("E0640", message, loss.at(""), "wants N classes H W", also=also, notes=notes, fixes=fixes)
        return
    sample = sample_shape(plan)
    sizes = _closed(output, network, sample)
    if sample is not None and sizes is not None and sizes != sample[1:]:
        yield _sizes_differ(plan, loss, output, sizes, sample[1:])


def _closed(output: TensorFacts, network: NetworkFacts, sample: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Height and width of a map for a sample; None where they are not known."""
    taken = next(iter(network.inputs.values())).shape[1:]
    if sample is None or OPEN in sample or len(network.inputs) != 1 or len(taken) != len(sample):
        return None
    from dlspec.analyses.typical import number

    known = {str(axis): size for axis, size in zip(taken, sample, strict=True)}
    found = [number(axis, known) if not isinstance(axis, str) else known.get(axis) for axis in output.shape[2:]]  # type: ignore[arg-type]  # open axes are of a room below
    return tuple(size for size in found if size is not None) if None not in found else None


def _sizes_differ(
    plan: ResolvedPlan, loss: Loss, output: TensorFacts, sizes: tuple[int, ...], wanted: tuple[int, ...]
) -> Diagnostic:
    source, (image, *_) = plan.data.source, wanted
    given = " ".join(str(axis) for axis in (*output.shape[:2], *sizes))
    coarse = image > sizes[0]
    notes = [f"there is one score for each {image // sizes[0]}×{image // sizes[0]} pixels"] if coarse else []
    return problem(
        "E0641",
        f"the scores of `{loss.output}` and the class map of `{source.name}` differ in size",
        loss.at(""),
        f"wants N classes {' '.join(map(str, wanted))}",
        also=[(output.span, f"gives {given}")] if output.span else [],
        notes=[*([] if output.span else [f"`{loss.output}` is {given}"]), *notes],
        fixes=[_size_fix(coarse=coarse)],
    )


def _size_fix(*, coarse: bool) -> Fix:
    if coarse:
        return Fix('enlarge the scores: `-> interpolate(image, mode="bilinear", align_corners=false)`')
    return Fix("cut the scores to the image: `-> crop(image)`")


def _check_ignored(plan: ResolvedPlan, loss: Loss) -> Iterator[Diagnostic]:
    """A class that has a name and a score, and that the loss is told not to judge."""
    names = plan.data.source.class_names
    ignored = getattr(loss, "ignore_index", None)
    if names is None or ignored is None or ignored >= len(names):
        return
    message = f"class {ignored} (`{names[ignored]}`) is never judged"
    advice = "leave `ignore_index` out; 255 marks pixels of no class, and `mean_iou(without=[0])` averages without one"
    yield problem(
        "W0440", message, loss.at("ignore_index"), "left out of the loss and of every metric",
        also=[(plan.data.source.span, f"has {len(names)} classes")] if plan.data.source.span else [],
        notes=[f"wherever the truth is `{names[ignored]}`, any class is as good as any other to the network"],
        fixes=[Fix(advice)],
    )  # fmt: skip


def _check_metrics(plan: ResolvedPlan) -> Iterator[Diagnostic]:
    """Metrics that no map has, and classes that are left out of a mean."""
    source = known_source(plan)
    names = None if source is None else source.class_names
    for metric in plan.metrics or ():
        if isinstance(metric, TopKAccuracy) and judges_pixels(plan):
            fits = listed(("mean_iou", "accuracy", "precision", "recall", "f1"))
            message = "`top_k_accuracy` is not measured on class maps"
            yield problem("E0604", message, metric.span, "ranks the scores of a sample", notes=[f"there are {fits}"])
        if isinstance(metric, MeanIou) and names is not None:
            yield from _check_left_out(metric, names)


def _check_left_out(metric: MeanIou, names: tuple[str, ...]) -> Iterator[Diagnostic]:
    outside = [number for number in metric.without if number >= len(names)]
    if outside:
        label = f"the classes are 0 to {len(names) - 1}"
        yield problem("E0202", f"`mean_iou` leaves out class {outside[0]}", metric.at("without"), label)
    elif len(set(metric.without)) == len(names):
        yield problem("E0202", "`mean_iou` leaves out every class", metric.at("without"), "leaves none to average")

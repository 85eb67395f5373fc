"""Whether network, loss and data fit together: names, axes, classes, and what the loss reads."""

from __future__ import annotations

import math
from collections.abc import Iterator

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.plan.keys import ResolvedPlan, known_source
from dlspec.plan.losses import Loss, Output, losses
from dlspec.plan.network_facts import NetworkFacts, TensorFacts
from dlspec.plan.reading import listed, renamed
from dlspec.plan.sources import OPEN

GIVES = {
    "softmax": "probabilities",
    "sigmoid": "probabilities",
    "log_softmax": "log_probabilities",
    "linear": "scores",
    "conv1d": "scores",
    "conv2d": "scores",
    "conv3d": "scores",
    "conv_transpose2d": "scores",
    "relu": "scores from 0",
}
"""What the last operator of a network makes of its values; others are not judged."""


def catalogued(plan: ResolvedPlan) -> list[Loss]:
    """The plan's losses that read an output and a target; not those that are outputs themselves."""
    return [term.loss for term in plan.loss or () if not isinstance(term.loss, Output)]


def check_input(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """The axes of a sample against those of the network's input, after `resize`."""
    shape = sample_shape(plan)
    if network is None or shape is None:
        return
    source = plan.data.source
    inputs = {name: wanted for name, wanted in network.inputs.items() if name != "proposals"}
    if len(inputs) != 1:
        names = listed(tuple(f"`{name}`" for name in network.inputs))
        message = f"`{network.name}` takes {len(network.inputs)} inputs, and `{source.name}` gives one"
        yield problem("E0607", message, source.at(""), "gives one tensor a sample", notes=[f"the inputs are {names}"])
        return
    ((name, wanted),) = inputs.items()
    axes = list(wanted.shape[1:])
    fits = len(axes) == len(shape) and all(
        not isinstance(axis, int) or axis == size or size == OPEN for axis, size in zip(axes, shape, strict=True)
    )
    if not fits:
        yield _input_misfits(plan, name, wanted, shape)
    elif OPEN in shape and any(isinstance(axis, int) for axis in axes[-2:]):
        yield _one_size_wanted(plan, name, wanted)


def sample_shape(plan: ResolvedPlan) -> tuple[int, ...] | None:
    """The axes of one sample as the network gets it; None where only a file says."""
    source = known_source(plan)
    if source is None:
        return None
    shape, resize = source.shape, plan.data.resize
    if shape is None or resize is None or len(shape) != 3:
        return shape
    return (shape[0], *((resize, resize) if isinstance(resize, int) else resize))


def _one_size_wanted(plan: ResolvedPlan, name: str, wanted: TensorFacts) -> Diagnostic:
    """E0630: images of several sizes, and an input of one size."""
    source, (height, width) = plan.data.source, wanted.shape[-2:]
    side = f"{height}" if height == width else f"[{height}, {width}]"
    known = isinstance(height, int) and isinstance(width, int)
    edits = [Edit(source.span, f"{source.span.text}, resize = {side}")] if source.span else []
    fixes = [Fix(f"bring all to the size that it takes: `resize = {side}` in `data`", edits)] if known else []
    return problem(
        "E0630",
        f"the images of `{source.name}` are of several sizes, and the input `{name}` takes one",
        source.at(""),
        "gives each image in a size of its own",
        also=[(wanted.span, f"wants {wanted}")] if wanted.span else [],
        notes=[] if wanted.span else [f"`{name}` wants {wanted}"],
        fixes=[
            *fixes,
            Fix("or let the network take any size, `float32[N, C, H, W]`, or a list, `list[float32[C, h, w]]`"),
        ],
    )


def _input_misfits(plan: ResolvedPlan, name: str, wanted: TensorFacts, shape: tuple[int, ...]) -> Diagnostic:
    source = plan.data.source
    given = " ".join(str(size or "?") for size in ("N", *shape))
    return problem(
        "E0607",
        f"the samples of `{source.name}` do not fit the input `{name}`",
        source.at(""),
        f"gives {given}" + (" after `resize`" if plan.data.resize and len(shape) == 3 else ""),
        also=[(wanted.span, f"wants {wanted}")] if wanted.span else [],
        notes=[] if wanted.span else [f"`{name}` wants {wanted}"],
        fixes=_input_fixes(plan, list(wanted.shape[1:]), shape),
    )


def _input_fixes(plan: ResolvedPlan, axes: list[object], shape: tuple[int, ...]) -> list[Fix]:
    if len(axes) == 3 == len(shape) and isinstance(axes[1], int) and isinstance(axes[2], int) and axes[0] == shape[0]:
        side = str(axes[1]) if axes[1] == axes[2] else f"[{axes[1]}, {axes[2]}]"
        span = (plan.data.spans or {}).get("resize")
        return [Fix(f"resize the images: `resize = {side}` in `data`", [Edit(span, side)] if span else [], "safe")]
    if len(axes) == 1 and len(shape) == 3 and axes[0] == math.prod(shape):
        written = ", ".join(str(size) for size in shape)
        return [Fix(f"let the network take [N, {written}] and begin with `flatten`")]
    return []


def check_outputs(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """Each loss judges an output that exists and has the axes it wants."""
    if network is None:
        return
    for loss in catalogued(plan):
        if loss.output is None:
            names = listed(tuple(f"`{name}`" for name in network.outputs))
            message = f"`{loss.name}` does not say which output it judges"
            fix = Fix(f"name one: `{loss.name}({next(iter(network.outputs), 'output')})`", safety="placeholder")
            notes = [f"`{network.name}` has {names}"]
            yield problem("E0602", message, loss.at(""), "could be any", notes=notes, fixes=[fix])
        elif loss.output not in network.outputs:
            span = loss.at("output")
            fixes = renamed(loss.output, tuple(network.outputs), span, "output") if span else []
            notes = [f"`{network.name}` has {listed(tuple(network.outputs))}"]
            message = f"`{network.name}` has no output `{loss.output}`"
            yield problem("E0110", message, span, "not an output", notes=notes, fixes=fixes)
        else:
            yield from _check_axes(plan, loss, network.outputs[loss.output])


def _check_axes(plan: ResolvedPlan, loss: Loss, output: TensorFacts) -> Iterator[Diagnostic]:
    axes, wanted, notes = list(output.shape), "", []
    source = known_source(plan)
    single = source is None or source.samples is not None
    if loss.task == "classes":
        if len(axes) < 2 or (single and len(axes) != 2):
            wanted = "N classes, a score for each class"
        elif axes[1] == 1:
            wanted = "a score for each class"
            notes = [f"with one score softmax is always 1 and `{loss.name}` always 0"]
    elif single and (len(axes) > 2 or (len(axes) == 2 and isinstance(axes[1], int) and axes[1] != 1)):
        wanted = "N 1, one score for a sample" if loss.task == "two_classes" else "N 1, one number for a sample"
    if not wanted:
        return
    also = [(output.span, f"gives {output}")] if output.span else []
    if not also:
        notes = [f"`{loss.output}` is {output}", *notes]
    message = f"`{loss.name}` cannot judge `{loss.output}`"
    yield problem(
        "E0602",
        message,
        loss.at(""),
        f"wants {wanted}",
        also=also,
        notes=notes,
        fixes=_axes_fixes(loss, axes),
    )


def _axes_fixes(loss: Loss, axes: list[object]) -> list[Fix]:
    if loss.task == "classes" and len(axes) == 4:
        return [Fix("bring the map to one position first: `adaptive_avg_pool2d(1) -> flatten`")]
    if loss.task == "two_classes" and len(axes) == 2:
        return [Fix("use `cross_entropy` for a score a class, or end the network with `linear(1)`")]
    if loss.task == "numbers" and len(axes) == 2:
        return [Fix("use `cross_entropy` where these are the scores of classes, or end the network with `linear(1)`")]
    return []


def check_targets(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """Each loss asks for a target that the data has, of the kind it wants."""
    source = known_source(plan)
    if source is None:
        return
    for loss in catalogued(plan):
        if loss.target not in (None, source.target_name):
            span = loss.at("target")
            fixes = (
                [Fix(f"name the target of `{source.name}`", [Edit(span, source.target_name)], "safe")] if span else []
            )
            message = f"`{source.name}` has no target `{loss.target}`"
            yield problem("E0110", message, span, f"the target is `{source.target_name}`", fixes=fixes)
        if source.task is not None and (source.task == "numbers") != (loss.task == "numbers"):
            yield _target_misfits(plan, loss)


def _target_misfits(plan: ResolvedPlan, loss: Loss) -> Diagnostic:
    source = plan.data.source
    wants, gives = ("a number", "a class") if loss.task == "numbers" else ("a class", "a number")
    other = source.task
    fitting = listed([name for name, member in losses() if member.task == other])
    return problem(
        "E0602",
        f"`{loss.name}` does not fit the target `{source.target_name}`",
        loss.at(""),
        f"wants {wants} for each sample",
        also=[(source.span, f"gives {gives}")] if source.span else [],
        notes=[f"for {'a number' if other == 'numbers' else 'classes'} there are {fitting}"],
    )


def check_classes(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """As many scores as classes."""
    source = known_source(plan)
    if source is None or source.class_names is None:
        return
    count = len(source.class_names)
    for loss in catalogued(plan):
        if loss.task == "two_classes" and count != 2:
            yield _two_classes(plan, loss, count)
        output = network.outputs.get(loss.output or "") if network is not None else None
        if loss.task != "classes" or network is None or output is None or len(output.shape) < 2:
            continue
        scores = output.shape[1]
        if isinstance(scores, int) and scores not in (1, count):
            yield _classes_differ(plan, network, output, scores, count)
        weight = getattr(loss, "weight", None)
        if isinstance(weight, tuple) and len(weight) != count:
            message = f"`weight` of `{loss.name}` has a factor for {len(weight)} classes"
            also = [(source.span, f"has {count}")] if source.span else []
            yield problem("E0603", message, loss.at("weight"), f"is {len(weight)} long", also=also)
    for metric in plan.metrics or ():
        k = getattr(metric, "k", 0)
        if k >= count:
            message = f"the best {k} of {count} classes always hold the right one"
            yield problem("E0202", message, metric.at("k"), "makes the metric 1, whatever is predicted")


def check_numbers(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """As many numbers as targets, where the data names them."""
    source = known_source(plan)
    if source is None or network is None or source.grouped_by != "column":
        return
    targets = len(source.target_names)
    for loss in catalogued(plan):
        output = network.outputs.get(loss.output or "")
        if loss.task != "numbers" or output is None:
            continue
        gives = output.shape[1] if len(output.shape) == 2 else 1
        if isinstance(gives, int) and gives != targets:
            yield _numbers_differ(plan, network, output, gives, targets)


def _numbers_differ(
    plan: ResolvedPlan, network: NetworkFacts, output: TensorFacts, gives: int, targets: int
) -> Diagnostic:
    source = plan.data.source
    numbers = "1 number" if gives == 1 else f"{gives} numbers"
    named = "1 target" if targets == 1 else f"{targets} targets"
    return problem(
        "E0603",
        f"`{network.name}` gives {numbers}, and `{source.name}` has {named}",
        source.at("target"),
        f"names {named}",
        also=[(output.span, f"gives {numbers}")] if output.span else [],
        fixes=[Fix(f"end the network with `linear({targets})`, or name other columns")],
    )


def _two_classes(plan: ResolvedPlan, loss: Loss, count: int) -> Diagnostic:
    source = plan.data.source
    keep = f"keep two classes, `{source.name}(classes=[0, 1])`, or "
    return problem(
        "E0603",
        f"`{loss.name}` tells two classes apart, and `{source.name}` has {count}",
        loss.at(""),
        "wants one score and two classes",
        also=[(source.span, f"has {count} classes")] if source.span else [],
        fixes=[Fix(f"{keep if hasattr(source, 'classes') else ''}use `cross_entropy` with a score for each class")],
    )


def _classes_differ(
    plan: ResolvedPlan, network: NetworkFacts, output: TensorFacts, scores: int, count: int
) -> Diagnostic:
    source, span = plan.data.source, (plan.spans or {}).get("network")
    if scores < count:
        note = f"labels {scores} to {count - 1} have no score"
    else:
        note = f"{scores - count:,} of the {scores:,} scores belong to no class"
    fixes: list[Fix] = []
    if "classes" in network.parameters:
        edits = [Edit(span, f"{network.name}(classes={count})")] if span and span.text == network.name else []
        fixes = [Fix(f"train it with {count} classes: `network = {network.name}(classes={count})`", edits)]
    return problem(
        "E0603",
        f"`{network.name}` gives {scores} scores, and `{source.name}` has {count} classes",
        source.at(""),
        f"has {count} classes",
        also=[(output.span, f"gives {scores} scores")] if output.span else [],
        notes=[note],
        fixes=fixes,
    )


def check_reads(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """What the loss reads against what the last operator gives: softmax twice, or a logarithm never taken."""
    if network is None:
        return
    for loss in catalogued(plan):
        output = network.outputs.get(loss.output or "")
        gives = GIVES.get(output.op or "") if output is not None else None
        if output is None or gives is None:
            continue
        reads = loss.reads
        if reads == "logits" and gives == "probabilities":
            yield _double_softmax(plan, loss, output)
        elif reads == "log_probabilities" and gives != "log_probabilities":
            fix = Fix("end the network with `log_softmax`, or use `cross_entropy`, which takes it itself")
            yield _misread(loss, output, "wants log-probabilities", gives, fix)
        elif reads == "probabilities" and output.op != "sigmoid":
            fix = Fix("end the network with `sigmoid`, or use `bce_with_logits`, which takes it itself")
            yield _misread(loss, output, "wants a probability", gives, fix)
        elif loss.task == "two_classes" and reads == "values" and gives in ("probabilities", "scores from 0"):
            fix = Fix(f"end the network before `{output.op}`")
            yield _misread(loss, output, "wants a score of either sign", gives, fix)


def _double_softmax(plan: ResolvedPlan, loss: Loss, output: TensorFacts) -> Diagnostic:
    operator = output.op or ""
    own = "its own log-softmax" if loss.task == "classes" else "its own sigmoid"
    also = [(output.span, "already turns the logits into probabilities")] if output.span else []
    return problem(
        "W0410",
        f"{operator} is applied twice before the loss"
        if own.endswith(operator)
        else f"{operator} stands before the loss",
        loss.at(""),
        f"takes {own}",
        also=also,
        notes=[_floor(plan, loss, output)],
        fixes=[Fix("end the network at its logits")],
    )


def _floor(plan: ResolvedPlan, loss: Loss, output: TensorFacts) -> str:
    """The lowest loss that scores between 0 and 1 allow: all of it at the true class.

    With C classes softmax gives the true one at most e / (e + C - 1), so the loss is at
    least ln(1 + (C - 1) / e). The sigmoid gives at most e / (e + 1) and at least 1/2.
    """
    if loss.task == "two_classes":
        one, zero = math.log1p(math.exp(-1)), math.log(2)
        return f"the loss of a sample of class 1 cannot fall below {one:.2f}, of class 0 below {zero:.2f}"
    classes = output.shape[1] if len(output.shape) > 1 else None
    if not isinstance(classes, int):
        return "the loss cannot come near 0, however good the network is"
    floor = math.log1p((classes - 1) / math.e)
    return f"with {classes:,} classes the loss cannot fall below {floor:.2f}, however good the network is"


def _misread(loss: Loss, output: TensorFacts, wants: str, gives: str, fix: Fix) -> Diagnostic:
    said = gives.replace("_", "-")
    also = [(output.span, f"gives {said}")] if output.span else []
    notes = [] if also else [f"`{loss.output}` comes from `{output.op}` and holds {said}"]
    message = f"`{loss.name}` does not read what `{output.op}` gives"
    return problem("E0602", message, loss.at(""), wants, also=also, notes=notes, fixes=[fix])

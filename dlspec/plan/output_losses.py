"""Whether a network that computes its losses itself, as detectors do, fits the plan and its data."""

from __future__ import annotations

from collections.abc import Iterator

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.plan.keys import ResolvedPlan, known_source
from dlspec.plan.losses import Output
from dlspec.plan.network_facts import NetworkFacts
from dlspec.plan.reading import listed, renamed

DETECTIONS = ("boxes", "scores", "labels")
"""Outputs in evaluation by which found objects are judged."""


def check_output_losses(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """Outputs that are losses, what the network needs to compute them, and what it finds in evaluation."""
    own = [term.loss for term in plan.loss or () if isinstance(term.loss, Output)]
    others = [term.loss for term in plan.loss or () if not isinstance(term.loss, Output)]
    if own and others:
        also = [(own[0].span, "is computed by the network")] if own[0].span else []
        message = "losses of the network and losses of the plan read different targets"
        fixes = [Fix("minimise one kind of them")]
        yield problem("E0614", message, others[0].span, "is computed by the plan", also=also, fixes=fixes)
    if network is None:
        return
    if own:
        for loss in own:
            yield from _check_loss(loss, network)
        yield from _check_found(plan, network)
        yield from _check_classes(plan, network)
    yield from _check_given(plan, network, own=bool(own))


def _check_loss(loss: Output, network: NetworkFacts) -> Iterator[Diagnostic]:
    """The output exists in training, and is one number."""
    outputs = network.in_training.outputs
    if loss.output not in outputs:
        span = loss.at("output")
        fixes = renamed(loss.output or "", tuple(outputs), span, "output") if span else []
        notes = [f"in training `{network.name}` has {listed(tuple(outputs))}"]
        message = f"`{network.name}` has no output `{loss.output}` in training"
        yield problem("E0110", message, span, "not an output", notes=notes, fixes=fixes)
        return
    output = outputs[loss.output or ""]
    if len(output.shape):
        also = [(output.span, f"gives {output}")] if output.span else []
        notes = [] if also else [f"`{loss.output}` is {output}"]
        fix = Fix("take its mean, `-> mean`, or name the loss that judges it, as in `cross_entropy(logits)`")
        message = f"`{loss.output}` is no loss: a loss is one number"
        yield problem("E0602", message, loss.at(""), f"is {output}", also=also, notes=notes, fixes=[fix])


def _check_found(plan: ResolvedPlan, network: NetworkFacts) -> Iterator[Diagnostic]:
    """Metrics of objects read boxes, scores and labels, those of masks masks too."""
    for metric in plan.metrics or ():
        if "objects" not in metric.tasks:
            continue
        read = (*DETECTIONS, "masks") if metric.name.startswith("mask_") else DETECTIONS
        missing = [f"`{name}`" for name in read if name not in network.outputs]
        if missing:
            notes = [f"in evaluation `{network.name}` has {listed(tuple(network.outputs))}"]
            message = f"`{metric.name}` judges {listed(missing)}, which `{network.name}` does not give"
            span = metric.span or plan.loss[0].span
            yield problem("E0604", message, span, "has nothing to judge", notes=notes)
            return


def _check_classes(plan: ResolvedPlan, network: NetworkFacts) -> Iterator[Diagnostic]:
    """As many classes as the data has, where the network has a parameter `classes`; the background is one of them."""
    source, graph = known_source(plan), network.graph
    names = source.class_names if source is not None else None
    classes = graph.arguments.get("classes") if graph is not None else None
    if source is None or names is None or not isinstance(classes, int) or classes == len(names):
        return
    span = (plan.spans or {}).get("network")
    edits = [Edit(span, f"{network.name}(classes={len(names)})")] if span and span.text == network.name else []
    yield problem(
        "E0603",
        f"`{network.name}` tells {classes} classes apart, and `{source.name}` has {len(names)}",
        source.at(""),
        f"has {len(names)} classes, the background among them",
        fixes=[Fix(f"train it with as many: `network = {network.name}(classes={len(names)})`", edits)],
    )


def _check_given(plan: ResolvedPlan, network: NetworkFacts, *, own: bool) -> Iterator[Diagnostic]:
    """What the network takes in training beside its input, the data gives by the same name."""
    source = known_source(plan)
    wanted = [name for name in network.in_training.inputs if name not in network.inputs]
    if source is None or not wanted:
        return
    if plan.loss and not own:
        names = listed([f"`{name}`" for name in wanted])
        outputs = [name for name, one in network.in_training.outputs.items() if not len(one.shape)]
        message = f"`{network.name}` takes {names} in training, and the plan's loss gives it none"
        fixes = [Fix(f"minimise what it computes of them: `loss = {' + '.join(outputs)}`")] if outputs else []
        yield problem("E0607", message, plan.loss[0].span, "reads a target of its own", fixes=fixes)
        return
    missing = [f"`{name}`" for name in wanted if name not in source.targets]
    if missing:
        tensor = network.in_training.inputs[missing[0].strip("`")]
        also = [(tensor.span, "is wanted in training")] if tensor.span else []
        gives = listed(source.targets or (source.target_name,))
        message = f"`{source.name}` gives no {listed(missing)}, which `{network.name}` wants in training"
        yield problem("E0607", message, source.at(""), f"gives {gives}", also=also)

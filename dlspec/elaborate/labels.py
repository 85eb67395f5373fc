"""Labels to paths: what is made is called as it was written, or by its place."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate.frame import Frame, Place
from dlspec.elaborate.reserved import reserved
from dlspec.elaborate.run import Run
from dlspec.elaborate.unlabelled import Unlabelled
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from dlspec.source import Span


_USUAL = {"conv1d": "conv", "conv2d": "conv", "conv3d": "conv", "linear": "fc"} | {
    f"batch_norm{axes}d": "bn" for axes in (1, 2, 3)
}
"""Names that networks commonly give their layers."""


def claim(run: Run, frame: Frame, label: str, span: Span) -> str:
    """Take a label in the scope and give its path; one that is taken or reserved is reported."""
    scope = frame.scope
    if not scope.path and label in run.graph.inputs:
        _is_input(run, frame, label, span)
        label = f"{label}_"
    plain = label.replace("-", "_")
    if not (label.isdigit() or (plain.isidentifier() and plain.isascii() and label[0] != "-")):
        run.report(
            frame, "E0114", f"a stage cannot be called `{label}`", span, "is neither a name nor a whole number",
            notes=["a label becomes the name of a module in the generated file"],
        )  # fmt: skip
        label = scope.free("stage")
    first = scope.labels.get(label)
    if first is not None:
        _is_taken(run, frame, label, span, first)
        label = scope.free(label)
    why = reserved(label)
    if why is not None:
        run.report(
            frame, "E0114", f"a stage cannot be called `{label}`", span, why,
            fixes=[Fix(f"call it `{label}_`", [Edit(span, f"{label}_")])] if span.text == label else [],
        )  # fmt: skip
        label = f"{label}_"
    scope.labels[label] = span
    return scope.join(label)


def _is_taken(run: Run, frame: Frame, label: str, span: Span, first: Span) -> None:
    if first is span:
        run.report(
            frame, "E0208", f"the label `{label}` is used more than once", span, "met again for the next item",
            notes=[f"a computed label tells them apart, `{label}_{{i}}: …`; the items of a labelled list are numbered"],
        )  # fmt: skip
        return
    run.report(
        frame, "E0208", f"the label `{label}` is used twice", span, "again here", also=[(first, "first here")],
        notes=["each call makes a module of its own; for one in several places write `module name = …`"],
    )  # fmt: skip


def _is_input(run: Run, frame: Frame, label: str, span: Span) -> None:
    tensor = run.graph.inputs[label]
    run.report(
        frame, "E0113", f"`{label}` is the name of an input and of a stage", span, "the name is taken",
        also=[(tensor.node.span, "the input")],
    )  # fmt: skip


def path_for(run: Run, frame: Frame, place: Place, own: str, span: Span, weights: bool) -> str:
    """The path of what is made: by its label, its position, or its own name."""
    if place.label is not None:
        return claim(run, frame, place.label, place.span or span)
    number = place.number if place.number is not None else place.fallback if weights else None
    if number is not None:
        label = str(number)
        if label in frame.scope.labels:
            label = frame.scope.free(label)
        frame.scope.labels[label] = span
        return frame.scope.join(label)
    if weights:
        name = _usual(frame, own)
        _ask_for_label(run, frame, own, name, span)
    else:
        name = frame.scope.free(own)
    if reserved(name):
        name = f"{name}_"
    return frame.scope.join(name)


def _ask_for_label(run: Run, frame: Frame, own: str, name: str, span: Span) -> None:
    """Say that a layer needs a label; of several in one body together, with a label for each."""
    items = frame.unlabelled_list()
    fix = Fix("name it", _labelled(span, name), "placeholder")
    if items is not None:
        fix = Fix(f"name the list: its items are `{name}.0`, `{name}.1`", _labelled(items, name), "placeholder")
    together = None if items is not None else run.unlabelled.get(id(frame.application.definition))
    if together is not None:
        together.add(span, fix)
        return
    count = len(run.problems)
    run.report(
        frame, "E0207", f"`{own}` holds weights and needs a label", span, "its weights would have no name",
        notes=["a label is the name of the module, in `state_dict` as in the picture"], fixes=[fix],
    )  # fmt: skip
    if items is None and len(run.problems) > count:
        run.unlabelled[id(frame.application.definition)] = Unlabelled(run.problems[-1], span)


def _usual(frame: Frame, own: str) -> str:
    """What such a layer is usually called: `conv1`, `fc2`; other names as they are, counted where they are taken."""
    short = _USUAL.get(own)
    if short is None:
        return frame.scope.free(own)
    count = 1
    while f"{short}{count}" in frame.scope.labels or f"{short}{count}" in frame.scope.counters:
        count += 1
    frame.scope.counters[f"{short}{count}"] = 0
    return f"{short}{count}"


def _labelled(span: Span, name: str) -> list[Edit]:
    """A label before a step; inside an expression it stands in parentheses with what it names."""
    before = span.source.text[: span.start].rstrip()
    first = span.source.span(span.start, span.start)
    if before.endswith(("->", "{")) or span.source.is_yaml:
        return [Edit(first, f"{name}: ")]
    return [Edit(first, f"({name}: "), Edit(span.source.span(span.end, span.end), ")")]


def labels_no_step(run: Run, frame: Frame, labelled: tree.Labelled, whole: tree.Expr) -> None:
    """Say that a label stands before a value that is there already; `whole` is the pipeline that it begins."""
    span, text = labelled.label.span, labelled.value.span.text
    source, begin = span.source, labelled.value.span.start
    fixes = []
    if not source.is_yaml and whole is labelled:
        name = source.span(span.start, begin)
        fixes = [Fix(f"give the value a name: `{span.text} = …`", [Edit(name, f"{span.text} = ")], "unsafe")]
    elif not source.is_yaml:
        edits = [Edit(source.span(begin, begin), "("), Edit(source.span(whole.span.end, whole.span.end), ")")]
        fixes = [Fix("label the whole pipeline", edits, "unsafe")]
    run.report(
        frame, "E0216", f"the label `{span.text}` names no step", span, f"stands before `{text}` alone",
        notes=["a label names what the step behind it makes; `name = …` names what a pipeline gives"], fixes=fixes,
    )  # fmt: skip

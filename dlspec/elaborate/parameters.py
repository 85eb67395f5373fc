"""The arguments of an operator: its tensors, its parameters by name, and what is wrong with them."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate.arguments import arguments
from dlspec.elaborate.frame import Frame
from dlspec.elaborate.run import Run
from dlspec.elaborate.values import ArgumentSpans, OpStage, holds_tensor, is_unknown, kind_of, tensors_in
from dlspec.graph import Tensor
from dlspec.ops.op import Op, Wrong
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.source import Span


def bind(
    run: Run, frame: Frame, op: type[Op], args: list[Any], named: dict[str, Any], spans: ArgumentSpans
) -> tuple[list[Tensor], dict[str, Any], dict[str, Span]] | None:
    """Tensors, parameters, and where the parameters stand."""
    count = next((i for i, arg in enumerate(args) if not holds_tensor(arg)), len(args))
    tensors = list(tensors_in(args[:count]))
    places = {}
    rest = args[count:]
    named = dict(named)
    for name in list(named):
        if holds_tensor(named[name]) and name not in op.fields:
            tensors += list(tensors_in(named.pop(name)))
        elif isinstance(named[name], Tensor):
            tensors.append(named.pop(name))
    if not _right_count(run, frame, op, tensors, spans):
        return None
    values: dict[str, Any] = {}
    for (name, value), span in zip(zip(op.fields, rest), spans.positional[count:]):
        values[name], places[name] = value, span
    ok = _refuse_surplus(run, frame, op, rest, spans.positional[count:])
    for name, value in named.items():
        span = spans.named.get(name, spans.call)
        if name not in op.fields:
            ok = unknown_parameter(run, frame, op, name, span)
        elif name in values:
            run.report(
                frame,
                "E0205",
                f"`{name}` is given twice",
                span,
                "again here",
                also=[(places[name], "first here")],
            )
            ok = False
        else:
            values[name], places[name] = value, span
    ok = read_values(run, frame, op, values, places) and ok
    return (tensors, values, places) if _complete(run, frame, op, values, named, spans) and ok else None


def check_arguments(run: Run, frame: Frame, stage: OpStage, call: tree.Call) -> None:
    """The parameters of a call whose tensors are unknown: names and values are judged all the same."""
    args, named, spans = arguments(run, frame, call)
    op = stage.op
    for name, span in spans.named.items():
        if name not in op.fields and not holds_tensor(named[name]) and not is_unknown(named[name]):
            unknown_parameter(run, frame, op, name, span)
    values = dict(zip(op.fields, args)) | {n: v for n, v in named.items() if n in op.fields}
    places = dict(zip(op.fields, spans.positional)) | spans.named
    values = {n: v for n, v in values.items() if not is_unknown(v) and not holds_tensor(v)}
    read_values(run, frame, op, values, places)


def _right_count(run: Run, frame: Frame, op: type[Op], tensors: list[Tensor], spans: ArgumentSpans) -> bool:
    variadic = any(name[0] == "*" for name in op.inputs)
    least = sum(not name.endswith("?") and name[0] != "*" for name in op.inputs) + (1 if variadic else 0)
    if len(tensors) >= least and (variadic or len(tensors) <= len(op.inputs)):
        return True
    names = ", ".join(f"`{name.strip('*?')}`" for name in op.inputs)
    wanted = (
        f"at least {least}" if variadic else str(least) if least == len(op.inputs) else f"{least} to {len(op.inputs)}"
    )
    plural = "s" if wanted != "1" else ""
    run.report(
        frame, "E0204", f"`{op.name}` takes {wanted} input{plural} ({names}), it gets {len(tensors)}", spans.call,
        f"gets {len(tensors)}",
    )  # fmt: skip
    return False


def _refuse_surplus(run: Run, frame: Frame, op: type[Op], rest: list[Any], spans: list[Span]) -> bool:
    if len(rest) <= len(op.fields):
        return True
    taken = ", ".join(op.fields) or "no parameters"
    fixes = [_as_list(spans)] if _is_list(op, rest) and len({span.source for span in spans}) == 1 else []
    count = f"{len(op.fields)} parameter{'s' * (len(op.fields) != 1)}"
    run.report(
        frame, "E0205", f"`{op.name}` takes {count}, {len(rest)} are given", spans[len(op.fields)], "one too many",
        notes=[f"`{op.name}` takes {taken}"], fixes=fixes,
    )  # fmt: skip
    return False


def _is_list(op: type[Op], given: list[Any]) -> bool:
    """Whether the first parameter takes all of these numbers as a list: `permute(0, 2, 1)`."""
    if not op.fields or not all(type(value) is int for value in given):
        return False
    try:
        op.read(next(iter(op.fields)), list(given))
    except Wrong:
        return False
    return True


def _as_list(spans: list[Span]) -> Fix:
    first, last = spans[0], spans[-1]
    whole = first.source.span(first.start, last.end)
    return Fix("several numbers for one parameter are a list", [Edit(whole, f"[{whole.text}]")], "safe")


def unknown_parameter(run: Run, frame: Frame, op: type[Op], name: str, span: Span) -> bool:
    from dlspec.diagnostics.near_names import near

    at = span.start + max(span.text.find(name), 0)  # `conv1.strid=2` of a command line names the layer first
    where = span.source.span(at, at + len(name))
    inferred = {"in_channels", "in_features", "num_features", "num_channels", "input_size"}
    notes = [f"`{op.name}` takes {', '.join(op.fields) or 'no parameters'}"]
    fixes = [Fix(f"there is `{n}`", [Edit(where, n)], "safe") for n in near(name, list(op.fields))]
    if name == "activation":
        notes.append("an activation is a step of its own: `linear(64) -> relu`")
    if name in inferred:
        notes = [f"`{name}` is inferred from the input"]
        fixes = [Fix(f"leave out `{name}`", safety="placeholder")]
    run.report(
        frame,
        "E0112",
        f"`{op.name}` has no parameter `{name}`",
        where,
        "not a parameter",
        notes=notes,
        fixes=fixes,
    )
    return False


def read_values(run: Run, frame: Frame, op: type[Op], values: dict[str, Any], places: dict[str, Span]) -> bool:
    ok = True
    for name, value in values.items():
        try:
            values[name] = op.read(name, value)
        except Wrong as wrong:
            shown = (
                str(value) if isinstance(value, (int, float, list)) and not isinstance(value, bool) else kind_of(value)
            )
            run.report(
                frame,
                wrong.code,
                f"`{name}` of `{op.name}` is {wrong.wanted}, not {shown}",
                places[name],
                f"is {shown}",
                notes=_if_inferred(op, name, value),
                fixes=_without_inferred(op, name, values, places),
            )
            ok = False
    return ok


def _if_inferred(op: type[Op], name: str, value: Any) -> list[str]:
    """A note for `linear(120, 84)`: the size that PyTorch takes first is found."""
    if type(value) is not int or list(op.fields).index(name) != 1 or not op.torch.partition("(")[2][:1].isupper():
        return []
    return [f"`{op.name}` finds the size of its input itself: it takes {', '.join(op.fields)}"]


def _without_inferred(op: type[Op], name: str, values: dict[str, Any], places: dict[str, Span]) -> list[Fix]:
    """`linear(784, 128)` without the first number, where it was written just before the second."""
    first = next(iter(op.fields))
    if not _if_inferred(op, name, values[name]) or first not in places:
        return []
    before, here = places[first], places[name]
    if before.source is not here.source or before.source.text[before.end : here.start].strip() != ",":
        return []
    return [Fix(f"leave out {before.text}", [Edit(before.source.span(before.start, here.start), "")], "unsafe")]


def _complete(
    run: Run, frame: Frame, op: type[Op], values: dict[str, Any], named: dict[str, Any], spans: ArgumentSpans
) -> bool:
    """Whether nothing is missing; a name that was misspelt is not missed a second time."""
    missing = [name for name, field in op.fields.items() if field.required and name not in values]
    if missing:
        missing = _not_meant(missing, [name for name in named if name not in op.fields], op)
        if not missing:
            return False
        words = " and ".join(f"`{name}`" for name in missing)
        run.report(
            frame, "E0203", f"`{op.name}` needs {words}", spans.call, f"without {words}",
            notes=[f"`{op.name}` takes {', '.join(op.fields)}"],
        )  # fmt: skip
    return not missing


def _not_meant(missing: list[str], unknown: list[str], op: type[Op]) -> list[str]:
    """What is missing and nearest to none of the names that are no parameters."""
    from dlspec.diagnostics.near_names import near

    meant = {name for given in unknown for name in near(given, list(op.fields))[:1]}
    return [name for name in missing if name not in meant]

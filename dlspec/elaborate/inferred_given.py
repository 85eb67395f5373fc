"""Arguments as PyTorch's modules take them, with the sizes of the input first, which here are found and left out."""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate.frame import Frame
from dlspec.elaborate.run import Run
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.graph import Tensor
    from dlspec.source import Span

WIDEST = 11
"""The widest filter that is common."""


def tell_of_inferred(
    run: Run, frame: Frame, op: type[Op], tensors: list[Tensor], values: dict[str, Any], named: dict[str, Any],
    where: dict[str, Span], known: int,
) -> None:  # fmt: skip
    """Say that the first number by position is the size of the input, so that all others mean something else.

    A warning of its own, or a part of what the operator was refused for: the problems after the `known` first.
    """
    by_position = [name for name in op.fields if name in values and name not in named]
    if not by_position or not op.torch.partition("(")[2][:1].isupper():
        return
    first = by_position[0]
    if "inferred-size-given" in run.graph.allowed or not _is_a_size(tensors, values, by_position):
        return
    span = where[first]
    message, label = f"`{op.name}` finds the size of its input itself", f"is taken for `{first}`"
    meant = ", ".join(f"`{name}` {_shown(values[name])}" for name in by_position)
    fix = Fix(f"leave out {span.text}", [Edit(_with_comma(span), "")], "unsafe")
    if len(run.problems) == known:
        run.report(frame, "W0450", message, span, label, notes=[f"as it stands this is {meant}"], fixes=[fix])
        return
    refused = run.problems[-1]
    refused.notes.append(f"{message}: as it stands this is {meant}")
    refused.fixes = [fix]


def _is_a_size(tensors: list[Tensor], values: dict[str, Any], by_position: list[str]) -> bool:
    if by_position[0] == "eps":
        return bool(values["eps"] >= 1)
    if by_position[1:3] != ["kernel_size", "stride"] or len(tensors[0].shape) < 2:
        return False
    kernel, stride = (_largest(values[name]) for name in by_position[1:3])
    odd = kernel > WIDEST or stride > 4 or (kernel > 4 and kernel % 2 == 0)
    return bool(odd and values[by_position[0]] == tensors[0].shape[1])


def _largest(value: Any) -> int:
    return max(value) if isinstance(value, tuple) else int(value)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return str(value[0]) if len(set(value)) == 1 else "×".join(map(str, value))
    return str(value)


def _with_comma(span: Span) -> Span:
    behind = re.compile(r"\s*,\s*").match(span.source.text, span.end)
    return span.source.span(span.start, behind.end() if behind else span.end)

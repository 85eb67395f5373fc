"""Parts of values: facts of tensors, fields of records, networks up to a node, items of lists."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate.frame import Frame
from dlspec.elaborate.networks import bind_network
from dlspec.elaborate.run import Run
from dlspec.elaborate.values import UNKNOWN, Fields, NetworkStage, Partial, kind_of
from dlspec.graph import Tensor
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

TENSOR_FACTS = (
    "channels",
    "depth",
    "height",
    "width",
    "length",
    "features",
    "batch",
    "shape",
    "rank",
    "dtype",
)
"""What a block may ask of a tensor: `x.channels`."""


def part(run: Run, frame: Frame, value: Any, name: str, expr: tree.Expr) -> Any:
    """`value.name`: a fact of a tensor, a field of a record, a network up to a node."""
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, Fields):
        if name in value:
            return value[name]
        return no_part(run, frame, expr, name, "this record", list(value))
    if isinstance(value, Tensor):
        fact = _tensor_fact(value, name)
        if fact is not None:
            return fact
        return no_part(run, frame, expr, name, f"a tensor of {len(value.shape)} axes", list(TENSOR_FACTS))
    network = as_network(run, frame, value)
    if network is not None:
        inner = network.upto[0] + "." + name if network.upto else name
        return NetworkStage(network.definition, network.file, network.given, (inner,))
    notes = ["a list grows by a list: `skips = skips + [x]`"] if isinstance(value, list) and name == "append" else []
    label = f"`.{name}` of {kind_of(value)}"
    run.report(frame, "E0220", f"{kind_of(value)} has no parts", expr.span, label, notes=notes)
    return UNKNOWN


def as_network(run: Run, frame: Frame, value: Any) -> NetworkStage | None:
    if isinstance(value, NetworkStage):
        return value
    if isinstance(value, Partial) and isinstance(value.stage, NetworkStage):
        return bind_network(run, frame, value)
    return None


def _tensor_fact(tensor: Tensor, name: str) -> Any:
    shape = tensor.shape
    rank = len(shape)
    spatial = shape[2:]
    names = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}.get(len(spatial), ())
    facts: dict[str, Any] = {
        "shape": list(shape), "rank": rank, "dtype": tensor.dtype, **dict(zip(names, spatial)),
        **({"batch": shape[0], "features": shape[-1]} if rank else {}), **({"channels": shape[1]} if rank > 1 else {}),
    }  # fmt: skip
    return facts.get(name)


def no_part(run: Run, frame: Frame, expr: tree.Expr, name: str, what: str, names: list[str]) -> Any:
    from dlspec.diagnostics.near_names import near

    close = near(name, names)
    where = expr.span.source.span(expr.span.end - len(name), expr.span.end)
    run.report(
        frame, "E0220", f"{what} has no `{name}`", where, "not known",
        notes=[f"it has {', '.join(f'`{n}`' for n in names)}"] if names else [],
        fixes=[Fix(f"there is `{n}`", [Edit(where, n)], "safe") for n in close],
    )  # fmt: skip
    return UNKNOWN


def list_item(run: Run, frame: Frame, expr: tree.Index, value: Any, index: Any) -> Any:
    if isinstance(value, Fields) and isinstance(index, str):
        return part(run, frame, value, index, expr)
    if isinstance(value, Fields) and type(index) is int:
        value = list(value.values())
    if not isinstance(value, list) or type(index) is not int or len(expr.indices) > 1:
        run.report(
            frame,
            "E0205",
            "an index takes a list and a whole number",
            expr.span,
            f"{kind_of(value)} at {kind_of(index)}",
        )
        return UNKNOWN
    if not -len(value) <= index < len(value):
        run.report(
            frame, "E0214", f"the list has {len(value)} item{'s' if len(value) != 1 else ''}, no item {index}",
            expr.indices[0].span, f"is {index}", notes=["items are counted from 0"],
        )  # fmt: skip
        return UNKNOWN
    return value[index]

"""Linear layers in a row that are one: no activation stands between them."""

from __future__ import annotations

from dlspec.analyses.lints.uses import is_linear_map, own_parameters
from dlspec.analyses.places import put_before, put_behind_each
from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.analyses.lints.uses import Uses
    from dlspec.graph import Node
    from dlspec.sizes import Window


def collapsing(uses: Uses) -> Iterator[Diagnostic]:
    for first in uses.graph.nodes:
        if not is_linear_map(first) or not uses.is_own(first):
            continue
        second = uses.only_reader(first)
        if second is None or not is_linear_map(second) or not uses.is_own(second):
            continue
        if first.op.family == second.op.family:
            one = _as_one(first, second)
            if one is not None:
                yield _collapse(first, second, one)


def _as_one(first: Node, second: Node) -> int | None:
    """The parameters of the one layer that two in a row are; None where two may be meant.

    A middle with fewer features than both ends is a factorisation of low rank, groups and oblong windows are factorised
    filters: they save parameters, which is what they are for.
    """
    windows = [list(node.op.windows()) for node in (first, second)]
    if first.op.family == "convolution" and not all(map(_is_square, windows)):
        return None
    before, after = _features(first), _features(second)
    if before is None or after is None:
        return None
    (taken, middle), (_, given) = before, after
    if middle < min(taken, given):
        return None
    kernel = product(_taps(one.then(other)) for one, other in zip(*windows))
    has_bias = any(name == "bias" for node in (first, second) for name, _ in node.module.weights)  # type: ignore[union-attr]
    one = int(taken * given * kernel + given * has_bias)  # type: ignore[arg-type]  # windows are numbers
    return one if one <= own_parameters(first, second) else None


def _features(node: Node) -> tuple[int, int] | None:
    """How many features a layer takes and gives, where each result weighs all of them."""
    assert node.module is not None
    given, taken = node.module.weights[0][1][:2]
    axis = -1 if node.op.family == "linear" else 1
    return (taken, given) if taken == node.inputs[0].shape[axis] else None  # type: ignore[return-value]  # numbers


def _is_square(windows: list[Window]) -> bool:
    return bool(windows) and len({window.span for window in windows}) == 1 and windows[0].apart == 1


def _taps(window: Window) -> int:
    return window.span


KIND = {"linear": "linear layer", "convolution": "convolution"}


def _collapse(first: Node, second: Node, one: int) -> Diagnostic:
    (taken, middle), (_, given) = _features(first) or (0, 0), _features(second) or (0, 0)
    edges = ", but for the padding between them" if any(w.before for w in second.op.windows()) else ""
    edit = put_before(second, "relu")
    edits = put_behind_each(second, "relu") if second.span == first.span else []
    edits = edits or ([edit] if edit else [])
    return problem(
        "W0411", f"`{first.path}` and `{second.path}` collapse to one layer: no activation stands between them",
        second.span, f"{middle} → {given}, linear again",
        also=[(first.span, f"{taken} → {middle}, linear")],
        notes=[
            f"a linear map of a linear map is a linear map: their {own_parameters(first, second):,} parameters can do "
            f"no more than the {one:,} of a single {KIND[second.op.family]}{edges}"
        ],
        fixes=[Fix("put an activation between them", edits, "unsafe" if edits else "placeholder")],
    )  # fmt: skip

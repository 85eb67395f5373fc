"""Writes `fold`: the weights of a network as trained, as the weights of the one that is for inference."""

from __future__ import annotations

from dlspec.lowering.expressions import python_literal
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.lowering.emitter import Emitter
    from dlspec.lowering.inference import Inference

ABOUT = (
    "For inference: batch norms are within the layers before them, and what only training needs is left out; "
    "`fold` makes its weights of those that were trained."
)

_FOLD = """\
def fold(state: dict[str, Tensor]) -> dict[str, Tensor]:
    \"\"\"The `state_dict` for `build()`, of one of the network as trained.\"\"\"
    gone = tuple(f"{path}." for path in GONE)
    found = {name: value for name, value in state.items() if not name.startswith(gone)}
    for layer, norm, eps, axis, groups in FOLDED:
        variance = state[f"{norm}.running_var"].double() + eps
        scale = state.get(f"{norm}.weight", torch.ones_like(variance)) / variance.sqrt()
        weight = state[f"{layer}.weight"]
        channels = [1] * weight.dim()
        channels[axis] = -1
        parts = zip(weight.double().chunk(groups), scale.chunk(groups))
        scaled = torch.cat([part * by.view(channels) for part, by in parts])
        shift = state.get(f"{norm}.bias", 0) - state[f"{norm}.running_mean"] * scale
        bias = state.get(f"{layer}.bias", 0) * scale + shift
        found[f"{layer}.weight"] = scaled.to(weight.dtype)
        found[f"{layer}.bias"] = bias.to(weight.dtype)
    return """

_MOVED = """\
{_moved(name): value for name, value in found.items()}


def _moved(name: str) -> str:
    for old, new in MOVED.items():
        if name == old or name.startswith(f"{old}."):
            return new + name[len(old) :]
    return name"""


def write_fold(emit: Emitter, inference: Inference) -> None:
    """The function, and the tables that it goes by."""
    emit.line("# Layer, batch norm after it, its eps, the axis of output channels, groups.")
    rows = [
        f"({python_literal(f.layer)}, {python_literal(f.norm)}, {python_literal(f.eps)}, {f.axis}, {f.groups})"
        for f in inference.folds
    ]
    _table(emit, "FOLDED: list[tuple[str, str, float, int, int]]", "[]", rows)
    emit.line("# What this network does without.")
    norms = "*(norm for _, norm, *_ in FOLDED)"
    _table(emit, "GONE", "[]", [norms, *map(python_literal, inference.left_out)])
    if inference.moved:
        emit.line("# Paths as trained, and here.")
        pairs = [f"{python_literal(old)}: {python_literal(new)}" for old, new in inference.moved.items()]
        _table(emit, "MOVED", "{}", pairs)
    emit.blank(2)
    for line in (_FOLD + (_MOVED if inference.moved else "found")).splitlines():
        emit.line(line)


def _table(emit: Emitter, name: str, brackets: str, rows: list[str]) -> None:
    """A row a line."""
    if not rows:
        emit.line(f"{name} = {brackets}")
        return
    emit.line(f"{name} = {brackets[0]}")
    emit.indent()
    for row in rows:
        emit.line(f"{row},")
    emit.dedent()
    emit.line(brackets[1])

"""Positions of a map that its windows never read: between two windows, and at the end of an axis."""

from __future__ import annotations

from math import gcd

from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.analyses.lints.uses import Uses
    from dlspec.graph import Node, Tensor
    from dlspec.sizes import Window

    Readers = Sequence[tuple[Node, Sequence[Window]]]

MOVING = ("convolution", "pooling")
MOST = 4096
"""Positions within a stride that are told apart; larger windows are not looked at."""
AXES = {1: ("positions",), 2: ("rows", "columns"), 3: ("slices", "rows", "columns")}


def unread_positions(uses: Uses) -> Iterator[Diagnostic]:
    """For each map that only windows read: what lies between all of them, or behind the last."""
    seen: set[Tensor] = set()
    for node in uses.graph.nodes:
        if node.op.family not in MOVING or len(node.inputs) != 1 or node.inputs[0] in seen:
            continue
        tensor = node.inputs[0]
        seen.add(tensor)
        readers = _windowed(uses, tensor)
        if not readers:
            continue
        kept = _kept_shares(readers)
        if any(kept_of < step for kept_of, step in kept):
            yield _skipped(tensor, readers[0], kept)
        else:
            left = _left_over(tensor, readers)
            if any(left):
                yield _left_behind(tensor, readers[0], left)


def _windowed(uses: Uses, tensor: Tensor) -> Readers:
    """Every reader with its windows; none where one of them reads everything, or reads in another step."""
    if tensor in uses.results:
        return ()
    found: list[tuple[Node, Sequence[Window]]] = []
    for node in uses.readers.get(tensor, ()):
        windows = tuple(node.op.windows()) if node.op.family in MOVING and len(node.inputs) == 1 else ()
        if not windows or all(window.step == 1 and window.apart == 1 for window in windows):
            return ()
        if any(_count_of_places(window) > MOST for window in windows):
            return ()
        if found and [window.step for window in windows] != [window.step for window in found[0][1]]:
            return ()
        found.append((node, windows))
    return found


def _kept_shares(readers: Readers) -> list[tuple[int, int]]:
    """For each axis, of so many positions in a row (the step) how many are read, by any of the readers."""
    shares = []
    for axis, first in enumerate(readers[0][1]):
        read = {place for _, windows in readers for place in _places(windows[axis])}
        shares.append((len(read), first.step))
    return shares


def _places(window: Window) -> set[int]:
    """Positions that a window looks at, as remainders by its step."""
    return {(tap * window.apart - window.before) % window.step for tap in range(_count_of_places(window))}


def _count_of_places(window: Window) -> int:
    """How many remainders there are: taps that lie a multiple of the step apart share one."""
    return min(_taps(window), window.step // gcd(window.step, window.apart))


def _taps(window: Window) -> int:
    return (window.span - 1) // window.apart + 1


def _left_over(tensor: Tensor, readers: Readers) -> list[int]:
    """How many positions lie behind the last window along each axis; 0 where a size is open."""
    count = len(readers[0][1])
    left = []
    for axis, size in enumerate(tensor.shape[-count:]):
        ends = [
            (made - 1) * windows[axis].step - windows[axis].before + windows[axis].span
            for node, windows in readers
            if isinstance(made := node.outputs[0].shape[axis - count], int)
        ]
        left.append(max(0, size - max(ends)) if isinstance(size, int) and len(ends) == len(readers) else 0)
    return left


def _skipped(tensor: Tensor, reader: tuple[Node, Sequence[Window]], kept: list[tuple[int, int]]) -> Diagnostic:
    """W0419: what a stride steps over."""
    node, windows = reader
    read, of = 1, 1
    for one, step in kept:
        read, of = read * one, of * step
    axis = next(index for index, (one, step) in enumerate(kept) if one < step)
    window, name = windows[axis], AXES[len(windows)][axis]
    taps = _taps(window)
    spaced = f" spaced by {window.apart}" if window.apart > 1 else ""
    reads = ", ".join(str(place) for place in _first_read(window, 4))
    stride = taps * window.apart if window.apart == 1 else 1
    return problem(
        "W0419", f"`{node.path}` steps over what it never reads", node.span,
        f"reads {read} of {of} positions" if of > window.step or read > 1 else f"reads 1 of {of} positions",
        also=[(tensor.node.span, "is read by nothing else")],
        notes=[f"a window of {taps}{spaced} and a stride of {window.step}: of the {name} it reads {reads}, …"],
        fixes=[Fix(f"lower the stride to {stride}, or widen the window to {window.step}", safety="placeholder")],
    )  # fmt: skip


def _first_read(window: Window, count: int) -> list[int]:
    places = sorted(_places(window))
    return [place + lap * window.step for lap in range(count) for place in places][:count]


def _left_behind(tensor: Tensor, reader: tuple[Node, Sequence[Window]], left: list[int]) -> Diagnostic:
    """W0418: what is left over at the end of an axis."""
    node, windows = reader
    sizes = [int(size) for size in tensor.shape[-len(left) :]]  # type: ignore[arg-type]  # numbers, where some is left
    names = AXES[len(left)]
    parts = [_last(count, size, name) for count, size, name in zip(left, sizes, names) if count]
    whole, kept = 1, 1
    for count, size in zip(left, sizes):
        whole, kept = whole * size, kept * (size - count)
    axis = next(index for index, count in enumerate(left) if count)
    window, count, size = windows[axis], left[axis], sizes[axis]
    notes = [
        f"windows of {window.span} that start {window.step} apart fit {size - count} {names[axis]} or "
        f"{size - count + window.step}, not {size}: {whole - kept:,} of {whole:,} positions are lost"
    ]
    ceils = "ceil_mode" in node.op.fields
    help_ = "round up with `ceil_mode=true`, or choose" if ceils else "pad, or choose"
    return problem(
        "W0418", f"`{node.path}` never reads {' and '.join(parts)}", node.span,
        f"stops {count} short of the end" if len(parts) == 1 else f"stops {count} short",
        also=[(tensor.node.span, f"gives {' '.join(str(one) for one in tensor.shape)}")], notes=notes,
        fixes=[Fix(f"{help_} sizes that leave nothing over", safety="placeholder")],
    )  # fmt: skip


def _last(count: int, size: int, name: str) -> str:
    """`row 12`, `columns 11 to 12`: counted from 0."""
    if count == 1:
        return f"{name.removesuffix('s')} {size - 1}"
    return f"{name} {size - count} to {size - 1}"

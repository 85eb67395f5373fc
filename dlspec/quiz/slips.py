"""The mistakes that people make with these formulas: the number each leads to, and what to say of it."""

from __future__ import annotations

from dlspec.analyses.derivations import slid_axes, widest
from dlspec.analyses.reach import Reach
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.analyses.derivations import Slid
    from dlspec.analyses.receptive_field import ReceptiveFields
    from dlspec.graph import Node

    Answer = tuple[int, ...]
    Slip = tuple[Answer, str]


def of_shape(node: Node, answer: Answer) -> list[Slip]:
    slid = slid_axes(node)
    if slid:
        return [*_of_windows(node, slid, answer)]
    before = tuple(size for size in node.inputs[0].shape[1:] if isinstance(size, int))
    found: list[Slip] = [(before, "that is what comes in")]
    if node.op.name == "flatten" and len(before) == 3:
        found.append((before[1:], "the channels are there still: all axes after the batch are folded"))
        found.append((_product(before[1:]), "each channel has that many: multiply by the channels too"))
    return found


def _product(sizes: tuple[int, ...]) -> Answer:
    total = 1
    for size in sizes:
        total *= size
    return (total,)


def _of_windows(node: Node, slid: list[Slid], answer: Answer) -> Iterator[Slip]:
    """The size formula with a part of it forgotten, on every axis that windows slide along."""
    before, spatial = node.inputs[0].shape[1], len(slid)
    channels = answer[: len(answer) - spatial]
    right, each = answer[-spatial:], [_wrong_sizes(one) for one in slid]
    for words in each[0] if all(each) else ():
        sizes = tuple(wrong[words] for wrong in each)
        if sizes != right:
            yield (*channels, *sizes), words
    if isinstance(before, int) and channels and before != channels[0]:
        yield (before, *right), "the sizes are right; what comes out has a channel for each filter"
    yield right, "the channels are missing"
    yield (*right, *channels), "the numbers are right, the order is not: channels, then height and width"


def _wrong_sizes(slid: Slid) -> dict[str, int]:
    """What ⌊(in − k + padding)/stride⌋ + 1 comes to with a part forgotten, by what was forgotten."""
    window, length = slid.window, slid.before
    if not isinstance(length, int):
        return {}
    span, step = window.span, window.step
    room = length + window.before + window.after - span
    return {
        "there is one window more than there are steps between them: `+ 1` at the end": room // step,
        "the padding is left out": (length - span) // step + 1,
        "padding is added on both sides: it counts twice": (length + window.before - span) // step + 1,
        "the stride is left out": room + 1,
        "a window that reaches over the edge is left out: round down": -(-room // step) + 1,
        "the window itself is left out: it takes k positions, so that in − k steps are left": -(-length // step),
    }


def of_parameters(node: Node, total: int) -> list[Slip]:
    module = node.module
    shapes = dict(module.weights) if module is not None else {}
    weight, bias = _numbers(shapes.get("weight")), _numbers(shapes.get("bias"))
    if weight is None:
        return []
    count = _product(weight)[0]
    found: list[Slip] = []
    if bias is not None:
        each = "filter" if node.op.family == "convolution" else "unit"
        found.append(((count,), f"those are the weights; each {each} has an offset as well, {bias[0]:,} in all"))
        if bias[0] != 1:
            found.append(((count + 1,), f"there is an offset for each {each}, not one for all: {bias[0]:,}"))
    if node.op.family == "convolution" and len(weight) > 2:
        filters, deep, *extent = weight
        area = _product(tuple(extent))[0]
        one = area * deep + (bias is not None)
        found.append(((one,), f"that is one filter; there are {filters}"))
        found.append(
            (((area + (bias is not None)) * filters,), f"a filter is as deep as what comes in: {deep} channels")
        )
        found.append(((area * filters,), f"a filter is as deep as what comes in: {deep} channels"))
        positions = _numbers(node.outputs[0].shape[2:])
        if positions is not None:
            shared = "the weights are shared: the same filter at every position, counted once"
            found.append(((total * _product(positions)[0],), shared))
        sides = _numbers(node.inputs[0].shape[1:]), _numbers(node.outputs[0].shape[1:])
        if sides[0] is not None and sides[1] is not None:
            dense = _product(sides[0])[0] * _product(sides[1])[0]
            found += [((dense + more,), "that would be a fully connected layer") for more in (0, _product(sides[1])[0])]
    if node.op.family == "normalization":
        found.append(((2 * total,), "the running mean and variance are kept, not learned"))
    return found


def of_macs(node: Node, macs: int, parameters: int) -> list[Slip]:
    found: list[Slip] = [((2 * macs,), "those are operations: a multiply-add is one multiplication with one addition")]
    found.append(((parameters,), "each weight is used at every position of what comes out"))
    module = node.module
    weight = _numbers(dict(module.weights).get("weight")) if module is not None else None
    if weight is not None:
        found.append((_product(weight), "each weight is used at every position of what comes out"))
    positions = _numbers(node.outputs[0].shape[2:])
    if positions:
        found.append(
            ((parameters * _product(positions)[0],), "adding an offset multiplies nothing: leave the biases out")
        )
    return found


def of_field(node: Node, fields: ReceptiveFields) -> list[Slip]:
    field = fields.of(node)
    name = fields.inputs_of(node)[0]
    assert field is not None
    before = widest(node, name, field.axes[-1], fields)
    seen = fields.of(before, name) if before is not None else None
    windows = [one.window for one in slid_axes(node)][-2:]
    if seen is None or len(windows) != 2 or not all(isinstance(sight, Reach) for sight in seen.sights):
        return []
    pairs = [(one.span, int(one.stride), window) for one, window in zip(seen.reaches, windows, strict=True)]
    found: list[Slip] = []
    if any(jump > 1 for _, jump, _ in pairs):
        jump = pairs[-1][1]
        words = f"a step on this map is {jump} positions of the input: k − 1 counts {jump} times"
        found.append((tuple(span + window.span - 1 for span, _, window in pairs), words))
    found.append((tuple(window.span for *_, window in pairs), "that is the window on the map before, not on the input"))
    found.append((
        tuple(span + window.span * jump for span, jump, window in pairs),
        "a window of k reaches k − 1 positions further, since its own middle is seen already",
    ))  # fmt: skip
    found.append((
        tuple(span + (window.span - 1) * jump * window.step for span, jump, window in pairs),
        "the stride of the layer itself counts from the next layer on",
    ))  # fmt: skip
    found.append((
        tuple(span * window.span for span, _, window in pairs), "fields are added to, not multiplied: RF + (k − 1)·jump"
    ))  # fmt: skip
    return found


def _numbers(shape: object) -> Answer | None:
    """A shape of known sizes."""
    if not isinstance(shape, tuple) or not all(isinstance(size, int) for size in shape):
        return None
    return shape

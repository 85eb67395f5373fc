"""What an operator refuses, as a diagnostic: at the smallest place, with the shapes that met there."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit, Fix
from dlspec.elaborate.frame import Frame
from dlspec.elaborate.run import Run
from dlspec.elaborate.values import ArgumentSpans
from dlspec.graph import Node, Tensor
from dlspec.ops.op import Mistake, Op, spaced
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from dlspec.source import Span


def say(
    run: Run, frame: Frame, op: Op, mistake: Mistake, tensors: list[Tensor], where: dict[str, Span],
    spans: ArgumentSpans, call: tree.Expr,
) -> None:  # fmt: skip
    """A mistake of an operator as a diagnostic, at the parameter or input it is about."""
    batchless = tensors[mistake.input or 0] if mistake.lacks_batch else None
    if batchless is not None and batchless in run.batchless:
        return  # said where it was met first
    span = spans.call
    if isinstance(call, tree.Binary):
        span = call.span
    if mistake.parameter is not None and mistake.parameter in where:
        span = where[mistake.parameter]
    also = []
    if mistake.input is not None or mistake.code in ("E0301", "E0302", "E0305", "E0307", "E0312"):
        for tensor in tensors:
            origin = _origin(tensor)
            if origin is not None and not (origin.source is span.source and origin.start <= span.start < origin.end):
                also.append((origin, f"gives {spaced(tensor.shape)}"))
    notes = [*mistake.notes, *_shrinking(tensors, mistake), *_sized(tensors, mistake), *_unpadded(tensors, mistake)]
    fixes = []
    if mistake.insert:
        at = call.span.source.span(call.span.start, call.span.start)
        fixes.append(Fix(mistake.help or f"put `{mistake.insert}` before", [Edit(at, f"{mistake.insert} -> ")]))
    elif mistake.help:
        fixes.append(Fix(mistake.help, safety="placeholder"))
    if batchless is not None and batchless.node.op.family == "input":
        run.batchless.add(batchless)
        fixes += _with_batch(batchless)
    if batchless is not None and batchless.node.op.name == "reshape":
        fixes += _reshaped_with_batch(batchless)
    label = mistake.label
    if mistake.input is not None and span is spans.call and len(tensors) == 1:
        label = f"gets {spaced(tensors[0].shape)}"
    run.report(frame, mistake.code, mistake.message, span, label, also=also[:4], notes=notes, fixes=fixes)


def _origin(tensor: Tensor) -> Span | None:
    """Where a tensor was made, on its smallest span."""
    call = tensor.node.call
    if isinstance(call, tree.Call):
        return call.function.span
    return tensor.node.span


def _with_batch(tensor: Tensor) -> list[Fix]:
    """The input with the batch as its first axis, where its type is written out."""
    span = tensor.node.span
    bracket = span.source.text.find("[", span.start, span.end)
    if bracket < 0:
        return []
    batch = next(name for name in ("N", "B", "BATCH") if name not in map(str, tensor.shape))
    place = span.source.span(bracket + 1, bracket + 1)
    sizes = ", ".join([batch, *map(str, tensor.shape)])
    return [Fix(f"the batch comes first: `{tensor.dtype}[{sizes}]`", [Edit(place, f"{batch}, ")])]


def _reshaped_with_batch(tensor: Tensor) -> list[Fix]:
    """`reshape([512, 4, 4])` with the batch before the sizes of an image."""
    span = tensor.node.span
    bracket = span.source.text.find("[", span.start, span.end)
    if bracket < 0:
        return []
    sizes = ", ".join(map(str, ("-1", *tensor.shape)))
    place = span.source.span(bracket + 1, bracket + 1)
    return [Fix(f"keep the batch: `reshape([{sizes}])`", [Edit(place, "-1, ")])]


def _unpadded(tensors: list[Tensor], mistake: Mistake) -> list[str]:
    """For maps of one map that differ by what their windows cut off at the edges: the padding that keeps the size."""
    layers = [_window(tensor) for tensor in tensors] if mistake.code == "E0302" else []
    found = {layer.path: _window_size(layer) // 2 for layer in layers if layer is not None}
    if len(found) < 2 or None in layers or len({layer.inputs[0].shape[2:] for layer in layers if layer}) > 1:
        return []
    words = " and ".join(f"`padding={pad}` in `{path}`" for path, pad in found.items() if pad)
    return [f"an unpadded window of k makes a map k − 1 smaller; {words} would keep the size"] if words else []


def _window(tensor: Tensor) -> Node | None:
    """The convolution, of odd windows one apart and unpadded, from which a tensor comes by steps that keep its size."""
    node = tensor.node
    while node.inputs and node.inputs[0].shape[2:] == tensor.shape[2:] and node.op.family != "convolution":
        node = node.inputs[0].node
    return node if node.op.family == "convolution" and _window_size(node) else None


def _window_size(node: Node) -> int:
    """The size of a window that is the same along all axes, odd, undilated, one apart and unpadded; 0 for others."""
    stride, padding, dilation, kernel = (
        set(getattr(node.op, name, None) or ()) for name in ("stride", "padding", "dilation", "kernel_size")
    )
    (size,) = kernel if len(kernel) == 1 else (0,)
    plain = (stride, dilation, padding) == ({1}, {1}, {0}) and node.op.name in ("conv1d", "conv2d", "conv3d")
    return size if plain and size % 2 else 0


def _sized(tensors: list[Tensor], mistake: Mistake) -> list[str]:
    """For maps that differ where one was made by `upsample(2)`: the number is its size."""
    if mistake.code != "E0302":
        return []
    sizes = [tensor.node.op.given.get("size") for tensor in tensors if tensor.node.op.name == "upsample"]
    return [
        f"`upsample({size})` makes a map of the size {size}; `scale_factor={size}` makes one {size} times as large"
        for size in sizes
        if type(size) is int
    ][:1]


def _shrinking(tensors: list[Tensor], mistake: Mistake) -> list[str]:
    """For a window that does not fit: how the map came to its size, back to the input."""
    if mistake.code != "E0307" or not tensors:
        return []
    sizes: list[str] = []
    tensor: Tensor | None = tensors[0]
    last = None
    while tensor is not None and len(tensor.shape) > 2 and len(sizes) < 8:
        size = spaced(tensor.shape[2:])
        if size != last:
            where = tensor.node.path if tensor.node.op.family == "input" else f"`{tensor.node.path}`"
            sizes.append(f"{size} ({where})")
            last = size
        tensor = tensor.node.inputs[0] if tensor.node.inputs else None
    return [f"the map, from here back: {', '.join(sizes)}"] if len(sizes) > 1 else []

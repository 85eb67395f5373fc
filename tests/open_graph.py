"""Random networks of open height and width, each step twice: as a line of a spec, and as a call of torch.

Nothing of dlspec takes part in the second. Beyond what torch refuses, a step here refuses what the catalogue refuses on
purpose (`REFUSED_BEYOND_TORCH`): empty results, slices past an axis, and stretching an open size that happens to be 1.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Values = dict[str, Tensor]
Run = Callable[[Values], Tensor]
CHANNELS = 4
WEIGHTED = re.compile(r"\b(conv2d|conv_transpose2d|linear|multihead_attention)\b")
"""What needs a label in a spec."""


class Refused(Exception):
    """What the catalogue refuses although torch runs it."""


class Made:
    """A value of the graph: its name, whether it is a map or a row of tokens, and which axes are open."""

    def __init__(self, name: str, kind: str, is_open: tuple[bool, bool]) -> None:
        self.name = name
        self.kind = kind
        self.is_open = is_open
        """Height and width of a map; of tokens the first says whether their number is open."""


class OpenGraph:
    """The lines of a spec and torch's way of each; `guide` is a size for which most steps run."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.made = [Made("x", "map", (True, True))]
        self.is_closed = False
        """Whether sizes are given beforehand, so that no axis is open."""
        self.lines: list[str] = []
        self.runs: list[tuple[str, Run]] = []
        sides = (7, 12, 16, 21, 24, 32, 37)
        self.guide = (self.random.choice(sides), self.random.choice(sides))
        self.values: Values = {"x": torch.empty(2, CHANNELS, *self.guide, device="meta")}
        self.declared, self.is_declared = self.random.choice(DECLARED if self.random.random() < 0.3 else DECLARED[:1])
        for _ in range(self.random.randint(1, 9)):
            if not self._grow():
                break

    def _grow(self) -> bool:
        """Add a step, mostly one that runs at the guiding size; whether it does."""
        for _ in range(6):
            made, line, run = self.random.choice(STEPS)(self)
            try:
                self.values[made.name] = checked(run(self.values))
            except (RuntimeError, ValueError, IndexError, Refused):
                if self.random.random() < 0.04:
                    self._add(made, line, run)
                    return False
            else:
                self._add(made, line, run)
                return True
        return True

    def _add(self, made: Made, line: str, run: Run) -> None:
        self.made.append(made)
        labelled = WEIGHTED.sub(lambda found: f"{made.name}_{found[1]}: {found[0]}", line)
        self.lines.append(f"  {made.name} = {f'({labelled})' if line.startswith('multihead') else labelled}")
        self.runs.append((made.name, run))

    @property
    def text(self) -> str:
        """The spec; every value is an output, so that all shapes can be held against torch's."""
        outputs = "\n".join(f"  output y{i} = {name}" for i, (name, _) in enumerate(self.runs)) or "  output y = x"
        lines = "\n".join(self.lines)
        return f"network open {{\n  input x: float32[2, {CHANNELS}, H, W]{self.declared}\n{lines}\n{outputs}\n}}\n"

    def shapes(self, height: int, width: int, is_closed: bool = False) -> list[tuple[int, ...]] | None:
        """The shape of every value in torch at that size; None where a step does not run."""
        self.is_closed = is_closed
        values: Values = {"x": torch.empty(2, CHANNELS, height, width, device="meta")}
        try:
            for name, run in self.runs:
                values[name] = checked(run(values))
        except (RuntimeError, ValueError, IndexError, Refused):
            return None
        return [tuple(values[name].shape) for name, _ in self.runs]

    # What steps draw from

    def of(self, kind: str) -> Made:
        found = [made for made in self.made if made.kind == kind]
        if not found:
            return self.made[0] if kind == "map" else self.made[-1]
        return found[-1] if self.random.random() < 0.6 else self.random.choice(found)

    def beside(self, first: Made) -> Made:
        """Another value of its kind, mostly one that has its size."""
        alike = [m for m in self.made if m.kind == first.kind and m is not first]
        size = self.values[first.name].shape[2:]
        same = [m for m in alike if self.values[m.name].shape[2:] == size]
        return self.random.choice(same if same and self.random.random() < 0.9 else alike or [first])

    def small(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def flag(self) -> bool:
        return self.random.random() < 0.5

    def new(self, kind: str, is_open: tuple[bool, bool]) -> Made:
        return Made(f"v{len(self.made)}", kind, is_open)

    def map_like(self, x: Made) -> Made:
        return self.new("map", x.is_open)

    def stretches(self, x: Made) -> list[bool]:
        """Whether each axis may be stretched where it is 1: its size is a number of the spec."""
        return [self.is_closed or not is_open for is_open in x.is_open]

    def channels(self, x: Made) -> int:
        return self.values[x.name].shape[1]


def checked(result: Tensor) -> Tensor:
    if 0 in result.shape:
        raise Refused("empty")
    return result


DECLARED: tuple[tuple[str, Callable[[int, int], bool]], ...] = (
    ("", lambda height, width: True),
    (" where H % 8 == 0", lambda height, width: height % 8 == 0),
    (" where H % 4 == 0, W % 4 == 0", lambda height, width: height % 4 == 0 and width % 4 == 0),
    (" where H >= 16, W in 8..40", lambda height, width: height >= 16 and 8 <= width <= 40),
    (" where W == H", lambda height, width: width == height),
)
"""What an input may declare of its sizes, and what it means."""

Step = tuple[Made, str, Run]


def _word(flag: bool) -> str:
    return str(flag).lower()


def convolution(g: OpenGraph) -> Step:
    x, out = g.of("map"), g.random.choice((2, 4, 4, 4, 6))
    kernel, stride = (g.small(1, 5), g.small(1, 5)), g.small(1, 3)
    padding, dilation = (g.small(0, 3), g.small(0, 3)), g.small(1, 2)
    weight = torch.empty(out, g.channels(x), *kernel, device="meta")
    line = f"{x.name} -> conv2d({out}, {list(kernel)}, stride={stride}, padding={list(padding)}, dilation={dilation})"
    return g.map_like(x), line, lambda v: F.conv2d(v[x.name], weight, None, stride, padding, dilation)


def halved(g: OpenGraph) -> Step:
    """The stage that networks are made of: half the size, rounded up or down."""
    x, kernel = g.of("map"), g.random.choice((2, 3, 3, 4))
    padding = g.small(0, kernel // 2)
    weight = torch.empty(CHANNELS, g.channels(x), kernel, kernel, device="meta")
    line = f"{x.name} -> conv2d({CHANNELS}, {kernel}, stride=2, padding={padding})"
    return g.map_like(x), line, lambda v: F.conv2d(v[x.name], weight, None, 2, padding)


def transposed(g: OpenGraph) -> Step:
    x, kernel, stride, padding = g.of("map"), g.small(1, 4), g.small(1, 3), g.small(0, 3)
    more = g.small(0, stride - 1)
    weight = torch.empty(g.channels(x), CHANNELS, kernel, kernel, device="meta")
    extra = f"stride={stride}, padding={padding}, output_padding={more}"
    line = f"{x.name} -> conv_transpose2d({CHANNELS}, {kernel}, {extra})"
    return g.map_like(x), line, lambda v: F.conv_transpose2d(v[x.name], weight, None, stride, padding, more)


def pooled(g: OpenGraph) -> Step:
    x, kernel, stride, ceil = g.of("map"), g.small(1, 4), g.small(1, 3), g.flag()
    padding = g.small(0, kernel // 2)
    function, name = g.random.choice(((F.max_pool2d, "max_pool2d"), (F.avg_pool2d, "avg_pool2d")))
    line = f"{x.name} -> {name}({kernel}, stride={stride}, padding={padding}, ceil_mode={_word(ceil)})"
    return g.map_like(x), line, lambda v: function(v[x.name], kernel, stride, padding, ceil_mode=ceil)


def rescaled(g: OpenGraph) -> Step:
    x, scale = g.of("map"), g.random.choice((2, 2, 2, 3, 0.5, 1.5, 0.75))
    line = f"{x.name} -> interpolate(scale_factor={scale})"
    return g.map_like(x), line, lambda v: F.interpolate(v[x.name], scale_factor=float(scale))


def resized(g: OpenGraph) -> Step:
    x, like = g.of("map"), g.of("map")
    if g.random.random() < 0.3:
        size = (g.small(1, 9), g.small(1, 9))
        line = f"{x.name} -> interpolate({list(size)})"
        return g.new("map", (False, False)), line, lambda v: F.interpolate(v[x.name], size)
    line = f"interpolate({x.name}, {like.name})"
    return g.map_like(like), line, lambda v: F.interpolate(v[x.name], v[like.name].shape[2:])


def cropped(g: OpenGraph) -> Step:
    x, like = g.of("map"), g.of("map")
    if g.flag():
        size, begin = (g.small(1, 9), g.small(1, 9)), g.small(0, 3)
        line = f"{x.name} -> crop({list(size)}, offset={begin})"
        return g.new("map", (False, False)), line, lambda v: _part(v[x.name], size, (begin, begin))
    if g.flag():
        begin = g.small(0, 4)
        line = f"crop({x.name}, {like.name}, offset={begin})"
        return g.map_like(like), line, lambda v: _part(v[x.name], tuple(v[like.name].shape[2:]), (begin, begin))
    return g.map_like(like), f"crop({x.name}, {like.name})", lambda v: _middle(v[x.name], tuple(v[like.name].shape[2:]))


def _middle(x: Tensor, size: tuple[int, ...]) -> Tensor:
    return _part(x, size, tuple((whole - part) // 2 for whole, part in zip(x.shape[2:], size)))


def _part(x: Tensor, size: tuple[int, ...], begin: tuple[int, ...]) -> Tensor:
    for axis, (length, start) in enumerate(zip(size, begin), 2):
        x = x.narrow(axis, start, length)  # raises where it reaches past the axis
    return x


def padded(g: OpenGraph) -> Step:
    x, mode = g.of("map"), g.random.choice(("constant", "constant", "reflect", "replicate"))
    low = -2 if mode == "constant" else 0
    sides = [g.small(low, 3) for _ in range(4)]
    line = f'{x.name} -> pad({sides}, mode="{mode}")'
    return g.map_like(x), line, lambda v: F.pad(v[x.name], sides, mode=mode)


def added(g: OpenGraph) -> Step:
    x = g.of("map")
    y = g.beside(x)
    open_axes = tuple(a or b for a, b in zip(x.is_open, y.is_open))
    made = g.new("map", (open_axes[0], open_axes[1]))
    return made, f"{x.name} + {y.name}", lambda v: _sum(v[x.name], v[y.name], g.stretches(x), g.stretches(y))


def _sum(a: Tensor, b: Tensor, a_stretches: list[bool], b_stretches: list[bool]) -> Tensor:
    """The sum, in which an axis is stretched only where its size of 1 stands in the spec."""
    axes = range(a.dim() - len(a_stretches), a.dim()) if a.dim() == 4 else (1,)
    for axis, a_may, b_may in zip(axes, a_stretches, b_stretches):
        left, right = a.shape[axis], b.shape[axis]
        if left != right and not (left == 1 and a_may) and not (right == 1 and b_may):
            raise Refused("an open size is stretched")
    return a + b


def joined(g: OpenGraph) -> Step:
    x = g.of("map")
    y, dim = g.beside(x), g.random.choice((1, 1, 1, 2, 3))
    along = tuple(x.is_open[i] or y.is_open[i] if dim == i + 2 else x.is_open[i] and y.is_open[i] for i in (0, 1))
    line = f"concat([{x.name}, {y.name}], dim={dim})"
    return g.new("map", (along[0], along[1])), line, lambda v: torch.cat([v[x.name], v[y.name]], dim)


def sliced(g: OpenGraph) -> Step:
    x, axis = g.of("map"), g.small(0, 1)
    stop = g.random.choice((None, None, -1, -2, 5, 8))
    start = g.small(0 if stop else 1, 3)
    step = g.random.choice((1, 1, 2))
    colons = ":, " * (axis + 2)
    line = f"{x.name}[{colons}{start or ''}:{'' if stop is None else stop}]"
    if step > 1:
        line = f"{x.name} -> slice({axis + 2}, {start}{'' if stop is None else f', {stop}'}, step={step})"
    still = stop is None or stop < 0
    is_open = (x.is_open[0] and (still or axis != 0), x.is_open[1] and (still or axis != 1))

    def run(v: Values) -> Tensor:
        size = v[x.name].shape[axis + 2]
        ends = [start, size if stop is None else stop + size if stop < 0 else stop]
        if not g.stretches(x)[axis] and not all(0 <= end <= size for end in ends):
            raise Refused("past the axis")
        return v[x.name][(*[slice(None)] * (axis + 2), slice(start, stop, step))]

    return g.new("map", is_open), line, run


def chunked(g: OpenGraph) -> Step:
    """Both halves of an axis, joined side by side."""
    x, axis = g.of("map"), g.small(2, 3)

    def run(v: Values) -> Tensor:
        parts = torch.chunk(v[x.name], 2, axis)
        if len(parts) < 2 and not g.stretches(x)[axis - 2]:
            raise Refused("fewer parts than asked for")
        joined = torch.cat(parts, 1)
        return F.conv2d(joined, torch.empty(CHANNELS, joined.shape[1], 1, 1, device="meta"))

    line = f"concat(chunk({x.name}, 2, dim={axis}), dim=1) -> conv2d({CHANNELS}, 1)"
    return g.map_like(x), line, run


def unshuffled(g: OpenGraph) -> Step:
    x, factor = g.of("map"), g.small(2, 3)
    line = f"{x.name} -> pixel_unshuffle({factor}) -> conv2d({CHANNELS}, 1)"
    weight = torch.empty(CHANNELS, g.channels(x) * factor**2, 1, 1, device="meta")
    return g.map_like(x), line, lambda v: F.conv2d(F.pixel_unshuffle(v[x.name], factor), weight)


def squeezed(g: OpenGraph) -> Step:
    """Channels weighted by what is seen of the whole map."""
    x = g.of("map")
    line = f"{x.name} * ({x.name} -> adaptive_avg_pool2d(1) -> conv2d({g.channels(x)}, 1) -> sigmoid)"
    return g.map_like(x), line, lambda v: v[x.name] * F.adaptive_avg_pool2d(v[x.name], 1)


def classified(g: OpenGraph) -> Step:
    x, side = g.of("map"), g.small(1, 3)
    line = f"{x.name} -> adaptive_avg_pool2d({side}) -> flatten -> linear(5)"
    weight = torch.empty(5, g.channels(x) * side**2, device="meta")
    return (
        g.new("row", (False, False)),
        line,
        lambda v: F.linear(F.adaptive_avg_pool2d(v[x.name], side).flatten(1), weight),
    )


def tokens(g: OpenGraph) -> Step:
    x = g.of("map")
    line = f"{x.name} -> flatten(2) -> transpose(1, 2) -> linear({CHANNELS})"
    weight = torch.empty(CHANNELS, g.channels(x), device="meta")
    made = g.new("tokens", (any(x.is_open), False))
    return made, line, lambda v: F.linear(v[x.name].flatten(2).transpose(1, 2), weight)


def attention(g: OpenGraph) -> Step:
    x = g.of("tokens")
    y = g.of("tokens")
    if "map" in (x.kind, y.kind) or "row" in (x.kind, y.kind):
        return tokens(g)
    line = f"multihead_attention({x.name}, {y.name}, {y.name}, 2)"
    return g.new("tokens", x.is_open), line, lambda v: F.scaled_dot_product_attention(v[x.name], v[y.name], v[y.name])


def mixed(g: OpenGraph) -> Step:
    """Tokens of two maps joined, one after the other or number by number."""
    x = g.of("tokens")
    if x.kind != "tokens":
        return tokens(g)
    y = g.beside(x)
    if g.flag():
        made = g.new("tokens", (x.is_open[0] or y.is_open[0], False))
        return made, f"concat([{x.name}, {y.name}], dim=1)", lambda v: torch.cat([v[x.name], v[y.name]], 1)
    return (
        g.new("tokens", (x.is_open[0] or y.is_open[0], False)),
        f"{x.name} + {y.name}",
        lambda v: _sum(v[x.name], v[y.name], g.stretches(x), g.stretches(y)),
    )


def pictured(g: OpenGraph) -> Step:
    """Tokens laid out as a map of the height and width of another."""
    x, like = g.of("tokens"), g.of("map")
    if x.kind != "tokens":
        return tokens(g)
    line = f"{x.name} -> transpose(1, 2) -> unflatten(2, [{like.name}.height, {like.name}.width])"
    return g.map_like(like), line, lambda v: v[x.name].transpose(1, 2).unflatten(2, tuple(v[like.name].shape[2:]))


def reshaped(g: OpenGraph) -> Step:
    """Rows or columns put into channels, so that an axis must divide."""
    x, parts = g.of("map"), g.random.choice((2, 2, 3))
    channels = g.channels(x)
    weight = torch.empty(CHANNELS, channels * parts, 1, 1, device="meta")
    line = (
        f"{x.name} -> reshape([2, {channels * parts}, {x.name}.height // {parts}, {x.name}.width])"
        f" -> conv2d({CHANNELS}, 1)"
    )

    def run(v: Values) -> Tensor:
        height, width = v[x.name].shape[2:]
        return F.conv2d(v[x.name].reshape(2, channels * parts, height // parts, width), weight)

    return g.map_like(x), line, run


STEPS: tuple[Callable[[OpenGraph], Step], ...] = (
    convolution, convolution, convolution, halved, halved, halved, transposed, transposed, pooled, pooled, pooled,
    rescaled, rescaled, resized, resized, cropped, cropped, padded, added, added, added, added, joined, joined, joined,
    sliced, chunked, unshuffled, squeezed, classified, tokens, attention, mixed, pictured, reshaped,
)  # fmt: skip

"""The checker accepts exactly the graphs that torch's meta device runs, with the same shapes and parameter counts.

Each graph is written twice from the same random choices: as a spec, and as calls of torch. Nothing of
dlspec's own lowering takes part. What is refused beyond torch is `REFUSED_BEYOND_TORCH` of the catalogue.
"""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlspec.elaborate.files import Files
from dlspec.elaborate.network import elaborate
from dlspec.ops.op import REFUSED_BEYOND_TORCH
from dlspec.source import Source

CASES = int(os.environ.get("DLSPEC_RANDOM_GRAPHS", "2000"))
GROUPS = 10
META = {"device": "meta"}

Step = tuple[str, list[nn.Module], Callable[[], object]]
"""The spec of one step, the modules it makes, and torch's way of running it."""


class Draw:
    """One random graph: values so far, lines of the spec, and what torch says of each step."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.values: list[tuple[str, Tensor]] = []
        self.lines: list[str] = []
        self.parameters = 0

    def pick(self, *ranks: int) -> tuple[str, Tensor]:
        """A value, mostly of a rank that suits, sometimes of any."""
        suited = [value for value in self.values if value[1].dim() in ranks]
        if suited and self.random.random() < 0.97:
            return self.random.choice(suited)
        return self.random.choice(self.values)

    def small(self, low: int = 1, high: int = 5) -> int:
        return self.random.randint(low, high)

    def pair(self, low: int = 1, high: int = 4) -> int | list[int]:
        return self.small(low, high) if self.random.random() < 0.7 else [self.small(low, high), self.small(low, high)]

    def flag(self) -> bool:
        return self.random.random() < 0.5


def written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(written, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def arguments(**named: object) -> str:
    return ", ".join(f"{name}={written(value)}" for name, value in named.items())


def tupled(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def module(
    d: Draw, x: tuple[str, Tensor], spec: str, make: Callable[[], nn.Module], batched: int | None = None
) -> Step:
    """A step that torch does with a module; `batched` is the rank that its input has with a batch."""
    made: list[nn.Module] = []

    def run() -> object:
        if batched is not None and x[1].dim() == batched - 1:
            raise ValueError(REFUSED_BEYOND_TORCH["no batch"])
        made.append(make())
        return made[0](x[1])

    return f"{x[0]} -> {spec}", made, run


def convolution(d: Draw) -> Step:
    rank = d.random.choice((1, 2, 2, 2, 3))
    x = d.pick(rank + 2)
    groups = d.random.choice((1, 1, 1, 2, 3))
    out = d.small(1, 6)
    extra = {
        "stride": d.small(1, 3), "padding": d.small(0, 3), "dilation": d.small(1, 2), "groups": groups, "bias": d.flag()
    }  # fmt: skip
    kernel = d.pair() if rank == 2 else d.small(1, 4)
    channels = x[1].shape[1] if x[1].dim() > 1 else 1
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1]
    spec = f"conv{rank}d({out}, {written(kernel)}, {arguments(**extra)})"
    return module(d, x, spec, lambda: kind(channels, out, tupled(kernel), **extra, **META), rank + 2)


def transposed(d: Draw) -> Step:
    x = d.pick(4)
    out, kernel, stride, padding = d.small(1, 4), d.small(1, 4), d.small(1, 3), d.small(0, 2)
    output_padding = d.random.choice((0, 0, 0, 1, 2))
    channels = x[1].shape[1] if x[1].dim() > 1 else 1
    extra = {
        "stride": stride,
        "padding": padding,
        "output_padding": output_padding,
        "dilation": d.small(1, 2),
    }
    spec = f"conv_transpose2d({out}, {kernel}, {arguments(**extra)})"

    def make() -> nn.Module:
        if output_padding >= max(stride, extra["dilation"]):
            raise ValueError("torch's CPU kernel refuses it; its meta device does not look")
        return nn.ConvTranspose2d(channels, out, kernel, **extra, **META)

    return module(d, x, spec, make, 4)


def max_pool(d: Draw) -> Step:
    x = d.pick(4)
    kernel = d.pair(1, 4)
    extra: dict[str, object] = {"padding": d.small(0, 2), "dilation": d.small(1, 2), "ceil_mode": d.flag()}
    if d.flag():
        extra["stride"] = d.small(1, 3)
    return module(
        d,
        x,
        f"max_pool2d({written(kernel)}, {arguments(**extra)})",
        lambda: nn.MaxPool2d(tupled(kernel), **extra),
        4,
    )


def avg_pool(d: Draw) -> Step:
    x = d.pick(4)
    kernel = d.pair(1, 4)
    extra: dict[str, object] = {"padding": d.small(0, 2), "ceil_mode": d.flag()}
    if d.flag():
        extra["stride"] = d.small(1, 3)
    return module(
        d,
        x,
        f"avg_pool2d({written(kernel)}, {arguments(**extra)})",
        lambda: nn.AvgPool2d(tupled(kernel), **extra),
        4,
    )


def adaptive(d: Draw) -> Step:
    x = d.pick(4)
    size = d.pair(1, 5)
    kind, name = d.random.choice(
        ((nn.AdaptiveAvgPool2d, "adaptive_avg_pool2d"), (nn.AdaptiveMaxPool2d, "adaptive_max_pool2d"))
    )
    return module(d, x, f"{name}({written(size)})", lambda: kind(tupled(size)), 4)


def normalization(d: Draw) -> Step:
    name, kind, ranks = d.random.choice(
        (("batch_norm1d", nn.BatchNorm1d, (2, 3)), ("batch_norm2d", nn.BatchNorm2d, (4,)),
         ("instance_norm2d", nn.InstanceNorm2d, (4,)))
    )  # fmt: skip
    x = d.pick(*ranks)
    channels = x[1].shape[1] if x[1].dim() > 1 else 1
    batched = 4 if name == "instance_norm2d" else None
    return module(d, x, name, lambda: kind(channels, **META).eval(), batched)


def group_norm(d: Draw) -> Step:
    x = d.pick(3, 4)
    groups = d.small(1, 4)
    channels = x[1].shape[1] if x[1].dim() > 1 else 1
    return module(d, x, f"group_norm({groups})", lambda: nn.GroupNorm(groups, channels, **META))


def layer_norm(d: Draw) -> Step:
    x = d.pick(2, 3, 4)
    return module(d, x, "layer_norm", lambda: nn.LayerNorm(x[1].shape[-1], **META))


def linear(d: Draw) -> Step:
    x = d.pick(2, 3, 4)
    out, bias = d.small(1, 6), d.flag()
    return module(
        d,
        x,
        f"linear({out}, bias={written(bias)})",
        lambda: nn.Linear(x[1].shape[-1], out, bias=bias, **META),
    )


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "relu6": nn.ReLU6, "leaky_relu": nn.LeakyReLU, "elu": nn.ELU, "gelu": nn.GELU, "silu": nn.SiLU,
    "hardswish": nn.Hardswish, "hardsigmoid": nn.Hardsigmoid, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh,
    "identity": nn.Identity,
    "dropout": nn.Dropout, "prelu": lambda: nn.PReLU(**META),
}  # fmt: skip


def activation(d: Draw) -> Step:
    name = d.random.choice(list(ACTIVATIONS))
    return module(d, d.pick(1, 2, 3, 4), name, lambda: ACTIVATIONS[name]().eval())


def plain(x: tuple[str, Tensor], spec: str, run: Callable[[], object]) -> Step:
    return f"{x[0]} -> {spec}", [], run


def softmax(d: Draw) -> Step:
    x = d.pick(2, 3, 4)
    dim = d.random.randint(-4, 4)
    name, function = d.random.choice((("softmax", F.softmax), ("log_softmax", F.log_softmax)))
    shape = tuple(x[1].shape)  # on the CPU: the meta device does not look whether the axis is there
    return plain(x, f"{name}({dim})", lambda: function(torch.empty(shape), dim).to("meta"))


def flatten(d: Draw) -> Step:
    x = d.pick(2, 3, 4)
    start, end = d.random.randint(-3, 3), d.random.randint(-3, 3)
    return plain(x, f"flatten({start}, {end})", lambda: torch.flatten(x[1], start, end))


def reshape(d: Draw) -> Step:
    x = d.pick(2, 3, 4)
    if d.flag():
        size = [x[1].shape[0], -1]
    else:
        size = [d.random.choice((-1, 1, 2, 3, 4, 6, x[1].shape[0])) for _ in range(d.small(1, 4))]
    return plain(x, f"reshape({written(size)})", lambda: x[1].reshape(size))


def permute(d: Draw) -> Step:
    x = d.pick(2, 3, 4)
    order = list(range(x[1].dim()))
    d.random.shuffle(order)
    if d.random.random() < 0.15:
        order = [d.random.randint(-4, 4) for _ in order]
    return plain(x, f"permute({written(order)})", lambda: x[1].permute(order))


def transpose(d: Draw) -> Step:
    x = d.pick(2, 3, 4)
    a, b = d.random.randint(-4, 4), d.random.randint(-4, 4)
    return plain(x, f"transpose({a}, {b})", lambda: x[1].transpose(a, b))


def squeeze(d: Draw) -> Step:
    x = d.pick(1, 2, 3, 4)
    dim = d.random.randint(-5, 5)
    if d.flag() and x[1].dim() < 5:
        return plain(x, f"unsqueeze({dim})", lambda: x[1].unsqueeze(dim))
    return plain(x, f"squeeze({dim})", lambda: x[1].squeeze(dim))


def reduction(d: Draw) -> Step:
    x = d.pick(2, 3, 4)
    dim: object = d.random.randint(-4, 4)
    if d.random.random() < 0.3:
        dim = [d.random.randint(-3, 3), d.random.randint(-3, 3)]
    keepdim = d.flag()
    name, function = d.random.choice((("mean", torch.mean), ("sum", torch.sum), ("max", torch.amax)))
    spec = f"{name}({written(dim)}, keepdim={written(keepdim)})"
    return plain(x, spec, lambda: function(x[1], dim=tupled(dim), keepdim=keepdim))


def arithmetic(d: Draw) -> Step:
    left, right = d.pick(2, 3, 4), d.pick(2, 3, 4)
    if d.flag():
        alike = [value for value in d.values if value[1].shape == left[1].shape]
        right = d.random.choice(alike)
    sign, function = d.random.choice((("+", torch.add), ("-", torch.sub), ("*", torch.mul), ("/", torch.div)))
    return f"{left[0]} {sign} {right[0]}", [], lambda: function(left[1], right[1])


def scalar(d: Draw) -> Step:
    x = d.pick(1, 2, 3, 4)
    number = d.random.choice((2, 0.5, -1))
    return f"{number} - {x[0]}" if d.flag() else f"{x[0]} * {number}", [], lambda: x[1] * number


def matmul(d: Draw) -> Step:
    left, right = d.pick(2, 3, 4), d.pick(2, 3, 4)
    if d.flag():
        suited = [v for v in d.values if v[1].dim() >= 2 and v[1].shape[-2] == left[1].shape[-1]]
        right = d.random.choice(suited) if suited else right
    return f"matmul({left[0]}, {right[0]})", [], lambda: torch.matmul(left[1], right[1])


def join(d: Draw) -> Step:
    first = d.pick(2, 3, 4)
    alike = [v for v in d.values if v[1].dim() == first[1].dim() and v[1].shape[2:] == first[1].shape[2:]] or [first]
    several = [first, *(d.random.choice(alike) for _ in range(d.small(1, 2)))]
    if d.random.random() < 0.1:
        several.append(d.pick(2, 3, 4))
    dim = d.random.choice((1, 1, 1, 0, -1, 2, 4))
    name, function = d.random.choice((("concat", torch.cat), ("concat", torch.cat), ("stack", torch.stack)))
    names = ", ".join(name for name, _ in several)
    return f"{name}([{names}], dim={dim})", [], lambda: function([t for _, t in several], dim)


def pad(d: Draw) -> Step:
    x = d.pick(3, 4)
    sides = [d.small(0, 3) for _ in range(2 * d.small(1, 2))]
    mode = d.random.choice(("constant", "constant", "reflect", "replicate"))
    return plain(x, f'pad({written(sides)}, mode="{mode}")', lambda: F.pad(x[1], sides, mode=mode))


def interpolate(d: Draw) -> Step:
    x = d.pick(4)
    mode = d.random.choice(("nearest", "bilinear"))
    if d.flag():
        size = d.pair(1, 8)
        return plain(
            x,
            f'interpolate({written(size)}, mode="{mode}")',
            lambda: F.interpolate(x[1], tupled(size), mode=mode),
        )
    scale = d.random.choice((2, 3, 0.5, 1.5))
    return plain(
        x,
        f'interpolate(scale_factor={scale}, mode="{mode}")',
        lambda: F.interpolate(x[1], scale_factor=scale, mode=mode),
    )


def shuffle(d: Draw) -> Step:
    x = d.pick(4)
    factor = d.small(1, 3)
    return plain(x, f"pixel_shuffle({factor})", lambda: F.pixel_shuffle(x[1], factor))


def chunk(d: Draw) -> Step:
    x = d.pick(2, 3, 4)
    count, dim = d.small(1, 3), d.random.randint(-3, 3)
    return f"chunk({x[0]}, {count}, dim={dim})[0]", [], lambda: torch.chunk(x[1], count, dim)[0]


def sliced(d: Draw) -> Step:
    x = d.pick(2, 3, 4)
    start, stop = d.random.randint(-2, 2), d.random.randint(1, 5)
    return f"{x[0]}[:, {start}:{stop}]", [], lambda: x[1][:, start:stop]


def select(d: Draw) -> Step:
    x = d.pick(3, 4)
    index = d.random.randint(-3, 3)
    return f"{x[0]}[:, {index}]", [], lambda: x[1][:, index]


def response_norm(d: Draw) -> Step:
    x = d.pick(4)
    size = d.small(1, 5)
    return module(d, x, f"local_response_norm({size})", lambda: nn.LocalResponseNorm(size))


def attention(d: Draw) -> Step:
    x = d.pick(3)
    heads = d.small(1, 3)
    width = x[1].shape[-1]

    made: list[nn.Module] = []

    def run() -> object:
        if x[1].dim() == 2:
            raise ValueError(REFUSED_BEYOND_TORCH["no batch"])
        made.append(nn.MultiheadAttention(width, heads, batch_first=True, **META).eval())
        return made[0](x[1], x[1], x[1], need_weights=False)[0]

    return f"multihead_attention({x[0]}, {x[0]}, {x[0]}, {heads})", made, run


STEPS = (
    convolution, convolution, convolution, transposed, max_pool, max_pool, avg_pool, adaptive,
    normalization, group_norm, layer_norm, linear, linear, activation, activation, softmax, flatten,
    reshape, permute, transpose, squeeze, reduction, arithmetic, arithmetic, scalar, matmul, join, join,
    pad, interpolate, shuffle, chunk, sliced, select, response_norm, attention,
)  # fmt: skip


def grow(d: Draw) -> bool:
    """Add one step; whether torch runs it. An empty result counts as not run: it is refused."""
    spec, made, run = d.random.choice(STEPS)(d)
    name = f"v{len(d.values)}"
    labelled = spec.partition(" -> ")
    line = (
        f"{labelled[0]} -> m{name}: {labelled[2]}"
        if labelled[1]
        else f"(m{name}: {spec})"
        if _may_be_named(spec)
        else spec
    )
    d.lines.append(f"  {name} = {line}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = run()
    except (
        RuntimeError,
        ValueError,
        IndexError,
        AssertionError,
        TypeError,
        ZeroDivisionError,
        NotImplementedError,
    ):
        return False
    assert isinstance(result, Tensor)
    d.parameters += sum(p.numel() for m in made for p in m.parameters())
    d.values.append((name, result))
    return 0 not in result.shape


def _may_be_named(spec: str) -> bool:
    return spec.startswith(("multihead", "matmul", "concat", "stack"))


def judged(d: Draw) -> tuple[object, list[str]]:
    inputs = "\n".join(
        f"  input {name}: float32[{', '.join(map(str, value.shape))}]"
        for name, value in d.values
        if name.startswith("x")
    )
    last = f"v{len(d.values) - 1}" if not d.values[-1][0].startswith("x") else d.values[-1][0]
    text = "network random {\n" + inputs + "\n" + "\n".join(d.lines) + f"\n  output y = {last}\n}}\n"
    files = Files(None)
    scope = files.load(Source("random.dls", text), None)
    graph, problems = elaborate(scope, "random")
    errors = [f"{p.code} {p.message}" for p in (*files.problems, *problems) if p.severity == "error"]
    return graph if not errors else None, [*errors, text]


def start(seed: int) -> Draw:
    d = Draw(seed)
    batch = d.small(1, 3)
    shapes = [
        (batch, d.small(1, 6), d.small(1, 12), d.small(1, 12)),
        (batch, d.small(1, 6), d.small(1, 10)),
        (batch, d.small(1, 8)),
    ]
    if d.random.random() < 0.2:
        shapes.append((batch, d.small(1, 4), d.small(1, 6), d.small(1, 6), d.small(1, 6)))
    for shape in shapes:
        d.values.append((f"x{len(d.values)}", torch.empty(shape, device="meta")))
    return d


def check_one(seed: int) -> str | None:
    """What disagrees in the graph of a seed, or None."""
    d = start(seed)
    runs = True
    for _ in range(d.small(1, 10)):
        runs = grow(d)
        if not runs:
            break
    if not runs and d.values and f"v{len(d.values)}" not in d.lines[-1]:
        d.values.pop()  # an empty tensor: the last step is judged as one that does not run
    graph, notes = judged(d)
    if (graph is not None) != runs:
        return f"seed {seed}: torch {'runs' if runs else 'refuses'} it, the checker does not agree\n" + "\n".join(notes)
    if graph is None:
        return None
    for name, value in d.values:
        if name.startswith("v"):
            found = _shape_of(graph, d, name)
            if found is not None and found != tuple(value.shape):
                return f"seed {seed}: {name} is {found}, in torch {tuple(value.shape)}\n" + notes[-1]
    counted = sum(_numel(shape) for module in graph.modules.values() for _, shape in module.weights)  # type: ignore[attr-defined]
    if counted != d.parameters:
        return f"seed {seed}: {counted} parameters, in torch {d.parameters}\n" + notes[-1]
    return None


def _shape_of(graph: object, d: Draw, name: str) -> tuple[int, ...] | None:
    node = graph.node(f"m{name}")  # type: ignore[attr-defined]
    if node is None and name == d.values[-1][0]:
        return graph.outputs["y"].shape  # type: ignore[attr-defined]
    return None if node is None else node.outputs[0].shape


def _numel(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


@pytest.mark.parametrize("group", range(GROUPS))
def test_the_checker_agrees_with_torch_on_random_graphs(group: int) -> None:
    wrong = [check_one(seed) for seed in range(group, CASES, GROUPS)]
    assert not any(wrong), "\n\n".join(filter(None, wrong))[:4000]

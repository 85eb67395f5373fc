"""Lints on what windows never read, what depth does to gradients, where parameters lie and what fields see."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from spec_graphs import graph_of
from torch import nn

from dlspec.analyses.lints import lint
from dlspec.checking import Spec, check_spec, open_spec
from dlspec.diagnostics.record import Diagnostic
from dlspec.source import Source

IMAGE = "input image: float32[N, 3, 32, 32]\n"
FEATURES = "input x: float32[N, 16]\n"


def found(body: str, *, before: str = "") -> list[Diagnostic]:
    return lint(graph_of(f"{before}\nnetwork n {{\n{body}\n}}\n"))


def codes(body: str, *, before: str = "") -> list[str]:
    return [diagnostic.code for diagnostic in found(body, before=before)]


def only(body: str, *, before: str = "") -> Diagnostic:
    (diagnostic,) = found(body, before=before)
    return diagnostic


def read_by_torch(layer: nn.Module, size: int) -> torch.Tensor:
    """Which positions of a map get a gradient."""
    x = torch.rand(1, 1, size, size, requires_grad=True)
    for weight in layer.parameters():
        nn.init.ones_(weight)
    layer(x).sum().backward()
    assert x.grad is not None
    return x.grad[0, 0] != 0


# W0418 and W0419: what windows never read


@pytest.mark.parametrize(
    ("size", "call", "layer"),
    [
        (13, "avg_pool2d(2)", nn.AvgPool2d(2)),
        (15, "avg_pool2d(3, stride=2)", nn.AvgPool2d(3, 2)),
        (16, "avg_pool2d(3, stride=2)", nn.AvgPool2d(3, 2)),
        (17, "avg_pool2d(2, ceil_mode=true)", nn.AvgPool2d(2, ceil_mode=True)),
        (14, "avg_pool2d(5, stride=5)", nn.AvgPool2d(5)),
        (16, "avg_pool2d(1, stride=2)", nn.AvgPool2d(1, 2)),
        (16, "conv2d(1, 3, stride=2)", nn.Conv2d(1, 1, 3, 2)),
        (16, "conv2d(1, 3, stride=2, padding=1)", nn.Conv2d(1, 1, 3, 2, 1)),
        (16, "conv2d(1, 3, stride=3)", nn.Conv2d(1, 1, 3, 3)),
        (17, "conv2d(1, 3, stride=2, dilation=2)", nn.Conv2d(1, 1, 3, 2, dilation=2)),
        (17, "conv2d(1, 3, stride=2, dilation=3)", nn.Conv2d(1, 1, 3, 2, dilation=3)),
        (15, "conv2d(1, 2, stride=4, padding=1)", nn.Conv2d(1, 1, 2, 4, 1)),
    ],
)
def test_positions_are_unread_where_torch_gives_them_no_gradient(size: int, call: str, layer: nn.Module) -> None:
    read = read_by_torch(layer, size)
    body = f"input image: float32[N, 1, {size}, {size}]\noutput y = image -> {call}"
    said = codes(body)
    inner = read[2:-4, 2:-4].all()
    if not inner:
        assert said == ["W0419"]
    else:
        assert said == ([] if read[-1].any() else ["W0418"])


def test_what_is_left_over_is_named_and_counted() -> None:
    diagnostic = only("input image: float32[N, 1, 14, 13]\noutput y = image -> pool: max_pool2d(3)")
    lost = 14 * 13 - int(read_by_torch(nn.AvgPool2d(3), 15)[:12, :12].sum())
    assert diagnostic.message == "`pool` never reads rows 12 to 13 and column 12"
    assert f"{lost} of 182 positions are lost" in diagnostic.notes[0]


def test_a_stride_that_steps_over_says_what_it_reads() -> None:
    diagnostic = only(IMAGE + "output y = image -> c: conv2d(8, 1, stride=2)")
    assert diagnostic.code == "W0419"
    assert diagnostic.primary is not None
    assert diagnostic.primary.text == "reads 1 of 4 positions"
    assert "reads 0, 2, 4, 6, …" in diagnostic.notes[0]


@pytest.mark.parametrize(
    "stages",
    [
        "a = image -> c: conv2d(8, 3, stride=2, padding=1)\nb = image -> s: conv2d(8, 1, stride=2)\noutput y = a + b",
        "output y = image -> p: conv2d(8, 16, stride=16)",
        "output y = image -> max_pool2d(3, stride=2, padding=1)",
        "output y = image -> adaptive_avg_pool2d(5)",
        "output h = image -> c: conv2d(8, 3)\noutput y = h -> max_pool2d(1, stride=2)",
        "a = image -> a: conv2d(8, 2, stride=4)\nb = image -> b: conv2d(8, 2, stride=4)\n"
        "c = image -> relu\noutput y = a + b\noutput z = c",
        "output y = image -> conv_transpose2d(8, 2, stride=3)",
    ],
)
def test_what_something_else_reads_is_not_lost(stages: str) -> None:
    assert codes(IMAGE + stages) == []


def test_an_open_size_is_not_guessed() -> None:
    assert codes("input image: float32[N, 3, H, W]\noutput y = image -> max_pool2d(2)") == []


# W0420: activations that level off


def stack(activation: str, count: int, between: str = "") -> str:
    return FEATURES + "output y = x" + f" -> linear(16){between} -> {activation}" * count + " -> linear(2)"


@pytest.mark.parametrize(("activation", "silent", "found_at"), [("sigmoid", 4, 5), ("tanh", 13, 14)])
def test_a_deep_plain_stack_of_what_levels_off_is_found(activation: str, silent: int, found_at: int) -> None:
    assert codes(stack(activation, silent)) == []
    assert codes(stack(activation, found_at)) == ["W0420"]


def test_what_is_left_of_a_gradient_is_a_bound_that_torch_keeps() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, requires_grad=True)
    y = x
    for _ in range(6):
        y = torch.sigmoid(y)
    y.sum().backward()
    assert x.grad is not None
    assert float(x.grad.max()) <= 0.25**6
    assert any(f"0.25^6 = {0.25**6:.1g} is left" in note for note in only(stack("sigmoid", 6)).notes)


@pytest.mark.parametrize("name", ["sigmoid", "hardsigmoid", "tanh", "softsign"])
def test_the_slope_of_an_activation_is_torchs(name: str) -> None:
    from dlspec.ops import lookup

    functions = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "softsign": nn.functional.softsign}
    z = torch.linspace(-9, 9, 200_001, dtype=torch.float64, requires_grad=True)
    functions.get(name, nn.functional.hardsigmoid)(z).sum().backward()
    assert z.grad is not None
    density = torch.exp(-(z.detach() ** 2) / 2) / (2 * torch.pi) ** 0.5
    mean = float((z.grad * density).sum() * 18 / 200_000)
    steepest = float(z.grad.max())
    operator = lookup(name)
    assert operator is not None
    assert operator.levels_off == pytest.approx(steepest if steepest < 0.99 else mean, abs=1e-4)


@pytest.mark.parametrize(
    "body",
    [
        stack("sigmoid", 8, " -> batch_norm1d"),
        stack("relu", 20),
        stack("sigmoid", 4) + " -> sigmoid",
        FEATURES + "".join(f"x = x + (l{i}: linear(x, 16) -> sigmoid)\n" for i in range(8)) + "output y = x",
    ],
)
def test_a_norm_or_a_shortcut_brings_a_gradient_through(body: str) -> None:
    assert "W0420" not in codes(body)


# W0421: no shortcuts


def plain(layers: int) -> str:
    return IMAGE + "output y = image" + " -> conv2d(8, 3, padding=1) -> relu" * layers


def test_more_than_thirty_plain_layers_are_found() -> None:
    assert codes(plain(30)) == []
    diagnostic = only(plain(31))
    assert diagnostic.code == "W0421"
    assert diagnostic.message == "31 layers follow each other with no shortcut past any of them"


def test_a_shortcut_around_blocks_is_enough() -> None:
    block = "block unit(x) {\n y = x -> a: conv2d(3, 3, padding=1) -> relu -> b: conv2d(3, 3, padding=1)\n y + x\n}"
    assert codes(IMAGE + "output y = image -> body: { unit() * 40 }", before=block) == []


# W0422: one layer with most parameters


def test_a_fully_connected_layer_over_a_map_that_holds_most_is_found() -> None:
    body = IMAGE + "output y = image -> conv2d(64, 3) -> relu -> flatten -> fc: linear(100) -> relu -> linear(10)"
    torch_count = sum(p.numel() for p in nn.Linear(64 * 30 * 30, 100).parameters())
    diagnostic = only(body)
    assert diagnostic.code == "W0422"
    assert diagnostic.primary is not None
    assert diagnostic.primary.text.startswith(f"{torch_count:,} of ")
    assert f"{sum(p.numel() for p in nn.Linear(64, 100).parameters()):,} parameters" in diagnostic.notes[1]


@pytest.mark.parametrize(
    "stages",
    [
        "conv2d(64, 3) -> relu -> flatten -> linear(10)",
        "conv2d(64, 3) -> relu -> adaptive_avg_pool2d(1) -> flatten -> linear(20000) -> relu -> linear(10)",
        "conv2d(64, 3) -> relu -> flatten -> linear(20) -> relu -> linear(60000)",
    ],
)
def test_a_layer_that_is_small_or_reads_no_map_may_hold_most(stages: str) -> None:
    assert codes(IMAGE + "output y = image -> " + stages) == []


# W0423: fields beyond the input


def deep_on(size: int) -> str:
    stem = "conv2d(8, 7, stride=2, padding=3) -> relu -> conv2d(8, 7, stride=2, padding=3) -> relu -> conv2d(8, 7, padding=3)"
    return (
        f"input image: float32[N, 3, {size}, {size}]\noutput y = image -> {stem} -> relu"
        " -> late: conv2d(32, 3, padding=1) -> relu -> conv2d(32, 3, padding=1)"
    )


@pytest.mark.parametrize("size", [16, 24, 28, 64])
def test_convolutions_after_the_whole_input_was_seen_are_found(size: int) -> None:
    before = nn.Sequential(nn.Conv2d(1, 1, 7, 2, 3), nn.Conv2d(1, 1, 7, 2, 3), nn.Conv2d(1, 1, 7, 1, 3)).double()
    for weight in before.parameters():
        nn.init.ones_(weight)
    x = torch.rand(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    corner = before(x)[0, 0]
    seen = [torch.autograd.grad(corner[i, i], x, retain_graph=True)[0][0, 0] != 0 for i in (0, -1)]
    sees_all = all(bool(one.all()) for one in seen)
    assert codes(deep_on(size)) == (["W0423"] if sees_all else [])


# W0424: a norm of one value


def test_a_norm_of_one_value_is_found_where_torch_refuses_it() -> None:
    body = "input image: float32[1, 3, 8, 8]\noutput y = image -> adaptive_avg_pool2d({0}) -> batch_norm2d"
    assert codes(body.format(1)) == ["W0424"]
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.BatchNorm2d(3)(torch.rand(1, 3, 1, 1))
    assert codes(body.format(2)) == []
    nn.BatchNorm2d(3)(torch.rand(1, 3, 2, 2))


# All together

SPECS = Path(__file__).parents[2] / "specs"

ZOO = sorted(path.name.partition(".")[0] for path in SPECS.iterdir() if path.suffix in (".dls", ".yaml"))
HERE = Path(__file__).parent.parent / "architectures"
ARCHITECTURES = sorted(path.name for path in HERE.iterdir() if path.suffix in (".dls", ".yaml"))


@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_is_free_of_findings(name: str) -> None:
    assert check_spec(open_spec(name)) == []


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_architectures_are_free_of_findings(name: str) -> None:
    assert check_spec(open_spec(HERE / name)) == []


@pytest.mark.parametrize(
    ("lint_name", "body"),
    [
        ("unread_edge", "input image: float32[N, 1, 13, 13]\noutput y = image -> max_pool2d(2)"),
        ("stride_skips_positions", IMAGE + "output y = image -> conv2d(8, 1, stride=2)"),
        ("vanishing_gradient", stack("sigmoid", 5)),
        ("deep_without_shortcuts", plain(31)),
        ("one_layer_holds_most", IMAGE + "output y = image -> flatten -> linear(1000) -> relu -> linear(10)"),
        ("field_beyond_input", deep_on(16)),
        ("mean_of_one_value", "input image: float32[1, 3, 1, 1]\noutput y = image -> batch_norm2d"),
    ],
)
def test_each_is_silent_where_it_is_allowed(lint_name: str, body: str) -> None:
    assert len(codes(body)) == 1
    text = f'network n {{\nallow {lint_name}: "for this test"\n{body}\n}}\n'
    assert check_spec(Spec(Source("spec.dls", text), None)) == []


# W0451: a size where a factor is meant


@pytest.mark.parametrize("call", ["upsample(2)", "upsample(size=4)", 'upsample(2, mode="bilinear")'])
def test_an_upsample_that_shrinks_is_told_to_take_a_factor(call: str) -> None:
    told = only(f"{IMAGE}output y = image -> {call}")
    assert told.code == "W0451"
    assert "scale_factor=" in told.fixes[0].edits[0].text


@pytest.mark.parametrize(
    "call",
    ["upsample(scale_factor=2)", "upsample(64)", "upsample([2, 2])", "interpolate(2)", "upsample(1)"],
)
def test_a_size_that_is_meant_is_left_alone(call: str) -> None:
    assert codes(f"{IMAGE}output y = image -> {call}") == []

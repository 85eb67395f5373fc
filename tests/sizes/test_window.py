"""Windows compose as a monoid and give the sizes that torch gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from dlspec.sizes import Dim, Window, evaluated, hull, resized_size, symbol, transposed_size
from dlspec.sizes.window import simplest_fraction

H = symbol("H")
SMALL = st.integers(1, 5)
WINDOWS = st.builds(Window.of, SMALL, SMALL, st.integers(0, 3), st.integers(1, 3))
POOLS = st.tuples(SMALL, SMALL, st.integers(0, 2)).filter(lambda pool: pool[2] <= pool[0] // 2)

Layer = tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[Dim], Dim], str]


def meta(length: int, channels: int = 1) -> torch.Tensor:
    return torch.empty(1, channels, length, device="meta")


@given(WINDOWS, WINDOWS, WINDOWS)
def test_windows_compose_associatively(first: Window, second: Window, third: Window) -> None:
    assert first.then(second).then(third) == first.then(second.then(third))


@given(WINDOWS)
def test_the_plain_window_is_the_identity(window: Window) -> None:
    assert Window().then(window) == window == window.then(Window())
    assert hash(Window().then(window)) == hash(window)


@given(WINDOWS, WINDOWS, st.integers(1, 3000))
def test_a_chain_has_the_size_of_its_window(first: Window, second: Window, length: int) -> None:
    assert first.then(second).size(length) == second.size(first.size(length))
    assert first.then(second).size(H) == second.size(first.size(H))


@given(WINDOWS, WINDOWS)
def test_equal_windows_give_equal_sizes(first: Window, second: Window) -> None:
    sizes_agree = all(first.size(length) == second.size(length) for length in range(1, 300))
    assert first.same_size(second) == sizes_agree
    assert first.same_size(second) == (first.size(H) == second.size(H))


@given(WINDOWS.filter(lambda window: window.before < window.span), SMALL, st.integers(1, 400))
def test_a_size_counts_the_positions_that_fit(window: Window, extra: int, length: int) -> None:
    starts = range(-window.before, length + window.after - window.span + 1, window.step)
    assert max(window.size(length), 0) == len(starts)


def test_the_trunk_of_resnet18_sees_435_pixels() -> None:
    block = [Window.of(3, 1, 1), Window.of(3, 1, 1)]
    down = [Window.of(3, 2, 1), Window.of(3, 1, 1)]
    trunk = [
        Window.of(7, 2, 3),
        Window.of(3, 2, 1),
        *block,
        *block,
        *down,
        *block,
        *down,
        *block,
        *down,
        *block,
    ]
    whole = Window()
    for window in trunk:
        whole = whole.then(window)
    assert (whole.span, whole.step, whole.before) == (435, 32, 217)
    assert whole.size(224) == 7
    assert str(whole.size(H)) == "(H + 31)//32"


@given(POOLS, st.integers(1, 200))
def test_ceil_mode_is_one_floor(pool: tuple[int, int, int], length: int) -> None:
    kernel, stride, padding = pool
    window = Window.of(kernel, stride, padding).rounded_up()
    assume(length + 2 * padding >= kernel)
    expected = F.max_pool1d(meta(length), kernel, stride, padding, ceil_mode=True).shape[-1]
    assert window.size(length) == expected == evaluated(window.size(H), {"H": length})


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kernel", range(1, 8))
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_padding_keeps_the_size_and_puts_the_odd_position_right(kernel: int, dilation: int) -> None:
    window = Window.same(kernel, dilation)
    assert window.size(H) == H
    assert window.span == Window.of(kernel, dilation=dilation).span
    signal, taps = torch.arange(1.0, 30.0).view(1, 1, -1), torch.arange(1.0, kernel + 1).view(1, 1, -1)
    ours = F.conv1d(F.pad(signal, (window.before, window.after)), taps, dilation=dilation)
    assert torch.equal(ours, F.conv1d(signal, taps, padding="same", dilation=dilation))


@given(SMALL, SMALL, st.integers(0, 3), st.integers(0, 3), st.integers(1, 3), st.integers(1, 60))
def test_transposed_convolution_has_the_size_of_torch(
    kernel: int, stride: int, padding: int, output_padding: int, dilation: int, length: int
) -> None:
    assume(output_padding < max(stride, dilation))
    options = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    size = transposed_size(length, kernel, **options)
    assume(size >= 1)
    weight = torch.empty(1, 1, kernel, device="meta")
    assert size == F.conv_transpose1d(meta(length), weight, **options).shape[-1]
    assert size == evaluated(transposed_size(H, kernel, **options), {"H": length})


def resized_by_torch(length: int, scale: float) -> int:
    return F.interpolate(meta(length), scale_factor=float(scale)).shape[-1]


@pytest.mark.parametrize("scale", [2, 4, 0.5, 1.5, 0.25, 1 / 3, 2 / 3, 0.1, 0.7, 1.1, 0.3])
def test_resizing_by_a_factor_has_the_size_of_torch(scale: float) -> None:
    for length in range(10, 300):
        assert resized_size(length, scale) == resized_by_torch(length, scale)


@pytest.mark.parametrize("scale", [2, 4, 0.5, 1.5, 0.25, 0.375])
def test_resizing_an_open_size_by_a_binary_fraction_is_exact(scale: float) -> None:
    size = resized_size(H, scale)
    for length in range(10, 300):
        assert evaluated(size, {"H": length}) == resized_by_torch(length, scale)


@pytest.mark.parametrize("scale", [1 / 3, 2 / 3, 0.1, 0.7, 1.1, 0.3])
def test_resizing_an_open_size_by_another_factor_is_at_most_one_more(scale: float) -> None:
    size = resized_size(H, scale)
    for length in range(10, 300):
        assert evaluated(size, {"H": length}) - resized_by_torch(length, scale) in (0, 1)


@given(st.integers(1, 400), st.integers(1, 400))
def test_a_fraction_is_found_again_from_its_float(numerator: int, denominator: int) -> None:
    found = simplest_fraction(numerator / denominator)
    assert found[0] * denominator == numerator * found[1]
    assert found[1] <= denominator


@given(WINDOWS)
def test_the_hull_of_one_window_is_that_window(window: Window) -> None:
    assert hull([window]) == window == hull([window, window])


@given(WINDOWS, WINDOWS, WINDOWS)
def test_the_hull_does_not_depend_on_order_or_grouping(first: Window, second: Window, third: Window) -> None:
    one = hull([first, second, third])
    inner = hull([third, second])
    assert one == hull([third, first, second])
    assert one == (hull([first, inner]) if inner is not None else None)


@given(st.lists(WINDOWS, min_size=1, max_size=4), SMALL)
def test_the_hull_holds_every_window_and_no_more(windows: list[Window], step: int) -> None:
    members = [Window(each.span, step, each.before, each.after) for each in windows]
    whole = hull(members)
    assert whole is not None
    seen = {place for each in members for place in range(-each.before, each.span - each.before)}
    assert (-whole.before, whole.span - whole.before - 1) == (min(seen), max(seen))
    assert whole.size(1000) == max(each.size(1000) for each in members)


def test_windows_of_different_steps_have_no_hull() -> None:
    assert hull([Window.of(3), Window.of(3, stride=2)]) is None
    assert hull([]) is None


def _convolution(kernel: int, stride: int, padding: int, dilation: int) -> Layer:
    weight = torch.empty(1, 1, kernel, device="meta")
    window = Window.of(kernel, stride, padding, dilation)
    return lambda x: F.conv1d(x, weight, None, stride, padding, dilation), window.size, f"conv{window}"


def _pool(pool: tuple[int, int, int], ceil: bool) -> Layer:
    kernel, stride, padding = pool
    window = Window.of(kernel, stride, padding)
    window = window.rounded_up() if ceil else window
    return lambda x: F.max_pool1d(x, kernel, stride, padding, ceil_mode=ceil), window.size, f"pool{window}"


def _transposed(kernel: int, stride: int) -> Layer:
    weight = torch.empty(1, 1, kernel, device="meta")
    return (
        lambda x: F.conv_transpose1d(x, weight, None, stride),
        lambda length: transposed_size(length, kernel, stride=stride),
        f"transposed({kernel}, {stride})",
    )


LAYERS = st.one_of(
    st.builds(_convolution, SMALL, SMALL, st.integers(0, 3), st.integers(1, 2)),
    st.builds(_pool, POOLS, st.booleans()),
    st.builds(_transposed, SMALL, st.integers(1, 3)),
)


@settings(max_examples=60)
@given(st.lists(LAYERS, min_size=1, max_size=7), st.lists(st.integers(1, 300), min_size=3, max_size=3))
def test_a_random_chain_has_the_sizes_of_torch(layers: list[Layer], lengths: list[int]) -> None:
    sizes = [H]
    for _, size, _ in layers:
        sizes.append(size(sizes[-1]))
    for length in lengths:
        x = meta(length)
        for (apply, _, _), size in zip(layers, sizes[1:], strict=True):
            expected = evaluated(size, {"H": length})
            if expected < 1:
                with pytest.raises(RuntimeError):
                    apply(x)
                break
            x = apply(x)
            assert x.shape[-1] == expected

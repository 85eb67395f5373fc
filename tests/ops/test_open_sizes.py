"""With open sizes an operator says exactly when it runs, and the same sizes as with numbers."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlspec.ops.op import Fact, Mistake
from dlspec.sizes import compare, evaluated, symbol
from tests.ops.applied import apply

small = st.integers(1, 4)
EXAMPLES = int(os.environ.get("DLSPEC_EXAMPLES", "60"))
examples = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def some(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


WINDOWED = {
    "conv2d": some(
        {"out_channels": st.just(4), "kernel_size": small},
        {
            "stride": st.integers(1, 3), "padding": st.integers(0, 3) | st.sampled_from(["same", "valid"]),
            "dilation": st.integers(1, 3),
            "padding_mode": st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
        },
    ),
    "conv_transpose2d": some(
        {"out_channels": st.just(4), "kernel_size": small},
        {"stride": st.integers(1, 3), "padding": st.integers(0, 3), "output_padding": st.integers(0, 1)},
    ),
    "max_pool2d": some(
        {"kernel_size": st.integers(1, 5)},
        {
            "stride": small, "padding": st.integers(0, 2), "dilation": st.integers(1, 3), "ceil_mode": st.booleans(),
        },
    ),
    "avg_pool2d": some(
        {"kernel_size": st.integers(1, 5)},
        {"stride": small, "padding": st.integers(0, 2), "ceil_mode": st.booleans()},
    ),
    "adaptive_avg_pool2d": some({"output_size": st.integers(1, 3) | st.just([None, 2])}, {}),
    "interpolate": some(
        {"scale_factor": st.sampled_from([0.25, 0.5, 1 / 3, 2, 3, 1.5])},
        {"mode": st.sampled_from(["nearest", "bilinear", "bicubic", "area"])},
    ),
    "pad": some(
        {"pad": st.lists(st.integers(-2, 3), min_size=2, max_size=4).filter(lambda pad: len(pad) % 2 == 0)},
        {"mode": st.sampled_from(["constant", "reflect", "replicate", "circular"])},
    ),
    "flatten": st.sampled_from([{}, {"start_dim": 2}, {"start_dim": 0, "end_dim": 2}]),
    "reshape": st.sampled_from([{"shape": [2, 4, -1]}, {"shape": [-1, 4]}, {"shape": [8, -1]}, {"shape": [-1, 3]}]),
    "unflatten": st.sampled_from([
        {"dim": 2, "unflattened_size": [2, -1]}, {"dim": 3, "unflattened_size": [-1, 3]},
        {"dim": 2, "unflattened_size": [4]},
    ]),
    "pixel_unshuffle": st.sampled_from([{"downscale_factor": 2}, {"downscale_factor": 3}]),
    "pixel_shuffle": st.just({"upscale_factor": 2}),
    "glu": st.sampled_from([{"dim": 2}, {"dim": 3}]),
    "select": st.fixed_dictionaries({"dim": st.integers(2, 3), "index": st.integers(-5, 5)}),
    "crop": some({"size": st.integers(1, 5)}, {"offset": st.integers(0, 3)}),
    "mean": st.sampled_from([{}, {"dim": [2, 3]}, {"dim": 1, "keepdim": True}]),
    "instance_norm2d": st.just({}),
    "group_norm": st.sampled_from([{"num_groups": 4}, {"num_groups": 2}]),
    "local_response_norm": st.just({"size": 2}),
    "batch_norm2d": st.sampled_from([{}, {"track_running_stats": False}]),
    "softmax": st.just({}),
    "permute": st.just({"dims": [0, 2, 3, 1]}),
    "unsqueeze": st.just({"dim": 1}),
    "roll": st.just({"shifts": 1, "dims": 2}),
}  # fmt: skip


def with_numbers(name: str, shapes: list[tuple[int, ...]], values: dict[str, Any]) -> Any:
    try:
        return [fact.shape for fact in apply(name, [Fact("float32", s) for s in shapes], **values).outputs]
    except Mistake:
        return None


def agreed(name: str, values: dict[str, Any], shapes: list[tuple[Any, ...]], numbers: list[dict[str, int]]) -> None:
    """For each choice of numbers the open application says whether the closed one holds, and its sizes."""
    closed = [[tuple(evaluated(size, chosen) for size in shape) for shape in shapes] for chosen in numbers]
    made = [with_numbers(name, each, values) for each in closed]
    try:
        case = apply(name, [Fact("float32", shape) for shape in shapes], **values)
    except Mistake:
        assert made == [None] * len(made)
        return
    for chosen, expected in zip(numbers, made, strict=True):
        holds = all(compare(left, sign, right).holds(chosen) for sign, left, right, _ in case.at.conditions)
        assert holds == (expected is not None)
        if holds:
            assert [tuple(evaluated(s, chosen) for s in fact.shape) for fact in case.outputs] == expected


@pytest.mark.parametrize("name", WINDOWED)
@examples
@given(data=st.data())
def test_the_conditions_on_open_sizes_hold_exactly_where_numbers_are_accepted(name: str, data: st.DataObject) -> None:
    values = data.draw(WINDOWED[name])
    numbers = st.fixed_dictionaries({"N": st.integers(1, 3), "H": st.integers(1, 20), "W": st.integers(1, 20)})
    shape = (symbol("N"), 4, symbol("H"), symbol("W"))
    agreed(name, values, [shape], data.draw(st.lists(numbers, min_size=1, max_size=4)))


H, W = symbol("H"), symbol("W")
AXES = st.sampled_from([H, W, 3, 5, H // 2, (H + 1) // 2, 2 * (H // 2)])


@examples
@given(st.lists(st.tuples(st.sampled_from([2, 3]), AXES, AXES), min_size=2, max_size=3), st.data())
def test_joins_of_open_sizes_hold_exactly_where_numbers_are_accepted(
    shapes: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    # From 4 on no size is 1: an open size that happens to be 1 is not stretched.
    numbers = data.draw(st.lists(st.fixed_dictionaries({"H": st.integers(4, 12), "W": st.integers(4, 12)}), min_size=1))
    agreed("concat", {"dim": data.draw(st.integers(0, 2))}, shapes, numbers)
    agreed("stack", {}, shapes, numbers)
    agreed("add", {}, shapes[:2], numbers)
    agreed("interpolate", {}, [(2, *shapes[0]), (2, *shapes[1])], numbers)
    agreed("crop", {}, [(2, *shapes[0]), (2, *shapes[1])], numbers)


@examples
@given(
    st.sampled_from([(H, 4), (3, H), (H, W), (H // 2, 4)]),
    st.sampled_from([(4, H), (H, 5), (W, 5), (4, 5)]),
    st.data(),
)
def test_matrix_products_of_open_sizes_hold_exactly_where_numbers_are_accepted(
    left: tuple[Any, ...], right: tuple[Any, ...], data: st.DataObject
) -> None:
    numbers = data.draw(st.lists(st.fixed_dictionaries({"H": st.integers(2, 9), "W": st.integers(2, 9)}), min_size=1))
    agreed("matmul", {}, [left, right], numbers)


@examples
@given(st.integers(-4, 4), st.none() | st.integers(-4, 8), st.integers(1, 3), st.integers(8, 20))
def test_a_slice_of_an_open_axis_is_that_of_every_axis_long_enough(
    start: int, end: int | None, step: int, size: int
) -> None:
    values = {"dim": 0, "start": start, "end": end, "step": step}
    agreed("slice", values, [(H,)], [{"H": size}])


@examples
@given(st.integers(1, 5), st.integers(1, 20))
def test_a_chunked_open_axis_has_as_many_parts_as_asked_for_or_is_refused(count: int, size: int) -> None:
    case = apply("chunk", [Fact("float32", (H,))], chunks=count, dim=0)
    whole = with_numbers("chunk", [(size,)], {"chunks": count, "dim": 0})
    holds = all(compare(a, sign, b).holds({"H": size}) for sign, a, b, _ in case.at.conditions)
    assert holds == (len(whole) == count)
    if holds:
        assert [(evaluated(fact.shape[0], {"H": size}),) for fact in case.outputs] == whole


def test_weights_of_an_open_size_are_refused() -> None:
    for name, values in {"linear": {"out_features": 3}, "layer_norm": {}}.items():
        with pytest.raises(Mistake) as caught:
            apply(name, [Fact("float32", (2, H))], **values)
        assert caught.value.code == "E0212"
    with pytest.raises(Mistake) as caught:
        apply("conv2d", [Fact("float32", (2, H, 8, 8))], out_channels=4, kernel_size=3)
    assert caught.value.code == "E0212"
    assert apply("layer_norm", [Fact("float32", (2, H))], elementwise_affine=False).outputs[0].shape == (2, H)


def test_split_into_an_open_number_of_parts_is_refused() -> None:
    with pytest.raises(Mistake) as caught:
        apply("split", [Fact("float32", (2, H))], split_size_or_sections=4)
    assert caught.value.code == "E0212"


def test_squeeze_of_open_sizes_says_what_they_must_not_be() -> None:
    unnamed = apply("squeeze", [Fact("float32", (H, 1, 3))])
    assert unnamed.outputs[0].shape == (H, 3)
    assert [(sign, a, b) for sign, a, b, _ in unnamed.at.conditions] == [(">=", H, 2)]
    named = apply("squeeze", [Fact("float32", (H, 3))], dim=0)
    assert named.outputs[0].shape == (3,)
    assert [(sign, a, b) for sign, a, b, _ in named.at.conditions] == [("==", H, 1)]

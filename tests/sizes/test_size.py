"""A size is what Python's integer arithmetic says it is, in one normal form, in few words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlspec.sizes import Size, ceil_div, evaluated, exact_quotient, product, size_text, substituted, symbol
from tests.sizes.expressions import Pair, polynomial, quasi_affine

H, W, N, C, h = (symbol(name) for name in ("H", "W", "N", "C", "h"))
LENGTHS = st.dictionaries(st.sampled_from(["H", "W"]), st.integers(-50, 2000), min_size=2, max_size=2)


@given(polynomial("H", "W"), LENGTHS)
def test_a_size_evaluates_to_what_python_computes(pair: Pair, values: dict[str, int]) -> None:
    assert evaluated(pair.size, values) == pair.value(values)


@given(quasi_affine("H", "W"), st.integers(-7, 7).filter(bool), LENGTHS)
def test_a_quotient_rounds_down_whatever_the_signs(pair: Pair, divisor: int, values: dict[str, int]) -> None:
    assert evaluated(pair.size // divisor, values) == pair.value(values) // divisor
    assert evaluated(pair.size % divisor, values) == pair.value(values) % divisor


@given(polynomial("H", "W"), quasi_affine("a", "b"), LENGTHS)
def test_substituting_and_evaluating_may_change_places(pair: Pair, inner: Pair, values: dict[str, int]) -> None:
    numbers = {"a": values["H"], "b": values["W"]}
    replaced = substituted(pair.size, {"H": inner.size, "W": 3})
    assert evaluated(replaced, numbers) == pair.value({"H": inner.value(numbers), "W": 3})


@given(polynomial("H", "W"), polynomial("H", "W"))
def test_a_product_divides_by_each_factor(left: Pair, right: Pair) -> None:
    whole = left.size * right.size
    if right.size != 0:
        assert exact_quotient(whole, right.size) == left.size


@given(polynomial("H", "W"), polynomial("H", "W"))
def test_an_exact_quotient_multiplies_back(dividend: Pair, divisor: Pair) -> None:
    quotient = exact_quotient(dividend.size, divisor.size)
    assert quotient is None or quotient * divisor.size == dividend.size


@given(polynomial("H", "W"), polynomial("H", "W"), polynomial("H", "W"))
def test_sizes_form_a_ring_up_to_normal_form(first: Pair, second: Pair, third: Pair) -> None:
    a, b, c = first.size, second.size, third.size
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a * b == b * a
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a - a == 0


@given(polynomial("H", "W"), polynomial("H", "W"))
def test_equal_sizes_have_equal_hashes_and_texts(first: Pair, second: Pair) -> None:
    one, other = first.size + second.size, second.size + first.size
    assert hash(one) == hash(other)
    assert str(one) == str(other)


@given(polynomial("H", "W"), LENGTHS)
def test_the_text_means_the_size(pair: Pair, values: dict[str, int]) -> None:
    text = size_text(pair.size)
    assert eval(text, dict(values)) == pair.value(values)  # the text is ours


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 4)), min_size=1, max_size=12), st.integers(1, 5000))
def test_a_chain_of_steps_is_one_floor(steps: list[tuple[int, int]], length: int) -> None:
    size, expected = H, length
    for slack, stride in steps:
        size = (size + slack) // stride + 1
        expected = (expected + slack) // stride + 1
    assert str(size).count("//") <= 1
    assert size.evaluate({"H": length}) == expected


def test_a_multiple_of_the_divisor_leaves_the_floor() -> None:
    assert (32 * h + 5) // 16 == 2 * h
    assert (32 * h - 1) // 32 == h - 1
    assert (6 * h * W + 4) // 3 == 2 * h * W + 1


def test_a_common_factor_is_divided_out() -> None:
    assert (2 * H + 1) // 4 == H // 2
    assert (6 * H + 4) // 9 == (2 * H + 1) // 3


def test_nested_floors_become_one() -> None:
    assert ((H + 1) // 2 + 3) // 2 == (H + 7) // 4
    assert (H // 2 + W) // 3 == (H + 2 * W) // 6


def test_what_is_constant_is_an_int() -> None:
    for size in (
        H - H,
        0 * H,
        (H + 3 - H) // 2,
        exact_quotient(64 * H * W, H * W),
        substituted(H // 2, {"H": 9}),
    ):
        assert type(size) is int


def test_a_declared_multiple_makes_floors_exact() -> None:
    assert substituted((H + 31) // 32, {"H": 32 * h}) == h
    assert substituted((H - 1) // 32, {"H": 32 * h}) == h - 1


def test_a_product_of_nothing_is_one() -> None:
    assert product([]) == 1
    assert product([N, 3, H, W]) == 3 * N * H * W


@given(st.integers(-50, 500), st.integers(1, 40))
def test_ceil_div_rounds_up(length: int, divisor: int) -> None:
    assert evaluated(ceil_div(H, divisor), {"H": length}) == -(-length // divisor)
    assert ceil_div(length, divisor) == -(-length // divisor)


def test_a_quotient_by_an_open_size_is_divided_where_that_is_exact() -> None:
    assert (64 * H * W) // (H * W) == 64
    assert (64 * H * W) % (H * W) == 0
    assert evaluated(196 // H, {"H": 5}) == 39
    assert evaluated((H * H + 1) % W, {"H": 5, "W": 7}) == 26 % 7


def test_an_inexact_quotient_of_polynomials_is_none() -> None:
    assert exact_quotient(H * H + 1, H + 1) is None
    assert exact_quotient(H, 2 * H) is None
    assert exact_quotient(H, 0) is None


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ((H + 31) // 32, "(H + 31)//32"),
        ((H - 1) // 32 + 1, "(H + 31)//32"),
        (2 * h + 1, "2*h + 1"),
        (H * W, "H*W"),
        (W * H, "H*W"),
        (N * 1000, "1000*N"),
        (W * C * N * H, "N*C*H*W"),
        (3 - H, "3 - H"),
        (-H, "-H"),
        (-(H // 2), "-(H//2)"),
        (-3 * (H // 2), "-3*(H//2)"),
        (-((H * W) // 2), "-((H*W)//2)"),
        (-(H // 2) * (W // 2), "-(H//2)*(W//2)"),
        (H * H - 6 * H + 9, "H*H - 6*H + 9"),
        (H // 2, "H//2"),
        (2 * (H // 2) + 1, "2*(H//2) + 1"),
        (((H + 1) // 2) * (W // 2) * N, "N*((H + 1)//2)*(W//2)"),
        (H % 16, "H % 16"),
        ((H + 5) % 4 + 1, "(H + 1) % 4 + 1"),
        (3 * (H % 16), "3*(H % 16)"),
        (196 // H, "196//H"),
        (H // (W + 1), "H//(W + 1)"),
        (7, "7"),
    ],
)
def test_a_size_is_written_as_people_write_it(size: Size | int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (h, "H/32"),
        (2 * h + 1, "H/16 + 1"),
        (32 * h, "H"),
        (49 * h * W, "49*(H/32)*W"),
        (2048 * h * h, "2*H*H"),
    ],
)
def test_a_part_of_a_size_is_written_as_a_fraction(size: Size, text: str) -> None:
    assert size_text(substituted(size, {"h": H}), {"H": 32}) == text


def test_sizes_have_no_order_of_their_own() -> None:
    with pytest.raises(TypeError):
        assert H < W


def test_a_missing_value_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="W"):
        (H + W).evaluate({"H": 1})


def test_dividing_by_zero_is_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        H // 0

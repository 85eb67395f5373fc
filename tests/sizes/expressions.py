"""Random sizes, each built twice: as a `Size`, and as Python arithmetic on plain integers."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from dlspec.sizes import Condition, Dim, symbol

Arithmetic = Callable[[dict[str, int]], int]


class Pair:
    """A size and what Python says it is."""

    def __init__(self, size: Dim, value: Arithmetic, words: str) -> None:
        self.size = size
        self.value = value
        self.words = words

    def __repr__(self) -> str:
        return self.words


class Stated:
    """A condition and what Python says of it."""

    def __init__(self, left: Pair, relation: str, right: Pair) -> None:
        self.condition = Condition(relation, left.size, right.size)
        self.left, self.relation, self.right = left, relation, right

    def holds(self, values: dict[str, int]) -> bool:
        left, right = self.left.value(values), self.right.value(values)
        return left == right if self.relation == "==" else left >= right

    def __repr__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"


def number(value: int) -> Pair:
    return Pair(value, lambda values: value, str(value))


def name(text: str) -> Pair:
    return Pair(symbol(text), lambda values: values[text], text)


def _sum(left: Pair, right: Pair) -> Pair:
    return Pair(left.size + right.size, lambda values: left.value(values) + right.value(values), f"({left} + {right})")


def _difference(left: Pair, right: Pair) -> Pair:
    return Pair(left.size - right.size, lambda values: left.value(values) - right.value(values), f"({left} - {right})")


def _product(left: Pair, right: Pair) -> Pair:
    return Pair(left.size * right.size, lambda values: left.value(values) * right.value(values), f"({left} * {right})")


def _multiple(factor: int, size: Pair) -> Pair:
    return Pair(factor * size.size, lambda values: factor * size.value(values), f"{factor}*{size}")


def _quotient(size: Pair, divisor: int) -> Pair:
    return Pair(size.size // divisor, lambda values: size.value(values) // divisor, f"({size}//{divisor})")


def _remainder(size: Pair, divisor: int) -> Pair:
    return Pair(size.size % divisor, lambda values: size.value(values) % divisor, f"({size} % {divisor})")


def quasi_affine(*names: str, divisors: tuple[int, ...] = (1, 2, 3, 4, 5, 8)) -> st.SearchStrategy[Pair]:
    """Sums, differences, multiples, floors and remainders of the names."""
    leaves = st.sampled_from(names).map(name) | st.integers(-40, 40).map(number)

    def grown(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
        divisor = st.sampled_from(divisors)
        return st.one_of(
            st.builds(_sum, inner, inner),
            st.builds(_difference, inner, inner),
            st.builds(_multiple, st.integers(-4, 4), inner),
            st.builds(_quotient, inner, divisor),
            st.builds(_remainder, inner, divisor),
        )

    return st.recursive(leaves, grown, max_leaves=6)


def polynomial(*names: str) -> st.SearchStrategy[Pair]:
    """Products and floors of products, besides."""
    inner = quasi_affine(*names, divisors=(1, 2, 3))
    several = st.builds(_product, inner, inner)
    return st.one_of(inner, several, st.builds(_quotient, several, st.integers(2, 5)), st.builds(_sum, several, inner))


def stated(sizes: st.SearchStrategy[Pair]) -> st.SearchStrategy[Stated]:
    """Conditions between such sizes, and between one and a number."""
    other = sizes | st.integers(0, 60).map(number)
    return st.builds(Stated, sizes, st.sampled_from(["==", ">="]), other)

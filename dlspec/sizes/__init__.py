"""Exact sizes over open input sizes, the windows that make them, and the decisions about them."""

from dlspec.sizes.condition import Condition, Verdict, compare, simplified
from dlspec.sizes.decide import Answer, decide, solve
from dlspec.sizes.domain import Domain
from dlspec.sizes.size import (
    Dim,
    Size,
    ceil_div,
    evaluated,
    exact_quotient,
    product,
    size_text,
    substituted,
    symbol,
    symbols_of,
)
from dlspec.sizes.window import Window, hull, resized_size, transposed_size

__all__ = [
    "Answer",
    "Condition",
    "Dim",
    "Domain",
    "Size",
    "Verdict",
    "Window",
    "ceil_div",
    "compare",
    "decide",
    "evaluated",
    "exact_quotient",
    "hull",
    "product",
    "resized_size",
    "simplified",
    "size_text",
    "solve",
    "substituted",
    "symbol",
    "symbols_of",
    "transposed_size",
]

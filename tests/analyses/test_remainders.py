"""Conditions on remainders are said in words that mean the same."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlspec.analyses.remainders import remainder_words
from dlspec.analyses.words import requirements_words


def allowed(words: str, divisor: int) -> set[int]:
    """The remainders that words speak of."""
    found: set[int] = set()
    for part in words.removeprefix("leaves ").partition(" when")[0].split(" or "):
        low, *high = map(int, re.findall(r"\d+", part))
        if part.startswith("at least"):
            found.update(range(low, divisor))
        elif part.startswith("at most"):
            found.update(range(low + 1))
        else:
            found.update(range(low, (high or [low])[0] + 1))
    return found


@given(st.integers(-40, 40), st.integers(2, 40), st.sampled_from(["<=", ">=", "<", ">"]), st.integers(0, 40))
def test_the_words_mean_the_condition(shift: int, divisor: int, order: str, bound: int) -> None:
    size = f"(H {'-' if shift < 0 else '+'} {abs(shift)})" if shift else "H"
    text = f"{size} % {divisor} {order} {bound}"
    meant = {rest for rest in range(divisor) if eval(text, {"H": rest})}
    said = remainder_words(text)
    if said is None:
        assert not meant
    else:
        assert allowed(said[1], divisor) == meant


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["(H + 15) % 32 <= 15", "(W + 15) % 32 <= 15"], ["H and W leave 0 or at least 17 when divided by 32"]),
        (["H % 8 <= 3"], ["H leaves at most 3 when divided by 8"]),
        (["H % 32 == 0", "(H + K) % 4 <= 1"], ["H is a multiple of 32", "(H + K) % 4 <= 1"]),
    ],
)
def test_sizes_of_one_condition_are_said_together(texts: list[str], words: list[str]) -> None:
    assert requirements_words(texts) == words

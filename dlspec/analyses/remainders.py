"""Conditions on remainders, `(H + 15) % 32 <= 15`, in words: what a size may leave when it is divided."""

from __future__ import annotations

import re
from operator import ge, gt, le, lt

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_REMAINDER = re.compile(r"(?:\((\w+) ([+-]) (\d+)\)|(\w+)) % (\d+) (<=|>=|<|>) (\d+)")
_LARGEST_DIVISOR = 1 << 12
_ORDER: dict[str, Callable[[int, int], bool]] = {
    "<=": le, ">=": ge, "<": lt, ">": gt,
}  # fmt: skip


def remainder_words(text: str) -> tuple[str, str, str] | None:
    """The size that a condition on a remainder is about, and what is said of one and of several.

    >>> remainder_words("(H + 15) % 32 <= 15")
    ('H', 'leaves 0 or at least 17 when divided by 32', 'leave 0 or at least 17 when divided by 32')
    """
    found = _REMAINDER.fullmatch(text)
    if found is None or int(found[5]) > _LARGEST_DIVISOR:
        return None
    shift = int(f"{found[2]}{found[3]}") if found[2] else 0
    divisor, bound, holds = int(found[5]), int(found[7]), _ORDER[found[6]]
    left = [rest for rest in range(divisor) if holds((rest + shift) % divisor, bound)]
    runs: list[list[int]] = []
    for rest in left:
        if runs and runs[-1][-1] == rest - 1:
            runs[-1].append(rest)
        else:
            runs.append([rest])
    if not 1 <= len(runs) <= 2:
        return None
    words = f"{' or '.join(_run_words(run, divisor) for run in runs)} when divided by {divisor}"
    return found[1] or found[4], f"leaves {words}", f"leave {words}"


def _run_words(run: list[int], divisor: int) -> str:
    if len(run) == 1:
        return str(run[0])
    if run[-1] == divisor - 1:
        return f"at least {run[0]}"
    return f"at most {run[-1]}" if run[0] == 0 else f"{run[0]} to {run[-1]}"

"""Which values of an open size remain, in the words people use: `H % 16 == 0`, `H >= 33`.

The words and the declared values together give exactly the values that remain.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import lcm

from dlspec.sizes.progressions import Progressions

LISTED = 8
"""How many residues or values a list may have before it stops being readable."""


def described(name: str, declared: Progressions, remaining: Progressions) -> list[str] | None:
    """Texts that hold together, among the declared values, for exactly the remaining ones.

    None if that takes more words than the conditions themselves. `remaining` is a part of `declared`, not
    empty.
    """
    modulus = lcm(declared.modulus, remaining.modulus)
    declared, remaining = declared.refined(modulus), remaining.refined(modulus)
    count = remaining.count()
    if count == 1:
        return [f"{name} == {remaining.low}"]
    texts = _regular(name, declared, remaining)
    if count is not None and count <= LISTED // 2 and (texts is None or "%" in texts[0]):
        return [f"{name} in {_listed(remaining.members(count))}"]
    return texts or _with_gaps(name, declared, remaining) or _with_strays(name, declared, remaining)


def _regular(name: str, declared: Progressions, remaining: Progressions) -> list[str] | None:
    """A condition on the residue, at the smallest modulus that does, and limits."""
    low, high = remaining.low, remaining.high
    for modulus in _divisors(remaining.modulus):
        residues = {first % modulus for first, _ in remaining.runs}
        kept = Progressions(declared.modulus, [run for run in declared.runs if run[0] % modulus in residues])
        if kept.clipped(low, high).runs != remaining.runs:
            continue
        others = {first % modulus for first, _ in declared.runs} - residues
        texts = _residue_texts(name, modulus, residues, others) if others else []
        if texts is None:
            return None
        if kept.low < low:
            texts.append(f"{name} >= {low}")
        if high is not None and kept.high != high:
            texts.append(f"{name} <= {high}")
        return texts
    return None


def _with_gaps(name: str, declared: Progressions, remaining: Progressions) -> list[str] | None:
    """`_regular` but for a few values that are missing."""
    low, high = remaining.low, remaining.high
    for modulus in _divisors(remaining.modulus):
        residues = {first % modulus for first, _ in remaining.runs}
        kept = Progressions(declared.modulus, [run for run in declared.runs if run[0] % modulus in residues])
        kept = kept.clipped(low, high)
        missing = _missing(kept, remaining)
        texts = _regular(name, declared, kept) if missing else None
        if missing and texts is not None:
            gap = f"{name} != {missing[0]}" if len(missing) == 1 else f"{name} not in {_listed(missing)}"
            return [*texts, gap]
    return None


def _with_strays(name: str, declared: Progressions, remaining: Progressions) -> list[str] | None:
    """`_regular` but for a few small values that do not fit."""
    strays = remaining.members(LISTED // 2)
    for count in range(1, len(strays) + 1):
        rest = remaining.clipped(strays[count - 1] + 1, None)
        texts = _regular(name, declared, rest) if rest.runs else None
        if texts:
            stray = f"{name} == {strays[0]}" if count == 1 else f"{name} in {_listed(strays[:count])}"
            return [f"{stray} or " + (texts[0] if len(texts) == 1 else f"({' and '.join(texts)})")]
    return None


def _missing(kept: Progressions, remaining: Progressions) -> list[int] | None:
    """The few members of a set that a part of it, at the same modulus, lacks; None if they are many."""
    missing: list[int] = []
    for first, last in kept.runs:
        position: int | None = first
        for start, stop in sorted(run for run in remaining.runs if (run[0] - first) % kept.modulus == 0):
            if position is None or len(missing) + (start - position) // kept.modulus > LISTED // 2:
                return None
            missing.extend(range(position, start, kept.modulus))
            position = None if stop is None else stop + kept.modulus
        if position is not None:
            if last is None or len(missing) + (last - position) // kept.modulus >= LISTED // 2:
                return None
            missing.extend(range(position, last + 1, kept.modulus))
    return sorted(missing)


def _residue_texts(name: str, modulus: int, residues: set[int], others: set[int]) -> list[str] | None:
    """Texts for the residues to be among the first and not the second; None if they would be long."""
    remainder = f"{name} % {modulus}"
    if len(residues) == 1:
        return [f"{remainder} == {min(residues)}"]
    if len(others) == 1:
        return [f"{remainder} != {min(others)}"]
    if min(len(residues), len(others)) > LISTED:
        return _residue_limits(remainder, residues, others) or _rotated(name, modulus, residues, others)
    if len(residues) <= len(others) or len(residues) <= LISTED // 2:
        return [f"{remainder} in {_listed(residues)}"]
    return [f"{remainder} not in {_listed(others)}"]


def _residue_limits(remainder: str, residues: set[int], others: set[int]) -> list[str] | None:
    """Limits between which no other residue lies."""
    low, high = min(residues), max(residues)
    if any(low < other < high for other in others):
        return None
    limits = [f"{remainder} >= {low}"] if any(other < low for other in others) else []
    return [*limits, f"{remainder} <= {high}"] if any(other > high for other in others) else limits


def _rotated(name: str, modulus: int, residues: set[int], others: set[int]) -> list[str] | None:
    """One limit for residues that go on past the modulus: 17 to 31 and 0 is `(H + 15) % 32 <= 15`."""
    low, high = min(others), max(others)
    if any(low < residue < high for residue in residues):
        return None
    shift = modulus - high - 1
    stretch = max((residue + shift) % modulus for residue in residues)
    return [f"({name} + {shift}) % {modulus} <= {stretch}" if shift else f"{name} % {modulus} <= {stretch}"]


def _listed(values: set[int] | list[int]) -> str:
    return "{" + ", ".join(map(str, sorted(values))) + "}"


def _divisors(number: int) -> Iterator[int]:
    return (divisor for divisor in range(1, number + 1) if number % divisor == 0)

"""Which known names a misspelt one was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 64
"""Longer names are not compared; nobody misspells them by a letter or two."""


def near(name: str, candidates: Iterable[str], limit: int = 2) -> list[str]:
    """The candidates nearest to `name`, at most `limit`, the nearest first; case and `_`, `-` do not count.

    A candidate is near if a third of the letters or fewer differ (by a letter put in, left out,
    changed, or two swapped: optimal string alignment), if `name` begins it, or if it has the same
    letters in another order, as `norm_batch2d` has.
    """
    written = _folded(name)
    if not 0 < len(written) <= LONGEST:
        return []
    ranks = {
        candidate: rank
        for candidate in candidates
        if candidate != name and (rank := _rank(written, _folded(candidate))) is not None
    }
    best = min(ranks.values(), default=0)
    found = [candidate for candidate, rank in ranks.items() if best > 1 or rank <= 1]  # the same letters are meant
    found.sort(key=lambda candidate: (ranks[candidate], _flat_last(written, candidate), candidate))
    best_few = found[: 2 * limit]  # of `padding` and `padding_mode` the longer is not meant
    return [name for name in best_few if not any(name.startswith(f"{other}_") for other in best_few)][:limit]


def _flat_last(written: str, candidate: str) -> bool:
    """Of `max_pool1d`, `2d` and `3d` the one for images comes first where no digit was written."""
    return not candidate.endswith("2d") and not any(map(str.isdigit, written))


def _rank(written: str, known: str) -> int | None:
    """How far a known name is from what was written: 0 for the same letters; None if it is not near."""
    most = max(len(written), 3) // 3
    distance = _distance(written, known, most)
    if distance <= most:
        return 2 * distance + (known[:1] != written[:1])
    if len(written) >= 3 and known.startswith(written):
        return 2 * most + len(known) - len(written)
    if len(known) == len(written) >= 6 and sorted(known) == sorted(written):
        return 2 * most
    return None


def _folded(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")


def _distance(one: str, other: str, most: int) -> int:
    """Letters put in, left out, changed or swapped with a neighbour; `most` + 1 or more if beyond `most`."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    one, other = _different(one, other)
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, known in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != known))
            if i > 1 and j > 1 and letter == other[j - 2] and known == one[i - 2]:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        if min(row) > most and min(before) > most:
            return most + 1
    return row[-1]


def _different(one: str, other: str) -> tuple[str, str]:
    """Both without the beginning and the end that they share, which no shortest way changes."""
    shorter = min(len(one), len(other))
    start = next((i for i in range(shorter) if one[i] != other[i]), shorter)
    end = next((i for i in range(shorter - start) if one[-1 - i] != other[-1 - i]), shorter - start)
    return one[start : len(one) - end], other[start : len(other) - end]

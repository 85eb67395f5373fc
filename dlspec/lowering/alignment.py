"""The steps of several uses laid side by side: one order that all of them follow."""

from __future__ import annotations

from dlspec.lowering.units import Apart
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Key = tuple[Any, ...]


def keyed(items: Iterable[tuple[Key, Any]]) -> dict[Key, Any]:
    """Items by their site, and by how often the site came before."""
    seen: dict[Key, int] = {}
    found: dict[Key, Any] = {}
    for site, item in items:
        seen[site] = seen.get(site, -1) + 1
        found[(*site, seen[site])] = item
    return found


def common_order(rows: list[dict[Key, Any]]) -> list[Key]:
    """All keys in an order that every row follows; `Apart` where there is none."""
    longest = max(rows, key=len)
    order = list(longest)
    places = set(order)
    for row in rows:
        if row.keys() == places and list(row) == order:
            continue
        for key, before in zip(row, [None, *row]):
            if key not in places:
                order.insert(0 if before is None else order.index(before) + 1, key)
                places.add(key)
    rank = {key: index for index, key in enumerate(order)}
    for row in rows:
        ranks = [rank[key] for key in row]
        if ranks != sorted(ranks):
            raise Apart
    return order

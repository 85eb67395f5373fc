"""Records: what each instance has of its own."""

from __future__ import annotations

from dlspec.record import Record


class Basket(Record):
    owner: str
    fruits: list[str] = []
    prices: dict[str, int] = {}


def test_what_one_record_is_filled_with_is_not_in_the_next() -> None:
    first, second = Basket("Ada"), Basket("Ben")
    first.fruits.append("apple")
    first.prices["apple"] = 2
    assert (second.fruits, second.prices, Basket("Cem").fruits) == ([], {}, [])

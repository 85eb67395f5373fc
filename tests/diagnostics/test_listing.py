"""A list of problems is put in order, loses its repeats, and is counted."""

from __future__ import annotations

from itertools import permutations

from dlspec.diagnostics.listing import sort, tally, unique
from dlspec.diagnostics.record import problem
from dlspec.source import Source

A, B = Source("a.dls", "one two\nthree\n"), Source("b.dls", "one\n")
IN_ORDER = [
    problem("E0218", "nowhere"),
    problem("E0110", "first", A.span(0, 3)),
    problem("E0110", "second", A.span(4, 7)),
    problem("E0111", "second", A.span(4, 7)),
    problem("W0402", "other file", B.span(0, 3)),
]


def test_problems_are_in_the_order_of_files_and_places_however_they_were_found() -> None:
    assert all(sort(found) == IN_ORDER for found in permutations(IN_ORDER))


def test_a_problem_that_repeats_another_word_for_word_is_dropped() -> None:
    again = problem("E0110", "first", Source("a.dls", A.text).span(0, 3))
    assert unique([IN_ORDER[1], IN_ORDER[0], again]) == [IN_ORDER[1], IN_ORDER[0]]


def test_problems_that_differ_in_a_word_or_a_place_are_kept() -> None:
    found = [
        problem("E0110", "a", A.span(0, 3)),
        problem("E0110", "b", A.span(0, 3)),
        problem("E0110", "a", A.span(4, 7)),
        problem("E0110", "a", A.span(0, 3), notes=["n"]),
        problem("E0110", "a", A.span(0, 3), "label"),
    ]
    assert unique(found) == found


def test_a_tally_counts_errors_then_warnings() -> None:
    error, warning = problem("E0110", "e"), problem("W0402", "w")
    assert tally([warning, error, error]) == "2 errors, 1 warning"
    assert tally([warning] * 1234) == "1,234 warnings"
    assert tally([]) == "no errors"

"""A problem is data: its severity and name follow from its code, its place from its labels."""

from __future__ import annotations

import re

from dlspec.diagnostics.codes import CODES
from dlspec.diagnostics.record import Diagnostic, Edit, Fix, Label, SpecError, problem
from dlspec.source import Source

SPEC = Source("a.dls", "one\r\ntwo\rthree\x0cfour\nfive")


def test_severity_and_name_follow_from_the_code() -> None:
    assert (problem("W0410", "m").severity, problem("W0410", "m").name) == ("warning", "double-softmax")
    assert (problem("E0302", "m").severity, problem("E0302", "m").name) == ("error", "shapes-differ")


def test_the_place_is_the_primary_span_else_the_first_else_none() -> None:
    first, second = SPEC.span(0, 3), SPEC.span(5, 8)
    assert problem("E0302", "m", second, also=[(first, "")]).place == second
    assert problem("E0302", "m", also=[(first, ""), (second, "")]).place == first
    assert problem("E0302", "m").place is None


def test_problems_are_equal_when_all_their_facts_are() -> None:
    def made(end: int = 3, message: str = "m", new: str = "x") -> Diagnostic:
        span = SPEC.span(0, end)
        return problem("E0302", message, span, "label", notes=["n"], fixes=[Fix("f", [Edit(span, new)])])

    assert made() == made()
    assert made() not in (made(end=2), made(message="k"), made(new="y"), Label(SPEC.span(0, 3)))


def test_an_error_of_a_spec_says_its_problems() -> None:
    error = SpecError([problem("E0218", "there is no network"), problem("E0302", "shapes differ")])
    assert str(error) == "E0218: there is no network; E0302: shapes differ"


def test_codes_are_in_order_and_their_names_can_stand_after_allow() -> None:
    assert all(re.fullmatch(r"[EW]0[1-8]\d\d", code) for code in CODES)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in CODES.values())
    assert len(set(CODES.values())) == len(CODES)
    assert sorted(CODES, key=lambda code: (code[1:3], code)) == list(CODES)


def test_lines_end_where_editors_end_them() -> None:
    lines = [SPEC.line(number) for number in range(1, len(SPEC.starts) + 1)]
    assert lines == ["one", "two", "three\x0cfour", "five"]
    assert [SPEC.position(SPEC.text.index(word)) for word in ("two", "four", "five")] == [
        (2, 1),
        (3, 7),
        (4, 1),
    ]

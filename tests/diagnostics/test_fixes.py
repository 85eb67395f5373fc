"""Fixes are applied whole, one a problem, and never two to the same text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlspec.checking import Spec, check_spec
from dlspec.diagnostics.fixes import apply, chosen
from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.source import Source
from tests.diagnostics.places import at

SPEC = Source("a.dls", "x -> conv2d(64, 3, strides=2) -> rleu\n")
PLAN = Source("b.dls", "los = mse\n")


def offering(*fixes: Fix) -> Diagnostic:
    return problem("E0110", "message", fixes=fixes)


STRIDE = Fix("rename", [Edit(at(SPEC, "strides"), "stride")], "safe")
RELU = Fix("rename", [Edit(at(SPEC, "rleu"), "relu")], "unsafe")
BOTH = Fix("rename", [Edit(at(PLAN, "los"), "loss"), Edit(at(SPEC, "rleu"), "gelu")], "safe")


def test_the_texts_come_out_repaired() -> None:
    assert apply([offering(STRIDE), offering(BOTH)]) == {
        "a.dls": "x -> conv2d(64, 3, stride=2) -> gelu\n",
        "b.dls": "loss = mse\n",
    }


def test_only_fixes_as_safe_as_asked_are_taken() -> None:
    placeholder = Fix("fill in", [Edit(at(PLAN, "mse"), "…")], "placeholder")
    found = [offering(STRIDE), offering(RELU), offering(placeholder)]
    assert chosen(found, "safe") == [STRIDE]
    assert chosen(found, "unsafe") == [STRIDE, RELU]
    assert chosen(found, "placeholder") == [STRIDE, RELU, placeholder]


def test_a_problem_is_repaired_once_by_its_first_fix_that_may_be_applied() -> None:
    assert chosen([offering(Fix("only words"), RELU, STRIDE, BOTH)]) == [STRIDE]


def test_a_fix_that_meets_an_earlier_one_is_left_whole() -> None:
    assert apply([offering(RELU), offering(BOTH)], "unsafe") == {"a.dls": "x -> conv2d(64, 3, strides=2) -> relu\n"}


def test_insertions_at_one_place_by_two_fixes_are_not_mixed() -> None:
    insert = Edit(SPEC.span(5, 5), "pad(1) -> ")
    assert chosen([offering(Fix("a", [insert], "safe")), offering(Fix("b", [insert], "safe"))]) == [
        Fix("a", [insert], "safe")
    ]


def test_edits_of_one_fix_may_stand_side_by_side() -> None:
    fix = Fix("a", [Edit(SPEC.span(0, 1), "image"), Edit(SPEC.span(0, 0), "y = ")], "safe")
    assert apply([offering(fix)])["a.dls"].startswith("y = image -> conv2d")


def test_without_a_fix_no_text_comes_out() -> None:
    assert apply([offering(), offering(RELU)]) == {}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["", "x", "yz"])), max_size=8))
def test_what_no_chosen_fix_touches_is_kept(places: list[tuple[int, int, str]]) -> None:
    source = Source("a.dls", "0123456789")
    fixes = [Fix("", [Edit(source.span(min(a, b), max(a, b)), new)], "safe") for a, b, new in places]
    taken = chosen([offering(fix) for fix in fixes])
    edits = [fix.edits[0] for fix in taken]
    gone = {i for edit in edits for i in range(edit.span.start, edit.span.end)}
    text = apply([offering(fix) for fix in fixes]).get("a.dls", source.text)
    assert sorted(text) == sorted([str(i) for i in range(10) if i not in gone] + [c for e in edits for c in e.text])
    assert sum(edit.span.end - edit.span.start for edit in edits) == len(gone)
    assert len(taken) == bool(fixes) or len(taken) > 0


@pytest.mark.parametrize(
    ("line", "repaired"),
    [
        ("input x: float32[3, 32, 32]", "input x: float32[N, 3, 32, 32]"),
        ("input x: float32[3, N, N]", "input x: float32[B, 3, N, N]"),
        ("input x: float32[N, 3, 0x20, 32]", "input x: float32[N, 3, 32, 32]"),
        ('input x: float32[N, 3, 32, 32] |> "|>" |> relu # |>', 'input x: float32[N, 3, 32, 32] -> "|>" -> relu # |>'),
        ("input x: float32[N, 3, 32, 32]\n  a = x -> b: conv2d(4, 3x5)", "input x: float32[N, 3, 32, 32]\n  a = x -> b: conv2d(4, [3, 5])"),
        ("input x: float32[N, 3, 32, 32]\n  e1: x -> conv2d(4, 3)", "input x: float32[N, 3, 32, 32]\n  e1: (x -> conv2d(4, 3))"),
        ("input x: float32[N, 3, 32, 32]\n  a: x", "input x: float32[N, 3, 32, 32]\n  a = x"),
        ("input x: float32[N, 3, 32, 32]\n  a = x -> b: linear(32, 8)", "input x: float32[N, 3, 32, 32]\n  a = x -> b: linear(8)"),
        ("input x: float32[N, 3, 32, 32]\n  a = x -> permute(0, 2, 3, 1)", "input x: float32[N, 3, 32, 32]\n  a = x -> permute([0, 2, 3, 1])"),
        ("input x: float32[N, 3, 32, 32]\n  a = x -> reshape([1, 96, 32]) -> b: conv2d(1, 1)", "input x: float32[N, 3, 32, 32]\n  a = x -> reshape([-1, 1, 96, 32]) -> b: conv2d(1, 1)"),
        ("input x: float32[N, 3, 32, 32]\n  a = x -> gap()", "input x: float32[N, 3, 32, 32]\n  a = x -> adaptive_avg_pool2d(1)"),
    ],
)  # fmt: skip
def test_what_a_message_offers_repairs_the_spec(line: str, repaired: str) -> None:
    text = f"network n {{\n  {line}\n  output y = x -> c: conv2d(8, 3)\n}}\n"
    source = Source("n.dls", text)
    found = check_spec(Spec(source, Path("n.dls").resolve()))
    assert apply(found, "unsafe")["n.dls"] == text.replace(line, repaired)


@pytest.mark.parametrize(
    ("written", "repaired"),
    [
        ("optimizer = sgd { lr = 0.1 momentum = 0.9 }", "optimizer = sgd(lr=0.1, momentum=0.9)"),
        ("optimizer { name = sgd lr = 0.1 }", "optimizer = sgd(lr=0.1)"),
        ('loss = "mse"', "loss = mse"),
    ],
)
def test_settings_of_a_plan_go_into_parentheses(written: str, repaired: str) -> None:
    spec = "network n { input x: float32[N, 64]\n  output y = x -> fc: linear(1) }\n"
    text = spec + f"plan p {{\n  {written}\n}}\n"
    source = Source("n.dls", text)
    found = check_spec(Spec(source, Path("n.dls").resolve()))
    assert repaired in apply(found, "placeholder")["n.dls"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("a = (x -> c: conv2d(8, 3)) + (x -> d: conv2d(8, 5))", "`padding=1` in `c` and `padding=2` in `d` would keep the size"),
        ("a = (x -> c: conv2d(8, 3, padding=1)) + (x -> upsample(2))", "`scale_factor=2` makes one 2 times as large"),
        ("a = x -> reshape([N, 3, 1024])", "`N` names a size of the input `x`; as a value it is `x.shape[0]`"),
        ("a = []\n  a.append(x)", "a list grows by a list: `skips = skips + [x]`"),
        ("a = x -> lstm(8)", "the catalogue has no recurrent layers"),
    ],
)  # fmt: skip
def test_a_message_teaches_what_was_not_known(body: str, told: str) -> None:
    text = f"network n {{\n  input x: float32[N, 3, 32, 32]\n  {body}\n  output y = x -> c2: conv2d(8, 3)\n}}\n"
    found = check_spec(Spec(Source("n.dls", text), Path("n.dls").resolve()))
    assert any(told in note for diagnostic in found for note in diagnostic.notes)


@pytest.mark.parametrize(
    ("written", "repaired"),
    [
        ("criterion = ce", "loss = ce"),
        ("loss = ce", "loss = cross_entropy"),
        ("optimizer = sgd(learning_rate=0.1, beta=0.9)", "optimizer = sgd(lr=0.1, momentum=0.9)"),
        ("augment = [flip, RandomRotation(10)]", "augment = [horizontal_flip, rotate(10)]"),
        ("device = gpu", "device = cuda"),
        ("metrics = [acc]", "metrics = [accuracy]"),
    ],
)
def test_names_of_other_libraries_are_known(written: str, repaired: str) -> None:
    spec = "network n { input x: float32[N, 64]\n  output y = x -> fc: linear(10) }\n"
    source = Source("n.dls", spec + f"plan p {{\n  {written}\n}}\n")
    found = check_spec(Spec(source, Path("n.dls").resolve()))
    assert repaired in apply(found, "unsafe")["n.dls"]

"""Answers are exact: they agree with trying every size, and the words mean what the conditions mean."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlspec.sizes import Answer, Condition, Domain, Verdict, compare, decide, simplified, solve, symbol
from dlspec.sizes.progressions import Progressions, newton_differences, nonnegative
from tests.sizes.expressions import Stated, polynomial, quasi_affine, stated

H, W, N, C, K, R = (symbol(name) for name in ("H", "W", "N", "C", "K", "R"))
FREE = Domain()
LENGTHS = range(1, 401)

ONE = stated(quasi_affine("H"))
TWO = stated(quasi_affine("H", "W", divisors=(1, 2, 3)))
CURVES = stated(polynomial("H", "W"))


def means(answer: Answer, values: dict[str, int]) -> bool:
    """Whether all texts hold, read as Python."""
    return all(eval(text, dict(values)) for text in answer.texts)  # the texts are ours


def check_against(answer: Answer, holds: dict[tuple[int, ...], bool], names: str) -> None:
    """The verdict is not contradicted and the texts select what holds, over every case in the table."""
    if answer.verdict is Verdict.ALWAYS:
        assert all(holds.values())
    elif answer.verdict is Verdict.NEVER:
        assert not any(holds.values())
    if answer.verdict in (Verdict.ALWAYS, Verdict.SOMETIMES):
        for case, expected in holds.items():
            assert means(answer, dict(zip(names, case, strict=True))) == expected, (case, answer.texts)


@settings(max_examples=150)
@given(st.lists(ONE, min_size=1, max_size=3))
def test_one_open_size_is_always_decided_and_agrees_with_every_length(conditions: list[Stated]) -> None:
    answer = solve([each.condition for each in conditions], FREE)
    assert answer.verdict is not Verdict.UNDECIDED
    holds = {(length,): all(each.holds({"H": length}) for each in conditions) for length in LENGTHS}
    check_against(answer, holds, "H")


@settings(max_examples=150)
@given(st.lists(ONE, min_size=1, max_size=2), st.lists(ONE, min_size=1, max_size=2))
def test_what_is_declared_is_neither_forgotten_nor_asked_again(facts: list[Stated], asked: list[Stated]) -> None:
    domain = Domain(each.condition for each in facts)
    answer = solve([each.condition for each in asked], domain)
    inside = [length for length in LENGTHS if all(fact.holds({"H": length}) for fact in facts)]
    check_against(answer, {(length,): all(each.holds({"H": length}) for each in asked) for length in inside}, "H")
    assert solve([each.condition for each in facts], domain).texts == []


@settings(max_examples=120)
@given(stated(polynomial("H")))
def test_a_product_of_one_size_with_itself_agrees_with_every_length(condition: Stated) -> None:
    answer = solve([condition.condition], FREE)
    check_against(answer, {(length,): condition.holds({"H": length}) for length in LENGTHS}, "H")


@settings(max_examples=120)
@given(st.lists(TWO, min_size=1, max_size=3))
def test_two_open_sizes_agree_with_every_pair(conditions: list[Stated]) -> None:
    answer = solve([each.condition for each in conditions], FREE)
    pairs = product(range(1, 26), repeat=2)
    holds = {pair: all(each.holds(dict(zip("HW", pair, strict=True))) for each in conditions) for pair in pairs}
    check_against(answer, holds, "HW")


@settings(max_examples=120)
@given(st.lists(CURVES, min_size=1, max_size=2), st.lists(TWO, max_size=2))
def test_products_agree_with_every_pair_inside_what_is_declared(asked: list[Stated], facts: list[Stated]) -> None:
    answer = solve([each.condition for each in asked], Domain(each.condition for each in facts))
    holds = {}
    for pair in product(range(1, 26), repeat=2):
        values = dict(zip("HW", pair, strict=True))
        if all(fact.holds(values) for fact in facts):
            holds[pair] = all(each.holds(values) for each in asked)
    check_against(answer, holds, "HW")


@settings(max_examples=100)
@given(st.lists(ONE, min_size=2, max_size=5))
def test_a_conflict_is_a_conflict_and_has_none_to_spare(conditions: list[Stated]) -> None:
    answer = solve([each.condition for each in conditions], FREE)
    if answer.verdict is not Verdict.NEVER:
        assert answer.unsatisfiable == []
        return
    assert solve(answer.unsatisfiable, FREE).verdict is Verdict.NEVER
    for spared in answer.unsatisfiable:
        rest = [each for each in answer.unsatisfiable if each is not spared]
        assert solve(rest, FREE).verdict is not Verdict.NEVER


@settings(max_examples=100)
@given(st.lists(ONE, min_size=1, max_size=3))
def test_the_causes_of_a_text_are_conditions_that_were_given(conditions: list[Stated]) -> None:
    answer = solve([each.condition for each in conditions], FREE)
    given_conditions = {each.condition for each in conditions}
    assert len(answer.causes) == len(answer.texts)
    assert all(causes and set(causes) <= given_conditions for causes in answer.causes)
    again = solve([cause for causes in answer.causes for cause in causes], FREE)
    assert again.texts == answer.texts


@given(ONE)
def test_a_decision_is_the_verdict_of_the_condition_alone(condition: Stated) -> None:
    domain = Domain()
    assert decide(condition.condition, domain) is solve([condition.condition], domain).verdict
    assert decide(condition.condition, domain) is decide(condition.condition, domain)


@given(ONE, st.integers(1, 400))
def test_a_simplified_condition_means_the_same(condition: Stated, length: int) -> None:
    text = simplified(condition.condition)
    assert eval(text, {"H": length}) == condition.holds({"H": length})  # the text is ours
    assert condition.condition.holds({"H": length}) == condition.holds({"H": length})


@given(ONE, st.integers(1, 400))
def test_a_condition_fails_where_one_of_its_negations_holds(condition: Stated, length: int) -> None:
    negated = any(each.holds({"H": length}) for each in condition.condition.negations())
    assert negated != condition.holds({"H": length})


@given(st.lists(st.integers(-30, 30), min_size=1, max_size=5), st.none() | st.integers(0, 60))
def test_a_polynomial_is_nonnegative_where_its_values_are(values: list[int], last: int | None) -> None:
    differences = newton_differences(values)
    stretches = nonnegative(differences, last)
    rows = [list(differences)]
    for _ in range(80 if last is None else last):
        row = rows[-1]
        rows.append([here + above for here, above in zip(row, [*row[1:], 0], strict=True)])
    for step, row in enumerate(rows):
        inside = any(low <= step and (high is None or step <= high) for low, high in stretches)
        assert inside == (row[0] >= 0)


RUNS = st.tuples(st.integers(0, 40), st.none() | st.integers(0, 6))


@given(
    st.integers(1, 6),
    st.lists(RUNS, max_size=5),
    st.integers(1, 4),
    st.integers(0, 60),
    st.none() | st.integers(0, 60),
)
def test_sets_of_numbers_keep_their_members(
    modulus: int, runs: list[tuple[int, int | None]], factor: int, low: int, high: int | None
) -> None:
    given_runs = [(first, None if count is None else first + modulus * count) for first, count in runs]
    members = {
        value
        for first, last in given_runs
        for value in range(first, (200 if last is None else last) + 1, modulus)
        if value <= 200
    }
    numbers = Progressions(modulus, given_runs)
    assert set(numbers.members(500)) & set(range(201)) == members
    assert numbers.members(3) == sorted(numbers.members(500))[:3]
    assert numbers.refined(modulus * factor).equals(numbers)
    clipped = {value for value in members if low <= value and (high is None or value <= high)}
    assert set(numbers.clipped(low, high).members(500)) & set(range(201)) == clipped
    count = numbers.count()
    assert count is None or count == len(members)


@pytest.mark.parametrize(
    ("conditions", "texts"),
    [
        ([compare(H, ">=", 33)], ["H >= 33"]),
        ([compare(H, ">", 32), compare(H, "<", 64)], ["H >= 33", "H <= 63"]),
        ([compare(H % 16, "==", 0), compare(H, ">=", 33)], ["H % 16 == 0", "H >= 48"]),
        ([compare(H % 2, "==", 0), compare(H % 3, "==", 0)], ["H % 6 == 0"]),
        ([compare(H % 4, "<=", 2)], ["H % 4 != 3"]),
        ([compare(H % 32, ">=", 12)], ["H % 32 >= 12"]),
        ([compare((H + 15) % 32, "<=", 15)], ["(H + 15) % 32 <= 15"]),
        ([compare(H // 16 * (H // 16), "==", 196)], ["H >= 224", "H <= 239"]),
        ([compare((H - 3) * (H - 3), ">=", 1)], ["H != 3"]),
        ([compare(H * (H - 4), "==", 4 * H - 12)], ["H in {2, 6}"]),
        ([compare((H - 1) * (H % 4), "==", 0)], ["H == 1 or H % 4 == 0"]),
        ([compare(C * H * W, "==", 64 * H * W)], ["C == 64"]),
        ([compare(C * H * W, "==", 2 * C * W * (H // 2))], ["H % 2 == 0"]),
        ([compare(H * W, "==", 16 * (H // 4) * (W // 4))], ["H % 4 == 0", "W % 4 == 0"]),
        ([compare(N * H * W, ">=", N)], []),
        ([compare(H % 2 + W % 2, "==", 0), compare(H, ">=", 33)], ["H % 2 == 0", "H >= 34", "W % 2 == 0"]),
        ([compare(C * R * H, "==", R * H), compare(R, ">=", 1)], ["C == 1"]),
        ([compare((R - 4) * H, "==", (R - 4) * W), compare(R, ">=", 5)], ["R >= 5", "H == W"]),
        ([compare(H, "==", W)], ["H == W"]),
        ([compare((H + 1) // 2, "==", W)], ["W == (H + 1)//2"]),
        ([compare((H + 1) // 2, "==", (W + 1) // 2)], ["(H + 1)//2 == (W + 1)//2"]),
        ([compare((H // 16) * (W // 16) + 1, "==", 197)], ["(H//16)*(W//16) == 196"]),
        ([compare(H, "==", W), compare(H % 8, "==", 0), compare(W % 16, "==", 0)], ["H % 16 == 0", "H == W"]),
        ([compare(H % 8192, "==", 0)], ["H % 8192 == 0"]),
    ],
)
def test_what_is_asked_is_said_in_few_words(conditions: list[Condition], texts: list[str]) -> None:
    answer = solve(conditions, FREE)
    assert answer.texts == texts
    assert answer.verdict is (Verdict.SOMETIMES if texts else Verdict.ALWAYS)


@pytest.mark.parametrize(
    "conditions",
    [
        [compare(H, "==", H + 1)],
        [compare(H, "<", 1)],
        [compare(2 * H + 4 * W, "==", 7)],
        [compare(H + W, "==", 1)],
        [compare(H % 2, "==", 1), compare(H % 4, "==", 2)],
        [compare(H % 4, "==", 1), compare(H, "==", W), compare(W % 2, "==", 0)],
        [compare(6 * H * W, "==", 4 * N + 1)],
    ],
)
def test_what_can_never_hold_is_refused(conditions: list[Condition]) -> None:
    answer = solve([*conditions, compare(K, ">=", 5)], FREE)
    assert answer.verdict is Verdict.NEVER
    assert set(answer.unsatisfiable) == set(conditions)


def test_a_declared_equality_stands_for_the_size() -> None:
    domain = Domain([compare(H, "==", W), compare(W % 32, "==", 0)])
    assert solve([compare(H * W, "==", H * H), compare(H % 16, "==", 0)], domain).verdict is Verdict.ALWAYS


def test_a_declared_tie_is_used_where_it_gives_the_condition() -> None:
    domain = Domain([compare(H, ">=", W), compare(W, ">=", 32)])
    assert decide(compare(H, ">=", 32), domain) is Verdict.ALWAYS
    assert decide(compare(H, ">=", 33), domain) is Verdict.SOMETIMES
    assert decide(compare(H, ">=", W), domain) is Verdict.ALWAYS


def test_a_condition_on_a_declared_number_is_a_matter_of_arithmetic() -> None:
    domain = Domain([compare(H, "==", 224)])
    assert decide(compare(H % 32, "==", 0), domain) is Verdict.ALWAYS
    assert decide(compare(H, ">=", 225), domain) is Verdict.NEVER
    assert solve([compare(H * W, "==", 224 * 7)], domain).texts == ["W == 7"]


def test_a_size_that_a_run_decides_may_be_zero() -> None:
    domain = Domain([compare(R, "<=", 1000)], lows={"R": 0})
    assert decide(compare(R, ">=", 0), domain) is Verdict.ALWAYS
    assert solve([compare(R, ">=", 1)], domain).texts == ["R >= 1"]
    assert solve([compare(N * R, "==", 2 * N * R)], domain).texts == ["R == 0"]


def test_a_contradictory_domain_is_known_as_such() -> None:
    domain = Domain([compare(H % 2, "==", 0)]).with_condition(compare(H % 4, "==", 3))
    answer = solve([compare(H, ">=", 1)], domain)
    assert domain.impossible
    assert answer.verdict is Verdict.NEVER
    assert answer.unsatisfiable == []


def test_what_is_neither_proved_nor_witnessed_is_said_to_be_undecided() -> None:
    # The only solutions of this Pell equation are far beyond what a search looks at.
    pell = compare(H * H, "==", 61 * W * W + 1)
    answer = solve([pell, compare(H, ">=", 2), compare(K % 2, "==", 0)], FREE)
    assert answer.verdict is Verdict.UNDECIDED
    assert answer.undecided[0] == pell
    assert "K % 2 == 0" in answer.texts


def test_equal_conditions_are_one() -> None:
    one, other = compare(2 * H, "==", 2 * W), compare(W, "==", H)
    assert one == other
    assert hash(one) == hash(other)
    assert compare(H, ">=", W) != compare(W, ">=", H)
    assert compare(H, "<=", W) == compare(W, ">=", H)


def test_an_unknown_relation_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="!="):
        compare(H, "!=", 1)


@pytest.mark.parametrize(
    ("size", "facts", "text"),
    [
        ((H + 31) // 32, [compare(H % 32, "==", 0)], "H/32"),
        ((H + 31) // 32, [], "(H + 31)//32"),
        ((H + 31) // 32, [compare(H % 16, "==", 0)], "(H + 31)//32"),
        ((H - 1) // 2 + 1, [compare(H % 32, "==", 0)], "H/2"),
        (((H + 1) // 2) * W, [compare(H % 2, "==", 0), compare(W, "==", H)], "H*(H/2)"),
        (H + 1, [compare(H, "==", 224)], "225"),
    ],
)
def test_a_declared_multiple_shows_in_the_text(size: object, facts: list[Condition], text: str) -> None:
    assert Domain(facts).text(size) == text

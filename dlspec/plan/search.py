"""What a search tries: the values declared for keys of the plan and for parameters of the network."""

from __future__ import annotations

from collections.abc import Iterator

from dlspec.diagnostics.record import Diagnostic, Fix, SpecError, problem
from dlspec.plan.overrides import override
from dlspec.plan.values import NotAValue, expression_text, value_of
from dlspec.record import TYPE_CHECKING, Record
from dlspec.syntax import tree

if TYPE_CHECKING:
    from dlspec.plan.network_facts import NetworkFacts
    from dlspec.source import Span

NETWORK = "network."
"""What the keys of the network's parameters begin with."""

INTERVALS = ("log", "uniform", "whole")
"""`log(1e-4, 1e-1)` is even over powers, `uniform(0, 0.5)` over numbers, `whole(1, 8)` over whole numbers."""


class Interval(Record):
    """Numbers from `low` to `high`, both included."""

    kind: str
    low: float
    high: float


Candidates = list[str] | Interval
"""Expressions of the language, or an interval of numbers."""


def declared(section: tree.Section, before: str = "") -> Iterator[tuple[str, tree.Entry]]:
    """The keys of `over` with dots between their names, however they are nested."""
    for entry in section.entries:
        key = before + entry.key
        if isinstance(entry.value, tree.Section):
            yield from declared(entry.value, f"{key}.")
        else:
            yield key, entry


def candidates(expr: tree.Expr) -> Candidates:
    """What an expression of `over` offers; raises NotAValue for what is neither list nor interval."""
    match expr:
        case tree.ListExpr(items=items) if items:
            return [expression_text(item) for item in items]
        case tree.Call(function=tree.Name(name=name), args=(low, high)) if name in INTERVALS:
            ends = value_of(low.value), value_of(high.value)
            if all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
                return Interval(name, float(ends[0]), float(ends[1]))  # type: ignore[arg-type]  # they are numbers
    raise NotAValue(expr)


def check_search(plan: tree.Plan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """Every key that is searched over exists, and every value offered is one that it takes."""
    search = plan.section.get("search")
    if search is None or not isinstance(search.value, tree.Section):
        return
    over = search.value.get("over")
    if over is None or not isinstance(over.value, tree.Section):
        return
    for key, entry in declared(over.value):
        assert not isinstance(entry.value, tree.Section)
        try:
            offered = candidates(entry.value)
        except NotAValue:
            notes = ["a list is tried one by one; `log(a, b)`, `uniform(a, b)` and `whole(a, b)` are drawn from"]
            yield problem("E0106", f"`{key}` wants values to try", entry.value.span, "offers none", notes=notes)
            continue
        wrong = list(_interval_problems(key, offered, entry.value.span)) if isinstance(offered, Interval) else []
        if wrong:
            yield from wrong
        elif key.startswith(NETWORK):
            yield from _parameter_problems(key.removeprefix(NETWORK), entry, network)
        else:
            yield from _value_problems(plan, key, entry)


def _interval_problems(key: str, interval: Interval, span: Span) -> Iterator[Diagnostic]:
    if interval.low >= interval.high:
        yield problem(
            "E0202", f"the interval of `{key}` is empty", span, f"{interval.low:g} is not below {interval.high:g}"
        )
    elif interval.kind == "log" and interval.low <= 0:
        yield problem("E0202", f"`log` of `{key}` needs numbers above 0", span, f"begins at {interval.low:g}")
    elif interval.kind == "whole" and not (interval.low.is_integer() and interval.high.is_integer()):
        yield problem("E0202", f"`whole` of `{key}` goes from a whole number to another", span, "does not")


def _parameter_problems(name: str, entry: tree.Entry, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    if network is None or name in network.parameters:
        return
    known = ", ".join(f"`{one}`" for one in network.parameters) or "none"
    notes = [f"its parameters are {known}"]
    fixes = [] if network.parameters else [Fix("write one in the network's head: `network net(width = 32)`")]
    message = f"`{network.name}` has no parameter `{name}`"
    yield problem("E0112", message, entry.key_span, "not a parameter", notes=notes, fixes=fixes)


def _value_problems(plan: tree.Plan, key: str, entry: tree.Entry) -> Iterator[Diagnostic]:
    """What reading the plan says of each value in the place of the key; of an interval, of its ends."""
    from dlspec.plan.reading import Reader

    assert isinstance(entry.value, tree.ListExpr | tree.Call)
    offer = entry.value
    for value in offer.items if isinstance(offer, tree.ListExpr) else [arg.value for arg in offer.args]:
        try:
            section = override(without_search(plan.section), key, value, at=entry.key_span)
        except SpecError as error:
            yield error.diagnostics[0]
            return
        reader = Reader()
        reader.plan(plan, section)
        yield from (found for found in reader.problems if found.primary and found.primary.span == value.span)


def without_search(section: tree.Section) -> tree.Section:
    """A plan's section as it is for one trial."""
    return tree.Section(section.span, tuple(entry for entry in section.entries if entry.key != "search"))

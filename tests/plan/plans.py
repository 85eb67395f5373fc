"""Plans for the tests: a complete one to change, and the network that it trains."""

from __future__ import annotations

from dlspec.diagnostics.record import Diagnostic
from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.network_facts import NetworkFacts, TensorFacts
from dlspec.plan.read import read_plan
from dlspec.source import Source
from dlspec.syntax import tree
from dlspec.syntax.read import read

DIGITS = {
    "network": "lenet",
    "data": "{ source = digits }",
    "loss": "cross_entropy",
    "optimizer": "sgd(lr=0.1)",
    "epochs": "30",
}
DIABETES = DIGITS | {"network": "regression", "data": "{ source = diabetes }", "loss": "mse"}


def written(keys: dict[str, str]) -> str:
    """A plan in the DSL, from keys to what stands behind them."""
    lines = (f"  {key} {value}" if value.startswith("{") else f"  {key} = {value}" for key, value in keys.items())
    return "\n".join(("plan digits {", *lines, "}", ""))


def parsed(text: str) -> tree.Plan:
    file, problems = read(Source("plan.dls", text))
    assert not problems, problems
    return next(item for item in file.items if isinstance(item, tree.Plan))


def network(
    output: tuple[object, ...] = ("N", 10),
    op: str | None = "linear",
    image: tuple[object, ...] = ("N", 1, 8, 8),
) -> NetworkFacts:
    """A network from `image` to `logits`."""
    place = Source("net.dls", "network lenet { image -> logits }")
    return NetworkFacts(
        "lenet",
        {"image": TensorFacts("float32", image, span=place.span(16, 21))},
        {"logits": TensorFacts("float32", output, op, place.span(25, 31))},
        ("classes",),
    )


def resolved(keys: dict[str, str], facts: NetworkFacts | None = None) -> ResolvedPlan:
    """The plan, which must be without problems."""
    plan, problems = read_plan(parsed(written(keys)), facts)
    assert problems == []
    assert plan is not None
    return plan


def problems_of(
    facts: NetworkFacts | None = None, base: dict[str, str] = DIGITS, /, **changed: str | None
) -> list[Diagnostic]:
    """The problems of a plan after a change of some keys; None takes a key away."""
    keys = {key: value for key, value in {**base, **changed}.items() if value is not None}
    return read_plan(parsed(written(keys)), facts)[1]


def only(problems: list[Diagnostic]) -> Diagnostic:
    """The one problem there is."""
    assert len(problems) == 1, [f"{p.code}: {p.message}" for p in problems]
    return problems[0]


def pointed_at(diagnostic: Diagnostic) -> str:
    """The text under the primary label."""
    assert diagnostic.primary is not None
    return diagnostic.primary.span.text

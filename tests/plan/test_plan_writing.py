"""A resolved plan, written out, is read as the same plan: as YAML, as JSON, and after overrides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlspec.diagnostics.record import SpecError
from dlspec.plan import keys
from dlspec.plan.augmentations import Augmentation
from dlspec.plan.facts import Facts, Family, fields, kind
from dlspec.plan.kinds import Kind
from dlspec.plan.losses import losses
from dlspec.plan.metrics import metrics
from dlspec.plan.optimizers import Optimizer
from dlspec.plan.overrides import override
from dlspec.plan.read import read_plan
from dlspec.plan.schedules import Schedule
from dlspec.plan.sources import Csv
from dlspec.plan.writing import from_data, to_data, to_yaml
from dlspec.source import Source
from dlspec.syntax import tree
from dlspec.syntax.parser import parse
from dlspec.syntax.read import read
from tests.plan.plans import DIGITS, network, parsed, pointed_at, resolved, written

NETWORK = "network:\n  name: lenet\n  inputs: {image: 'float32[N, 10]'}\n  layers: [relu]\n  outputs: [relu]\n"


def read_back(text: str, folder: str = "") -> keys.ResolvedPlan:
    file, problems = read(Source("spec.dlspec.yaml", NETWORK + text))
    assert problems == []
    plan = next(item for item in file.items if isinstance(item, tree.Plan))
    read_again, problems = read_plan(plan, folder=folder)
    assert [p for p in problems if p.severity == "error"] == []
    assert read_again is not None
    return read_again


def numbers(kind: Kind) -> st.SearchStrategy[Any]:
    """Values of a kind, its ends included where they belong to it."""
    if kind.either:
        return st.one_of([numbers(one) for one in kind.either])
    if kind.items is not None:
        size = kind.length or 2
        return st.lists(numbers(kind.items), min_size=size, max_size=size).map(tuple)
    if kind.words:
        return st.sampled_from(kind.words)
    if type(None) in kind.types:
        return st.none()
    if bool in kind.types:
        return st.booleans()
    if str in kind.types:
        return st.sampled_from(["val.loss"])
    low = kind.low if kind.low is not None else kind.above if kind.above is not None else -5
    high = kind.high if kind.high is not None else kind.below if kind.below is not None else 50
    if float not in kind.types:
        return st.integers(int(low), int(high))
    closed = {"exclude_min": kind.above is not None, "exclude_max": kind.below is not None}
    return st.floats(float(low), float(high), allow_nan=False, **closed)


def members(family: type[Family], names: list[str]) -> st.SearchStrategy[Facts]:
    """Members of a catalogue with any parameters of their kinds."""

    def filled(name: str) -> st.SearchStrategy[Facts]:
        member = family.members[name]
        kinds = {field: kind(member, field) for field in fields(member)}
        return st.builds(member, **{field: numbers(one) for field, one in kinds.items() if one is not None})

    return st.sampled_from(names).flatmap(filled)


def flat_optimizers() -> list[str]:
    return [name for name in Optimizer.members if name not in ("lbfgs", "rprop", "sgd")]


BOUND = ("scale", "erase", "rotate", "resized_crop", "mixup", "cutmix", "kornia")
"""Augmentations whose parameters, or whose place in a plan, hang on others."""


def plans() -> st.SearchStrategy[keys.ResolvedPlan]:
    base = resolved(DIGITS)
    losses_of_classes = st.sampled_from([member for _, member in losses() if member.task == "classes"])
    terms = st.builds(
        keys.Term,
        loss=losses_of_classes.map(lambda loss: loss(output="logits", target="label")),
        factor=st.floats(0.01, 5),
    )
    chosen = st.lists(
        st.sampled_from([one for name, one in metrics() if "classes" in one.tasks and name != "accuracy"]),
        max_size=3,
        unique=True,
    )
    others = [name for name in Augmentation.members if name not in BOUND]
    return st.builds(
        keys.ResolvedPlan,
        network=st.just("lenet"),
        data=st.just(base.data),
        augment=st.lists(members(Augmentation, others), max_size=3).map(tuple),
        loss=st.lists(terms, min_size=1, max_size=2).map(tuple),
        optimizer=members(Optimizer, flat_optimizers()),
        schedule=members(Schedule, list(Schedule.members)),
        epochs=st.integers(60, 200),
        batch_size=st.one_of(st.integers(1, 512), st.just("full")),
        metrics=chosen.map(lambda some: tuple(one() for one in (*some, dict(metrics())["accuracy"]))),
        keep=st.builds(keys.Keep, best_by=st.just("val.accuracy"), last=st.integers(1, 9)),
        allow=st.one_of(st.none(), st.just({"double-softmax": 'it\'s "meant": # so'})),
        title=st.just("plan"),
        folder=st.just(str(Path.cwd())),
    )


@given(plans())
def test_a_plan_written_as_yaml_reads_as_itself(plan: keys.ResolvedPlan) -> None:
    assert read_back(to_yaml(plan)) == plan


@given(plans())
def test_a_plan_as_data_survives_json(plan: keys.ResolvedPlan) -> None:
    assert from_data(json.loads(json.dumps(to_data(plan)))) == plan


def test_a_file_keeps_its_place_in_the_resolved_spec(tmp_path: Path) -> None:
    keys_ = DIGITS | {"data": '{ source = csv("data/a b.csv", target="the class", delimiter=";") }'}
    plan, problems = read_plan(parsed(written(keys_)), folder=tmp_path)
    assert problems == []
    assert plan is not None
    again = read_back(to_yaml(plan), folder="/elsewhere").data.source
    assert isinstance(again, Csv)
    assert (again.path, again.target, again.delimiter) == (str(tmp_path / "data/a b.csv"), "the class", ";")


def set_(text: str, key: str, value: str) -> keys.ResolvedPlan:
    source = Source("--set", f"{key}={value}")
    expr, problems, _ = parse(source, "expression", len(key) + 1, len(source.text))
    assert expr is not None
    assert problems == []
    plan = parsed(text)
    section = override(plan.section, key, expr)
    changed = tree.Plan(plan.span, plan.name, plan.name_span, section)
    read_again, problems = read_plan(changed, network())
    assert problems == []
    assert read_again is not None
    return read_again


PLAN = written(DIGITS | {"schedule": "step(10, 0.5)", "keep": "{ last = 3 }"})


def test_an_override_replaces_a_key() -> None:
    assert set_(PLAN, "epochs", "15").epochs == 15


def test_an_override_adds_a_key_and_the_sections_on_the_way() -> None:
    assert set_(PLAN, "batch_size", "full").batch_size == "full"
    assert set_(PLAN, "data.split.seed", "3").data.split.seed == 3
    assert set_(PLAN, "keep.every_seconds", "0").keep == keys.Keep(best_by="val.accuracy", last=3, every_seconds=0.0)


def test_an_override_reaches_a_parameter_by_its_name() -> None:
    assert set_(PLAN, "optimizer.lr", "0.01").optimizer.lr == 0.01
    assert set_(PLAN, "optimizer.momentum", "0.9").optimizer.momentum == 0.9
    assert set_(PLAN, "schedule.gamma", "0.1").schedule.gamma == 0.1
    assert set_(PLAN, "loss.label_smoothing", "0.1").loss[0].loss.label_smoothing == 0.1
    assert set_(PLAN, "data.source.classes", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]").data.source.classes == tuple(range(10))


@pytest.mark.parametrize(
    ("key", "code", "near"),
    [
        ("epoch", "E0105", "epochs"),
        ("data.split.sed", "E0105", "seed"),
        ("optimizer.lrr", "E0112", "lr"),
        ("epochs.x", "E0105", None),
        ("augment.rotate", "E0105", None),
    ],
)
def test_an_unknown_override_is_a_diagnostic(key: str, code: str, near: str | None) -> None:
    with pytest.raises(SpecError) as raised:
        set_(PLAN, key, "1")
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == code
    assert [edit.text for fix in diagnostic.fixes for edit in fix.edits][:1] == ([near] if near else [])
    assert pointed_at(diagnostic) == key.rpartition(".")[2]

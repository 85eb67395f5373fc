"""Reading a plan: every key is known, every value of its kind and in its range, or a problem says why not."""

from __future__ import annotations

import pytest

from dlspec.plan.read import read_plan
from dlspec.source import Source
from dlspec.syntax import tree
from dlspec.syntax.read import read
from tests.plan.plans import DIABETES, DIGITS, network, only, pointed_at, problems_of, resolved


def test_a_complete_plan_has_no_problems() -> None:
    plan = resolved(DIGITS, network())
    assert (plan.network, plan.epochs, plan.optimizer.name, plan.optimizer.lr) == ("lenet", 30, "sgd", 0.1)


def test_defaults_are_filled_in_from_the_task() -> None:
    plan = resolved(DIGITS, network())
    assert [metric.name for metric in plan.metrics] == ["accuracy"]
    assert plan.keep.best_by == "val.accuracy"
    assert plan.data.stratify is True
    assert (plan.loss[0].loss.output, plan.loss[0].loss.target) == ("logits", "label")
    numbers = resolved(DIABETES)
    assert [metric.name for metric in numbers.metrics] == ["r2", "rmse"]
    assert numbers.data.stratify is False


def test_a_plan_without_validation_keeps_the_last_weights() -> None:
    plan = resolved(DIGITS | {"data": "{ source = digits split { train = 0.8 val = 0 test = 0.2 } }"})
    assert plan.keep.best_by is None


def test_early_stopping_watches_what_chooses() -> None:
    plan = resolved(DIGITS | {"keep": "{ best_by = val.loss }", "early_stopping": "{ patience = 3 }"})
    assert (plan.early_stopping.by, plan.early_stopping.patience) == ("val.loss", 3)


def test_parameters_may_stand_by_position_as_in_torch() -> None:
    plan = resolved(DIGITS | {"schedule": "step(10, 0.5, warmup_steps=3)", "augment": "[rotate(10), scale(0.9, 1.1)]"})
    assert (plan.schedule.step_size, plan.schedule.gamma, plan.schedule.warmup_steps) == (10, 0.5, 3)
    assert (plan.augment[1].low, plan.augment[1].high) == (0.9, 1.1)


def test_numbers_may_be_computed() -> None:
    assert resolved(DIGITS | {"optimizer": "sgd(lr=0.1 * 64 / 256)"}).optimizer.lr == pytest.approx(0.025)


def test_losses_add_up_with_factors() -> None:
    plan = resolved(DIGITS | {"loss": "cross_entropy(logits) + 0.4 * cross_entropy(aux)"})
    assert [(term.loss.output, term.factor) for term in plan.loss] == [("logits", 1.0), ("aux", 0.4)]


def test_an_unknown_key_offers_the_nearest() -> None:
    found = only(problems_of(None, optimiser="sgd", optimizer="sgd"))
    assert (found.code, pointed_at(found)) == ("E0105", "optimiser")
    assert found.fixes[0].edits[0].text == "optimizer"


def test_an_unknown_key_of_a_section_offers_the_nearest() -> None:
    found = only(problems_of(data="{ source = digits split { train = 0.7 vall = 0.15 test = 0.15 } }"))
    assert (found.code, found.message) == ("E0105", "`split` has no key `vall`")


@pytest.mark.parametrize(
    ("key", "value", "code", "near"),
    [
        ("loss", "cross_entropi", "E0601", "cross_entropy"),
        ("metrics", "[acuracy]", "E0610", "accuracy"),
        ("optimizer", "adamW", "E0611", "adamw"),
        ("schedule", "cosin", "E0612", "cosine"),
        ("augment", "[rotat(10)]", "E0613", "rotate"),
        ("data", "{ source = digit }", "E0605", "digits"),
    ],
)
def test_an_unknown_member_of_a_catalogue_offers_the_nearest(key: str, value: str, code: str, near: str) -> None:
    found = only(problems_of(**{key: value}))
    assert (found.code, found.fixes[0].edits[0].text) == (code, near)


@pytest.mark.parametrize(
    ("key", "value", "code", "text"),
    [
        ("optimizer", "sgd(momentun=0.9)", "E0112", "momentun"),
        ("optimizer", "sgd(lr=fast)", "E0201", "fast"),
        ("optimizer", "sgd(lr=-0.1)", "E0202", "-0.1"),
        ("optimizer", "adam(betas=[0.9])", "E0201", "[0.9]"),
        ("optimizer", "adam(betas=[0.9, 1.5])", "E0202", "[0.9, 1.5]"),
        ("optimizer", "sgd(0.1, lr=0.2)", "E0112", "lr=0.2"),
        ("schedule", "exponential", "E0203", "exponential"),
        ("augment", "[rotate]", "E0203", "rotate"),
        ("augment", "[horizontal_flip(1.5)]", "E0202", "1.5"),
        ("epochs", "0", "E0614", "0"),
        ("epochs", "2.5", "E0106", "2.5"),
        ("epochs", "true", "E0106", "true"),
        ("batch_size", "ful", "E0106", "ful"),
        ("precision", "fp8", "E0106", "fp8"),
        ("clip_norm", "0", "E0614", "0"),
        ("optimizer", "[sgd]", "E0106", "[sgd]"),
        ("optimizer", "sgd(lr=1 / 0)", "E0201", "1 / 0"),
        ("keep", "best", "E0106", "best"),
        ("seed", "{ a = 1 }", "E0106", "{ a = 1 }"),
        ("allow", '"yes"', "E0106", '"yes"'),
    ],
)
def test_a_wrong_value_is_pointed_at(key: str, value: str, code: str, text: str) -> None:
    found = only([p for p in problems_of(**{key: value}) if p.code.startswith("E")])
    assert (found.code, pointed_at(found)) == (code, text)


def test_missing_keys_are_each_named_at_the_plan() -> None:
    found = problems_of(optimizer=None, epochs=None, loss=None)
    assert [p.code for p in found] == ["E0608"] * 3
    assert {pointed_at(p) for p in found} == {"digits"}
    assert "`loss`" in found[0].message
    assert "`optimizer`" in found[1].message
    assert "`epochs`" in found[2].message


def test_a_plan_without_a_network_is_told_so() -> None:
    assert only(problems_of(network=None)).code == "E0608"
    assert problems_of(network(), network=None) == []


def test_mistakes_are_reported_together() -> None:
    found = problems_of(loss="mes", optimizer="sdg", metrics="[acc]", epochs="-1")
    assert [p.code for p in found] == ["E0601", "E0611", "E0614", "E0610"]


def test_the_long_form_of_programs_is_read() -> None:
    text = "plan:\n  data: {source: {op: iris, classes: [0, 1]}}\n  optimizer: {op: adam, lr: 0.01}\n"
    file, problems = read(Source("plan.dlspec.yaml", f"{text}  loss: cross_entropy\n  epochs: 3\n"))
    assert problems == []
    (plan,) = file.items
    assert isinstance(plan, tree.Plan)
    found, problems = read_plan(plan, network(("N", 2), image=("N", 4)))
    assert problems == []
    assert found is not None
    assert (found.optimizer.name, found.optimizer.lr, found.data.source.classes) == ("adam", 0.01, (0, 1))


def test_the_application_of_a_network_is_kept_as_text() -> None:
    assert resolved(DIGITS | {"network": "resnet(basic, [2, 2], head=resnet.fc)"}).network == (
        "resnet(basic, [2, 2], head=resnet.fc)"
    )


def test_an_allowed_lint_is_silent_and_needs_a_reason() -> None:
    soft = network(op="softmax")
    assert only(problems_of(soft)).code == "W0410"
    assert problems_of(soft, allow='{ double_softmax = "distilling from probabilities" }') == []
    without = problems_of(soft, allow='{ double_softmax = " " }')
    assert [p.code for p in without] == ["E0106", "W0410"]
    unknown = problems_of(allow='{ double_sofmax = "because" }')
    assert only(unknown).fixes[0].edits[0].text == "double-softmax"

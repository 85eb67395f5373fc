"""What a plan's checks find before the first batch, each by the smallest plan that shows it."""

from __future__ import annotations

import math

import pytest
import torch

from tests.plan.plans import DIABETES, network, only, pointed_at, problems_of


@pytest.mark.parametrize(
    ("split", "verb"),
    [
        ("{ train = 0.8 val = 0.2 test = 0.2 }", "promises more samples than there are"),
        ("{ train = 0.6 val = 0.2 }", "leaves samples out"),
        ("{ train = 0.6 val = 0.2 test = 0 }", "leaves samples out"),
    ],
)
def test_shares_of_a_split_add_up_to_one(split: str, verb: str) -> None:
    found = only([p for p in problems_of(data=f"{{ source = digits split {split} }}") if p.code == "E0606"])
    assert found.message == f"the split {verb}"


def test_shares_that_add_up_but_for_rounding_are_fine() -> None:
    assert problems_of(data="{ source = digits split { train = 0.7 val = 0.1 test = 0.2 } }") == []


def test_a_split_leaves_something_to_train_on() -> None:
    found = problems_of(data="{ source = digits split { train = 0 val = 0.5 test = 0.5 } }")
    assert only(found).message == "the split leaves nothing to train on"


def test_choosing_on_test_is_one_problem_however_many_choose() -> None:
    found = only(
        problems_of(
            data="{ source = digits split { train = 0.7 val = 0.15 test = 0.15 } }",
            keep="{ best_by = test.accuracy }",
            early_stopping="{ by = test.accuracy }",
            schedule="plateau(by=test.loss)",
        )
    )
    assert (found.code, found.message) == ("E0620", "the test split is used to choose what is reported")
    assert pointed_at(found) == "test.accuracy"
    assert [label.text for label in found.labels] == [
        "keeps the checkpoint that scores best on it",
        "held out as the test split",
        "stops by the score on it",
        "lowers the learning rate by the score on it",
    ]
    assert [edit.text for edit in found.fixes[0].edits] == ["val.accuracy", "val.accuracy", "val.loss"]


def test_what_chooses_must_be_measured() -> None:
    found = only(problems_of(keep="{ best_by = val.f1 }"))
    assert (found.code, pointed_at(found)) == ("E0610", "val.f1")
    table = only(problems_of(metrics="[confusion_matrix]", keep="{ best_by = val.confusion_matrix }"))
    assert table.code == "E0604"


def test_what_chooses_must_have_samples() -> None:
    data = "{ source = digits split { train = 0.8 val = 0 test = 0.2 } }"
    assert only(problems_of(data=data, keep="{ best_by = val.accuracy }")).code == "E0606"
    assert only(problems_of(data=data, schedule="plateau")).code == "E0606"


def test_a_score_names_a_split() -> None:
    found = only(problems_of(keep="{ best_by = vla.accuracy }"))
    assert (found.code, found.fixes[0].edits[0].text) == ("E0106", "val")


def test_a_metric_fits_the_task() -> None:
    found = only(problems_of(metrics="[accuracy, r2]"))
    assert (found.code, pointed_at(found)) == ("E0604", "r2")
    assert only(problems_of(None, DIABETES, metrics="[f1]")).code == "E0604"


def test_a_metric_is_listed_once() -> None:
    assert only(problems_of(metrics="[accuracy, accuracy]")).code == "E0113"


def test_the_best_k_are_fewer_than_the_classes() -> None:
    assert only(problems_of(metrics="[top_k_accuracy(k=10)]")).code == "E0202"
    assert problems_of(metrics="[top_k_accuracy(k=9)]") == []


@pytest.mark.parametrize("classes", [5, 1000])
def test_scores_are_as_many_as_classes(classes: int) -> None:
    found = only(problems_of(network(("N", classes))))
    assert found.code == "E0603"
    assert found.fixes[0].edits[0].text == "lenet(classes=10)"


def test_an_open_number_of_scores_is_not_judged() -> None:
    assert problems_of(network(("N", "C"))) == []


def test_two_class_losses_want_two_classes_and_one_score() -> None:
    assert only(problems_of(network(("N", 1)), loss="hinge")).code == "E0603"
    two = "{ source = digits(classes=[0, 1]) }"
    assert problems_of(network(("N", 1)), data=two, loss="hinge") == []
    assert problems_of(network(("N",)), data=two, loss="perceptron") == []
    assert only(problems_of(network(("N", 2)), data=two, loss="bce_with_logits")).code == "E0602"


def test_chosen_classes_exist_and_differ() -> None:
    assert only(problems_of(data="{ source = iris(classes=[0, 3]) }")).code == "E0202"
    assert only(problems_of(data="{ source = iris(classes=[1, 1]) }")).code == "E0202"


def test_cross_entropy_wants_a_score_for_each_class() -> None:
    found = only(problems_of(network(("N", 10, 7, 7))))
    assert (found.code, found.message) == ("E0602", "`cross_entropy` cannot judge `logits`")
    assert "adaptive_avg_pool2d" in found.fixes[0].message
    assert only(problems_of(network(("N", 1)))).code == "E0602"


def test_a_loss_of_numbers_wants_one_a_sample() -> None:
    features = network(("N", 1), image=("N", 10))
    assert problems_of(features, DIABETES) == []
    assert only(problems_of(network(("N", 2), image=("N", 10)), DIABETES)).code == "E0602"


def test_a_loss_fits_the_target() -> None:
    found = only([p for p in problems_of(loss="mse") if p.code == "E0602"])
    assert found.labels[1].text == "gives a class"
    assert only(problems_of(None, DIABETES, loss="cross_entropy")).code == "E0602"


def test_outputs_and_targets_are_named_as_they_are() -> None:
    output = only(problems_of(network(), loss="cross_entropy(logit)"))
    assert (output.code, output.fixes[0].edits[0].text) == ("E0110", "logits")
    target = only(problems_of(network(), loss="cross_entropy(logits, class)"))
    assert (target.code, target.fixes[0].edits[0].text) == ("E0110", "label")


def test_one_of_several_outputs_has_to_be_named() -> None:
    several = network()
    several.outputs["aux"] = several.outputs["logits"]
    assert only(problems_of(several)).code == "E0602"
    assert problems_of(several, loss="cross_entropy(aux)") == []


def test_samples_fit_the_input_after_resizing() -> None:
    large = network(image=("N", 1, 28, 28))
    found = only(problems_of(large))
    assert (found.code, pointed_at(found)) == ("E0607", "digits")
    assert found.fixes[0].message == "resize the images: `resize = 28` in `data`"
    assert problems_of(large, data="{ source = digits resize = 28 }") == []
    wrong = only(problems_of(large, data="{ source = digits resize = 32 }"))
    assert wrong.fixes[0].edits[0].text == "28"


def test_open_sizes_take_any_image() -> None:
    assert problems_of(network(image=("N", 1, "H", "W"))) == []


def test_features_are_no_image_and_an_image_no_features() -> None:
    assert "flatten" in only(problems_of(network(image=("N", 64)))).fixes[0].message
    assert only(problems_of(network(("N", 3)), data="{ source = iris }")).code == "E0607"


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_the_floor_of_a_doubled_softmax_is_torchs(classes: int) -> None:
    best = torch.zeros(1, classes)
    best[0, 0] = 1.0
    floor = torch.nn.functional.cross_entropy(best, torch.tensor([0])).item()
    assert floor == pytest.approx(math.log(1 + (classes - 1) / math.e), rel=1e-6)
    found = problems_of(network(("N", classes), "softmax"))
    note = next(p for p in found if p.code == "W0410").notes[0]
    assert f"cannot fall below {floor:.2f}," in note


def test_a_doubled_softmax_is_shown_at_both_places() -> None:
    found = only(problems_of(network(op="softmax"), loss="cross_entropy(logits, label, label_smoothing=0.1)"))
    assert found.message == "softmax is applied twice before the loss"
    assert [(label.span.text, label.text) for label in found.labels] == [
        ("cross_entropy", "takes its own log-softmax"),
        ("logits", "already turns the logits into probabilities"),
    ]


def test_a_doubled_sigmoid_names_the_floor_of_each_class() -> None:
    two = "{ source = breast_cancer }"
    facts = network(("N", 1), "sigmoid", ("N", 30))
    one, zero = (
        torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor([p]), torch.tensor([p])).item()
        for p in (1.0, 0.0)
    )
    found = only(problems_of(facts, data=two, loss="bce_with_logits"))
    assert f"class 1 cannot fall below {one:.2f}, of class 0 below {zero:.2f}" in found.notes[0]


@pytest.mark.parametrize(
    ("loss", "op", "fits"),
    [
        ("nll", "log_softmax", True),
        ("nll", "softmax", False),
        ("nll", "linear", False),
        ("cross_entropy", "log_softmax", True),
        ("nll", "add", True),
    ],
)
def test_a_loss_reads_what_the_network_gives(loss: str, op: str, fits: bool) -> None:
    assert [p.code for p in problems_of(network(op=op), loss=loss)] == ([] if fits else ["E0602"])


@pytest.mark.parametrize(
    ("loss", "op", "fits"),
    [
        ("bce", "sigmoid", True),
        ("bce", "linear", False),
        ("hinge", "linear", True),
        ("hinge", "sigmoid", False),
        ("perceptron", "relu", False),
    ],
)
def test_a_two_class_loss_reads_what_the_network_gives(loss: str, op: str, fits: bool) -> None:
    facts = network(("N", 1), op, ("N", 30))
    found = problems_of(facts, data="{ source = breast_cancer }", loss=loss)
    assert [p.code for p in found] == ([] if fits else ["E0602"])


@pytest.mark.parametrize("change", ["horizontal_flip", "vertical_flip(p=0.1)", "rotate(180)"])
def test_digits_stay_upright(change: str) -> None:
    found = only(problems_of(augment=f"[{change}]"))
    assert (found.code, pointed_at(found)) == ("W0701", change)


def test_a_small_rotation_of_digits_is_fine() -> None:
    assert problems_of(augment="[rotate(15), crop(1)]") == []


def test_tables_are_not_augmented_resized_or_normalized_by_channel() -> None:
    assert only(problems_of(None, DIABETES, augment="[rotate(10)]")).code == "E0607"
    assert only(problems_of(None, DIABETES, data="{ source = diabetes resize = 28 }")).code == "E0607"
    assert only(problems_of(None, DIABETES, data="{ source = diabetes normalize = true }")).code == "E0607"


def test_the_ends_of_a_range_are_in_order() -> None:
    assert only(problems_of(augment="[scale(1.2, 0.8)]")).code == "E0202"


def test_classes_are_not_standardized_and_numbers_not_stratified() -> None:
    standardized = problems_of(data="{ source = digits standardize { target = true } }")
    assert only(standardized).code == "E0614"
    assert only(problems_of(None, DIABETES, data="{ source = diabetes stratify = true }")).code == "E0614"


def test_a_run_has_one_length() -> None:
    assert only(problems_of(steps="100")).code == "E0614"
    assert problems_of(epochs=None, steps="100") == []


def test_an_optimizer_that_compares_gradients_wants_all_samples() -> None:
    found = only(problems_of(optimizer="lbfgs", batch_size="64"))
    assert (found.code, found.fixes[0].edits[0].text) == ("E0614", "full")
    assert problems_of(optimizer="lbfgs", batch_size="full") == []


def test_nesterov_wants_momentum() -> None:
    assert only(problems_of(optimizer="sgd(nesterov=true)")).code == "E0202"
    assert problems_of(optimizer="sgd(momentum=0.9, nesterov=true)") == []


@pytest.mark.parametrize("schedule", ["multi_step([10, 30])", "step(40)", "cosine(warmup_epochs=30)"])
def test_what_a_schedule_announces_comes_before_the_end(schedule: str) -> None:
    assert only(problems_of(schedule=schedule)).code == "W0702"


def test_least_squares_solves_mse_alone() -> None:
    assert only(problems_of(None, DIABETES, loss="l1", closed_form="least_squares")).code == "E0614"
    assert problems_of(None, DIABETES, closed_form="least_squares") == []
    assert problems_of(None, closed_form="least_squares") == []
    assert only(problems_of(None, loss="multi_margin", closed_form="least_squares")).code == "E0614"

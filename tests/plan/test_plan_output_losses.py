"""Plans whose losses are outputs of the network: bare names are read, and checked against network and data."""

from __future__ import annotations

from dlspec.plan.network_facts import NetworkFacts, TensorFacts
from dlspec.plan.reading import Reader
from dlspec.plan.writing import from_data, to_data, to_yaml
from tests.plan.plans import network, only, parsed, pointed_at, problems_of, resolved, written

SCENES = {
    "network": "finder",
    "data": "{ source = digit_scenes }",
    "loss": "loss_objectness + 0.5 * loss_box_reg",
    "optimizer": "adamw(lr=1e-3)",
    "epochs": "2",
}


def finder(*, takes: tuple[str, ...] = ("boxes", "labels"), gives: tuple[str, ...] = ("masks",)) -> NetworkFacts:
    """A detector seen from outside."""
    image = {"image": TensorFacts("float32", ("N", 1, 128, 128))}
    found = {
        name: TensorFacts("float32", shape)
        for name, shape in {"boxes": ("D", 4), "scores": ("D",), "labels": ("D",), "masks": ("D", 1, "H", "W")}.items()
        if name in ("boxes", "scores", "labels", *gives)
    }
    losses = {name: TensorFacts("float32", ()) for name in ("loss_objectness", "loss_box_reg")}
    losses["deltas"] = TensorFacts("float32", ("N", 4, 16, 16))
    wanted = {name: TensorFacts("float32", ("M", 4)) for name in takes}
    trained = NetworkFacts("finder", image | wanted, losses)
    return NetworkFacts("finder", image, found, trained=trained)


def test_bare_names_of_outputs_are_losses_with_factors() -> None:
    plan = resolved(SCENES, finder())
    assert [(term.loss.output, term.factor) for term in plan.loss] == [("loss_objectness", 1), ("loss_box_reg", 0.5)]
    assert plan.task == "objects"


def test_such_a_plan_is_written_as_it_was_read_and_comes_back_from_data() -> None:
    plan = resolved(SCENES, finder())
    assert "loss: loss_objectness + 0.5 * loss_box_reg\n" in to_yaml(plan)
    assert to_data(from_data(to_data(plan))) == to_data(plan)


def test_what_is_found_is_judged_by_average_precision_and_masks_where_there_are_any() -> None:
    names = [metric.name for metric in resolved(SCENES, finder()).metrics or ()]
    assert names == ["map", "map50", "mask_map", "mask_map50"]
    assert [metric.name for metric in resolved(SCENES, finder(gives=())).metrics or ()] == ["map", "map50"]
    assert resolved(SCENES, finder()).keep.best_by == "val.map"


def test_a_misspelt_output_is_told_with_the_near_one() -> None:
    found = only(problems_of(finder(), SCENES, loss="loss_objectnes + loss_box_reg"))
    assert found.code == "E0601"
    assert pointed_at(found) == "loss_objectnes"
    assert "loss_objectness" in found.fixes[0].edits[0].text


def test_an_output_with_axes_is_no_loss() -> None:
    found = only(problems_of(finder(), SCENES, loss="deltas"))
    assert (found.code, found.message) == ("E0602", "`deltas` is no loss: a loss is one number")


def test_losses_of_the_network_and_of_the_plan_do_not_mix() -> None:
    found = problems_of(finder(), SCENES, loss="loss_objectness + cross_entropy(scores)")
    assert "losses of the network and losses of the plan read different targets" in [one.message for one in found]


def test_the_data_gives_what_the_network_takes_in_training() -> None:
    found = [one for one in problems_of(finder(), SCENES, data="{ source = digits }") if "gives no" in one.message]
    assert only(found).message == "`digits` gives no `boxes` and `labels`, which `finder` wants in training"


def test_a_network_that_wants_boxes_is_not_trained_by_a_loss_of_scores() -> None:
    found = [one for one in problems_of(finder(), SCENES, loss="cross_entropy(scores)") if one.code == "E0607"]
    assert only(found).message == "`finder` takes `boxes` and `labels` in training, and the plan's loss gives it none"


def test_metrics_of_masks_want_masks() -> None:
    found = only(problems_of(finder(gives=()), SCENES, metrics="[map, mask_map]"))
    assert found.message == "`mask_map` judges `masks`, which `finder` does not give"


def test_metrics_of_objects_do_not_judge_classes() -> None:
    assert only(problems_of(network(), metrics="[map]")).code == "E0604"


def test_classes_that_the_network_tells_apart_are_those_of_the_data() -> None:
    class Graph:
        arguments = {"classes": 10}
        inputs: dict[str, object] = {}
        allowed: dict[str, str] = {}

    facts, graph = finder(), Graph()
    facts.graph = graph  # type: ignore[assignment]
    found = [one for one in problems_of(facts, SCENES) if one.code == "E0603"]
    assert only(found).message == "`finder` tells 10 classes apart, and `digit_scenes` has 11"


def test_a_name_near_no_loss_is_let_pass_while_the_network_is_not_known() -> None:
    assert problems_of(None, SCENES) == []
    assert only(problems_of(None, SCENES, loss="cros_entropy")).code == "E0601"


def test_a_reader_that_knows_no_network_takes_names_for_outputs() -> None:
    plan = parsed(written(SCENES))
    reader = Reader()
    reader.plan(plan, plan.section)
    assert reader.problems == []

"""Plans whose target is a class for every pixel: what is said of maps, scores and metrics before anything runs."""

from __future__ import annotations

import pytest

from dlspec.plan.network_facts import NetworkFacts
from dlspec.sizes import symbol
from tests.plan.plans import network, only, pointed_at, problems_of, resolved

SCENES = {
    "network": "lenet",
    "data": "{ source = digit_scenes }",
    "loss": "cross_entropy",
    "optimizer": "adamw(lr=0.01)",
    "epochs": "6",
}
H, W = symbol("H"), symbol("W")
IMAGE = ("N", 1, 128, 128)


def segmenter(*axes: object, image: tuple[object, ...] = IMAGE) -> NetworkFacts:
    return network(axes, "interpolate", image)


def test_a_class_for_every_pixel_is_judged_by_mean_iou_and_accuracy_of_pixels() -> None:
    plan = resolved(SCENES, segmenter("N", 11, 128, 128))
    assert plan.loss[0].loss.target == "class_map"
    assert [metric.name for metric in plan.metrics or ()] == ["mean_iou", "accuracy"]
    assert plan.keep.best_by == "val.mean_iou"


def test_outputs_may_be_summed_with_factors_against_the_same_map() -> None:
    facts = segmenter("N", 11, 128, 128)
    facts.outputs["aux"] = facts.outputs["logits"]
    plan = resolved(SCENES | {"loss": "cross_entropy(logits) + 0.5 * cross_entropy(aux, class_map)"}, facts)
    assert [(term.factor, term.loss.output, term.loss.target) for term in plan.loss] == [
        (1.0, "logits", "class_map"), (0.5, "aux", "class_map"),
    ]  # fmt: skip


def test_scores_of_the_whole_image_are_no_map() -> None:
    problem = only(problems_of(segmenter("N", 11), SCENES))
    assert problem.code == "E0640"
    assert pointed_at(problem) == "cross_entropy"


def test_a_map_that_is_coarser_or_smaller_than_the_class_map_is_told_with_its_repair() -> None:
    coarse = only(problems_of(segmenter("N", 11, 32, 32), SCENES))
    assert coarse.code == "E0641"
    assert coarse.notes == ["there is one score for each 4×4 pixels"]
    assert "interpolate(image" in coarse.fixes[0].message
    large = only(problems_of(segmenter("N", 11, 130, 130), SCENES))
    assert "crop(image)" in large.fixes[0].message


def test_open_sizes_are_compared_at_the_size_of_the_samples() -> None:
    image = ("N", 1, H, W)
    assert problems_of(segmenter("N", 11, H, W, image=image), SCENES) == []
    assert problems_of(segmenter("N", 11, H // 2 * 2, W // 4 * 4, image=image), SCENES) == []
    problem = only(problems_of(segmenter("N", 11, (H + 3) // 4, (W + 3) // 4, image=image), SCENES))
    assert problem.code == "E0641"
    resized = SCENES | {"data": "{ source = digit_scenes, resize = 65 }"}
    assert only(problems_of(segmenter("N", 11, H // 2 * 2, W, image=image), resized)).code == "E0641"


def test_as_many_scores_as_the_map_has_classes() -> None:
    assert only(problems_of(segmenter("N", 10, 128, 128), SCENES)).code == "E0603"


def test_a_loss_that_judges_samples_alone_is_not_for_maps() -> None:
    problem = only(problems_of(segmenter("N", 11, 128, 128), SCENES, loss="multi_margin", metrics="[accuracy]"))
    assert (problem.code, problem.message) == ("E0602", "`multi_margin` judges no class maps")


def test_a_named_class_that_is_not_judged_is_a_lint() -> None:
    problem = only(problems_of(segmenter("N", 11, 128, 128), SCENES, loss="cross_entropy(ignore_index=0)"))
    assert (problem.code, pointed_at(problem)) == ("W0440", "0")
    assert problems_of(segmenter("N", 11, 128, 128), SCENES, loss="cross_entropy(ignore_index=255)") == []


@pytest.mark.parametrize(
    ("metrics", "code"),
    [
        ("[mean_iou(without=[11])]", "E0202"),
        ("[mean_iou(without=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])]", "E0202"),
        ("[top_k_accuracy(k=2)]", "E0604"),
    ],
)
def test_metrics_are_checked_against_the_classes_of_the_map(metrics: str, code: str) -> None:
    assert only(problems_of(segmenter("N", 11, 128, 128), SCENES, metrics=metrics)).code == code

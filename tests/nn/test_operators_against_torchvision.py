"""Every operator of detection gives what torchvision's gives, on cases that hold its ties, edges and empty inputs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dlspec import nn
from tests.nn.operator_cases import Case, cases

torch.set_num_threads(1)

SAME_NAME = ("nms", "batched_nms", "box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou", "box_area", "box_convert", "remove_small_boxes", "masks_to_boxes", "generalized_box_iou_loss", "distance_box_iou_loss", "complete_box_iou_loss")  # fmt: skip


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


COMPARED: set[str] = set()


def of(*operators: str, giving: str = "") -> list[object]:
    """The cases of these operators, a test each; of those with an output of that name if one is given."""
    listed = [case for case in cases().values() if case.operator.removeprefix("ops.") in operators]
    listed = [case for case in listed if not giving or giving in case.outputs]
    COMPARED.update(case.name for case in listed)
    return [pytest.param(case, id=case.name) for case in listed]


@pytest.mark.parametrize("case", of(*SAME_NAME))
def test_a_function_of_the_same_name_gives_the_same(case: Case) -> None:
    parameters = {name: value for name, value in case.parameters.items() if name != "note"}
    (expected,) = case.outputs.values()
    close(getattr(nn, case.operator.removeprefix("ops."))(**case.inputs, **parameters), expected)


@pytest.mark.parametrize("case", of("roi_align", "roi_pool"))
def test_pooling_of_regions_gives_the_same_values_and_gradients(case: Case) -> None:
    features = case.inputs["input"].clone().requires_grad_()
    pooled = getattr(nn, case.operator.removeprefix("ops."))(features, case.inputs["rois"], **case.parameters)
    close(pooled, case.outputs["output"])
    if "grad_input" in case.outputs:
        pooled.backward(case.inputs["grad_output"])
        assert features.grad is not None
        close(features.grad, case.outputs["grad_input"])


@pytest.mark.parametrize("case", of("clip_boxes_to_image"))
def test_boxes_are_clipped_to_one_size_or_to_a_size_each(case: Case) -> None:
    boxes, size = case.inputs["boxes"], case.parameters["size_hw"]
    close(nn.clip_boxes_to_image(boxes, size), case.outputs["out"])
    close(nn.clip_boxes_to_image(boxes, torch.tensor(size).expand(len(boxes), 2)), case.outputs["out"])


@pytest.mark.parametrize("case", of("BoxCoder"))
def test_box_codes_are_the_same_both_ways(case: Case) -> None:
    weights, proposals = case.parameters["weights"], case.inputs["proposals"]
    codes = nn.encode_boxes(case.inputs["gt"], proposals, weights)
    close(codes, case.outputs["encode"])
    torch.testing.assert_close(
        nn.decode_boxes(codes, proposals, weights), case.outputs["decode_of_encode"], rtol=1e-5, atol=1e-4
    )
    for given, expected in (("codes", "decode"), ("codes_multi", "decode_multi")):
        close(nn.decode_boxes(case.inputs[given], proposals, weights), case.outputs[expected])


@pytest.mark.parametrize("case", of("Matcher"))
def test_predictions_are_matched_to_the_same_objects(case: Case) -> None:
    found = nn.match(
        case.inputs["match_quality_matrix"],
        case.parameters["high_threshold"],
        case.parameters["low_threshold"],
        case.parameters["allow_low_quality_matches"],
    )
    close(found, case.outputs["matches"])


@pytest.mark.parametrize("case", of("AnchorGenerator"))
def test_anchors_are_the_same_in_the_same_order(case: Case) -> None:
    given = case.parameters
    maps = [torch.empty(1, 1, *size) for size in given["grid_sizes"]]
    found = nn.anchor_boxes(maps, given["image_size"], given["sizes"], given["aspect_ratios"])
    close(torch.cat(found), case.outputs["anchors"])
    for level, (sizes, ratios) in enumerate(zip(given["sizes"], given["aspect_ratios"])):
        close(nn.cell_anchors(sizes, ratios), case.outputs[f"cell_{level}"])


@pytest.mark.parametrize("case", of("LevelMapper"))
def test_boxes_go_to_the_same_level(case: Case) -> None:
    parameters = {name: value for name, value in case.parameters.items() if name != "note"}
    close(nn.assign_levels(case.inputs["boxes"], **parameters), case.outputs["levels"])


@pytest.mark.parametrize("case", of("MultiScaleRoIAlign"))
def test_regions_are_read_from_the_same_levels_of_a_pyramid(case: Case) -> None:
    given = case.parameters
    features = [case.inputs[f"x_{level}"] for level in range(4)]
    rois = nn.rois_from_boxes([case.inputs["boxes_img0"], case.inputs["boxes_img1"]])
    close(nn.assign_levels(rois[:, 1:], given["k_min"], given["k_max"]), case.outputs["levels_minus_kmin"])
    pooled = nn.multi_scale_roi_align(features, rois, given["scales"], given["output_size"], given["sampling_ratio"])
    close(pooled, case.outputs["output"])


@pytest.mark.parametrize("case", of("FrozenBatchNorm2d"))
def test_a_frozen_batch_norm_gives_the_same(case: Case) -> None:
    norm = nn.FrozenBatchNorm2d(4, eps=case.parameters["eps"])
    norm.load_state_dict(case.state())
    close(norm(case.inputs["x"]), case.outputs["out"])


class RpnHead(torch.nn.Module):
    """The two heads of a region proposal network, with torchvision's names."""

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        self.conv = torch.nn.Sequential(torch.nn.Sequential(torch.nn.Conv2d(channels, channels, 3, padding=1)))
        self.cls_logits = torch.nn.Conv2d(channels, anchors, 1)
        self.bbox_pred = torch.nn.Conv2d(channels, 4 * anchors, 1)

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        hidden = [self.conv(one).relu() for one in features]
        return [self.cls_logits(one) for one in hidden], [self.bbox_pred(one) for one in hidden]


@pytest.mark.parametrize("case", of("RegionProposalNetwork"))
def test_a_region_proposal_network_proposes_and_learns_the_same(case: Case) -> None:
    given, features = case.parameters, [case.inputs["x_0"], case.inputs["x_1"]]
    head = RpnHead(4, 3)
    head.load_state_dict(case.state())
    objectness, deltas = head(features)
    anchors = nn.anchor_boxes(features, given["padded"], given["anchor_sizes"], given["aspect_ratios"])
    sizes = torch.tensor(given["image_sizes"])
    rois = nn.region_proposals(
        objectness, deltas, anchors, sizes,
        given["pre_nms_top_n_eval_per_level"], given["post_nms_top_n_eval"], given["nms_thresh"], min_size=given["min_size"],
    )  # fmt: skip
    for image, proposals in enumerate(nn.per_image(rois[:, 1:], rois, sizes)):
        torch.testing.assert_close(proposals, case.outputs[f"proposals_img{image}"], rtol=1e-5, atol=1e-4)
    truth = [case.inputs["gt_img0"], case.inputs["gt_img1"]]
    drawn = nn.match_anchors(anchors, truth, given["fg_iou"], given["bg_iou"], 100_000, given["positive_fraction"])
    losses = nn.rpn_loss(objectness, deltas, *drawn)
    close(losses[0], case.outputs["loss_objectness"])
    close(losses[1], case.outputs["loss_rpn_box_reg"])


@pytest.mark.parametrize("case", of("fastrcnn_loss"))
def test_the_second_stage_learns_the_same(case: Case) -> None:
    names = ("class_logits", "box_regression", "labels", "regression_targets")
    loss_classifier, loss_box_reg = nn.fastrcnn_loss(*(case.inputs[name] for name in names))
    close(loss_classifier, case.outputs["loss_classifier"])
    close(loss_box_reg, case.outputs["loss_box_reg"])


@pytest.mark.parametrize("case", of("RoIHeads.postprocess_detections"))
def test_the_same_is_detected(case: Case) -> None:
    given, proposals = case.parameters, case.inputs["proposals"]
    rois, scores, labels = nn.postprocess_detections(
        case.inputs["class_logits"], case.inputs["box_regression"], nn.rois_from_boxes([proposals]), torch.tensor([given["image_size"]]),
        given["score_thresh"], given["nms_thresh"], given["detections_per_img"], given["bbox_reg_weights"], given["min_size"],
    )  # fmt: skip
    torch.testing.assert_close(rois[:, 1:], case.outputs["boxes"], rtol=1e-5, atol=1e-4)
    close(scores, case.outputs["scores"])
    close(labels, case.outputs["labels"])


@pytest.mark.parametrize("case", of("project_masks_on_boxes"))
def test_the_same_is_cut_from_masks(case: Case) -> None:
    names = ("gt_masks", "boxes", "matched_idxs")
    close(nn.project_masks_on_boxes(*(case.inputs[name] for name in names), case.parameters["M"]), case.outputs["out"])


@pytest.mark.parametrize("case", of("maskrcnn_loss"))
def test_masks_are_learned_the_same(case: Case) -> None:
    given = case.inputs
    loss = nn.maskrcnn_loss(
        given["mask_logits"], nn.rois_from_boxes([given["proposals"]]), given["gt_labels"][given["matched_idxs"]],
        given["matched_idxs"], [given["gt_masks"]],
    )  # fmt: skip
    close(loss, case.outputs["loss"])


@pytest.mark.parametrize("case", of("maskrcnn_inference"))
def test_masks_of_the_own_class_are_the_same(case: Case) -> None:
    close(nn.maskrcnn_inference(case.inputs["mask_logits"], case.inputs["labels"]), case.outputs["out"])


@pytest.mark.parametrize("case", of("paste_masks_in_image"))
def test_masks_are_pasted_the_same(case: Case) -> None:
    given = case.parameters
    pasted = nn.paste_masks_in_image(case.inputs["masks"], case.inputs["boxes"], given["img_shape"], given["padding"])
    close(pasted, case.outputs["out"])


@pytest.mark.parametrize("case", of("sigmoid_focal_loss"))
def test_focal_loss_has_the_same_values_and_gradients(case: Case) -> None:
    inputs = case.inputs["inputs"].clone().requires_grad_()
    loss = nn.sigmoid_focal_loss(inputs, case.inputs["targets"], **case.parameters)
    close(loss, case.outputs["out"])
    close(torch.autograd.grad(loss.sum(), inputs)[0], case.outputs["grad_inputs_of_sum"])


@pytest.mark.parametrize("case", of("GeneralizedRCNNTransform", giving="table"))
def test_images_are_resized_to_the_same_sizes(case: Case) -> None:
    for row in case.outputs["table"].tolist():
        min_size, max_size, height, width, *expected = row
        batch, sizes, originals = nn.batch_images([torch.zeros(1, height, width)], min_size, max_size)
        assert [*sizes[0].tolist(), *batch.shape[2:]] == expected
        assert originals.tolist() == [[height, width]]


@pytest.mark.parametrize("case", of("GeneralizedRCNNTransform", giving="tensor"))
def test_pixels_of_a_batch_are_the_same(case: Case) -> None:
    given, image = case.parameters, case.inputs["image"]
    for images in ([image], image.unsqueeze(0)):
        batch, *_ = nn.batch_images(images, given["min_size"], given["max_size"], given["mean"], given["std"])
        close(batch, case.outputs["tensor"])


def test_every_case_is_compared() -> None:
    """A case that no test takes would go by unseen; pyramids are compared in tests/nn/test_feature_pyramid.py."""
    pyramids = {name for name, case in cases().items() if case.operator == "ops.FeaturePyramidNetwork"}
    assert len(cases()) == 98
    assert set(cases()) - COMPARED == pyramids

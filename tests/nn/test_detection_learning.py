"""What detectors learn from: matching, sampling, losses that stay connected; and what they propose and detect."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dlspec import nn

torch.set_num_threads(1)
seeds = st.integers(0, 2**31)
SIZES = torch.tensor([[64, 64], [48, 60]])
NOTHING = [torch.zeros(0, 4), torch.zeros(0, 4)]


def heads(seed: int = 0) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """What a region proposal network says of two images on two levels, and its anchors."""
    draw = torch.Generator().manual_seed(seed)
    objectness = [torch.randn(2, 3, side, side, generator=draw, requires_grad=True) for side in (16, 8)]
    deltas = [torch.randn(2, 12, side, side, generator=draw).mul(0.3).requires_grad_() for side in (16, 8)]
    return objectness, deltas, nn.anchor_boxes(objectness, (64, 64), [[8], [16]], [0.5, 1.0, 2.0])


def truth(seed: int = 0) -> tuple[list[Tensor], list[Tensor]]:
    """Boxes and classes of two images, of which the first has three objects and the second one."""
    draw = torch.Generator().manual_seed(seed)
    corners = [torch.rand(count, 2, generator=draw) * 30 for count in (3, 1)]
    boxes = [torch.cat([one, one + 8 + torch.rand(one.shape, generator=draw) * 10], dim=1) for one in corners]
    return boxes, [torch.tensor([3, 1, 2]), torch.tensor([4])]


@given(seeds, st.integers(1, 60), st.floats(0, 1))
def test_a_sample_is_balanced_and_never_holds_what_is_ignored(seed: int, size: int, fraction: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(-1, 2, (3, 80), generator=draw)
    positive, negative = nn.balanced_sample(labels, size, fraction, draw)
    assert (labels[positive] == 1).all()
    assert (labels[negative] == 0).all()
    for row in range(3):
        objects, background = int((labels[row] == 1).sum()), int((labels[row] == 0).sum())
        expected = min(objects, int(size * fraction))
        assert int(positive[row].sum()) == expected
        assert int(negative[row].sum()) == min(background, size - expected)


def test_a_sample_is_fair() -> None:
    torch.manual_seed(0)
    labels = torch.cat([torch.ones(2000, 10), torch.zeros(2000, 30)], dim=1)
    positive, negative = nn.balanced_sample(labels, 8, 0.5)
    torch.testing.assert_close(positive[:, :10].float().mean(0), torch.full((10,), 0.4), rtol=0, atol=0.05)
    torch.testing.assert_close(negative[:, 10:].float().mean(0), torch.full((30,), 4 / 30), rtol=0, atol=0.03)


def test_a_sample_follows_from_the_state_of_torchs_random_numbers() -> None:
    """So that a resumed run draws what the uninterrupted one draws: as many numbers whatever the labels are."""
    labels = torch.randint(-1, 2, (2, 50))
    torch.manual_seed(3)
    first, state = nn.balanced_sample(labels, 8, 0.5), torch.get_rng_state()
    torch.manual_seed(3)
    assert all(torch.equal(one, other) for one, other in zip(first, nn.balanced_sample(labels, 8, 0.5)))
    torch.manual_seed(3)
    nn.balanced_sample(-torch.ones_like(labels), 8, 0.5)
    assert torch.equal(torch.get_rng_state(), state)


@given(seeds, st.permutations(range(3)))
def test_an_image_with_a_word_of_its_own_draws_the_same_in_any_batch(seed: int, order: list[int]) -> None:
    labels = torch.randint(-1, 2, (3, 50), generator=torch.Generator().manual_seed(seed))
    words = torch.tensor([5, seed, -(1 << 62)])
    padded = torch.cat([labels, -torch.ones(3, 7, dtype=torch.int64)], dim=1)
    with nn.shared_batch(words):
        whole, again = nn.balanced_sample(labels, 8, 0.5), nn.balanced_sample(labels, 8, 0.5)
    with nn.shared_batch(words[order]):
        moved = nn.balanced_sample(padded[order], 8, 0.5)
    for one, other in zip(whole, moved, strict=True):
        assert torch.equal(one[order], other[:, :50])
    assert not torch.equal(whole[1], again[1])  # anchors and regions of an image are drawn apart


@given(seeds, st.booleans())
def test_a_filled_up_batch_is_matched_as_each_image_alone(seed: int, low_quality: bool) -> None:
    quality = torch.rand(2, 4, 30, generator=torch.Generator().manual_seed(seed))
    valid = torch.tensor([[True, True, False, False], [False] * 4])
    found = nn.match(quality, 0.9, 0.6, low_quality, valid)
    assert torch.equal(found[0], nn.match(quality[0, :2], 0.9, 0.6, low_quality))
    assert (found[1] == -1).all()
    assert torch.equal(found[1], nn.match(quality[1, :0], 0.9, 0.6, low_quality))


def test_proposals_are_bounded_lie_in_their_image_and_stand_by_image() -> None:
    objectness, deltas, anchors = heads()
    rois = nn.region_proposals(objectness, deltas, anchors, SIZES, 40, 25)
    counts = [len(some) for some in nn.per_image(rois, rois, SIZES)]
    assert max(counts) <= 25
    assert torch.equal(rois[:, 0], rois[:, 0].sort().values)
    limits = SIZES[rois[:, 0].long()].flip(1).repeat(1, 2)
    assert ((rois[:, 1:] >= 0) & (rois[:, 1:] <= limits)).all()
    assert not rois.requires_grad


def test_every_image_is_proposed_as_it_is_alone() -> None:
    objectness, deltas, anchors = heads()
    rois = nn.region_proposals(objectness, deltas, anchors, SIZES, 40, 25)
    for image, together in enumerate(nn.per_image(rois[:, 1:], rois, SIZES)):
        one = slice(image, image + 1)
        alone = nn.region_proposals([x[one] for x in objectness], [x[one] for x in deltas], anchors, SIZES[one], 40, 25)
        assert torch.equal(together, alone[:, 1:])


def test_targets_are_the_corrections_that_make_anchors_their_objects() -> None:
    _, _, anchors = heads()
    boxes, _ = truth()
    labels, targets = nn.match_anchors(anchors, boxes, 0.5, 0.3, 10_000)
    together = torch.cat(anchors)
    for image in (0, 1):
        positive = labels[image] == 1
        found = nn.decode_boxes(targets[image, positive], together[positive])
        assert nn.box_iou(found, boxes[image]).amax(dim=1).min() > 0.999
        assert len(set(nn.box_iou(found, boxes[image]).argmax(dim=1).tolist())) == len(boxes[image])
    assert not targets[labels < 1].any()


@given(seeds)
def test_sampled_regions_carry_class_object_and_correction(seed: int) -> None:
    boxes, classes = truth(seed)
    draw = torch.Generator().manual_seed(seed)
    jitter = torch.cat([torch.zeros(40, 1), torch.rand(40, 4, generator=draw) * 6 - 3], dim=1)
    rois = nn.rois_from_boxes([boxes[0][torch.randint(3, (20,), generator=draw)], boxes[1].expand(20, 4)]) + jitter
    found, labels, targets, matched = nn.sample_rois(rois, boxes, classes, batch_size_per_image=16, generator=draw)
    assert found[:, 0].long().bincount().max() <= 16
    for row, label, target, number in zip(found, labels, targets, matched):
        image = int(row[0])
        overlap = nn.box_iou(row[None, 1:], boxes[image])[0]
        if label == 0:
            assert overlap.max() < 0.5
            assert not target.any()
            continue
        assert overlap[number] == overlap.max() >= 0.5
        assert label == classes[image][number]
        decoded = nn.decode_boxes(target[None], row[None, 1:], (10, 10, 5, 5))[0]
        torch.testing.assert_close(decoded, boxes[image][number], rtol=1e-3, atol=1e-3)


def test_the_truth_is_among_the_regions_that_are_learned_from() -> None:
    boxes, classes = truth()
    found, labels, _, matched = nn.sample_rois(torch.zeros(0, 5), boxes, classes)
    assert torch.equal(found, nn.rois_from_boxes(boxes))
    assert labels.tolist() == [3, 1, 2, 4]
    assert matched.tolist() == [0, 1, 2, 0]
    regions, named, numbers = nn.foreground(found, labels.where(labels != 1, 0), matched)
    assert (len(regions), named.tolist(), numbers.tolist()) == (3, [3, 2, 4], [0, 2, 0])


@pytest.mark.parametrize("boxes", [NOTHING, [NOTHING[0], torch.tensor([[4.0, 4, 20, 20]])]], ids=["none", "one image"])
def test_losses_reach_every_input_where_nothing_is_found(boxes: list[Tensor]) -> None:
    """A process whose images show no object must take part in the others' gradients, so none may be missing."""
    objectness, deltas, anchors = heads()
    classes = [torch.ones(len(some), dtype=torch.long) for some in boxes]
    rois, labels, targets, matched = nn.sample_rois(
        nn.region_proposals(objectness, deltas, anchors, SIZES), boxes, classes
    )
    features, weight = torch.randn(2, 4, 16, 16, requires_grad=True), torch.randn(4, 5, requires_grad=True)
    pooled = nn.multi_scale_roi_align([features], rois, [1 / 4], 2).mean((2, 3)) @ weight
    box_codes = torch.randn(len(rois), 20, requires_grad=True)
    some, named, numbers = nn.foreground(rois, labels, matched)
    mask_logits = nn.roi_align(features, some, 6, 1 / 4, 2).repeat(1, 2, 1, 1)[:, :5]
    masks = [torch.ones(len(one), 64, 64, dtype=torch.uint8) for one in boxes]
    losses = (
        *nn.rpn_loss(objectness, deltas, *nn.match_anchors(anchors, boxes)),
        *nn.fastrcnn_loss(pooled, box_codes, labels, targets),
        nn.maskrcnn_loss(mask_logits, some, named, numbers, masks),
    )
    for loss in losses:
        assert loss.isfinite()
        assert loss.requires_grad
    sum(losses, torch.zeros(())).backward()
    for given_in in (*objectness, *deltas, features, weight, box_codes):
        assert given_in.grad is not None
        assert given_in.grad.isfinite().all()


def test_no_region_at_all_leaves_losses_of_zero_with_gradients() -> None:
    scores, codes = torch.zeros(0, 5, requires_grad=True), torch.zeros(0, 20, requires_grad=True)
    empty = torch.zeros(0, dtype=torch.long)
    losses = nn.fastrcnn_loss(scores, codes, empty, torch.zeros(0, 4))
    assert [loss.item() for loss in losses] == [0, 0]
    sum(losses).backward()
    assert scores.grad is not None
    assert codes.grad is not None


def test_detections_are_per_image_bounded_and_by_falling_score() -> None:
    torch.manual_seed(0)
    boxes, _ = truth()
    rois = nn.rois_from_boxes([boxes[0].repeat(9, 1), boxes[1].repeat(9, 1)])
    scores, deltas = torch.randn(len(rois), 5) * 3, torch.randn(len(rois), 20)
    found, chances, labels = nn.postprocess_detections(scores, deltas, rois, SIZES, detections_per_img=6)
    assert [len(some) for some in nn.per_image(found, found, SIZES)] == [6, 6]
    for some in nn.per_image(chances, found, SIZES):
        assert torch.equal(some, some.sort(descending=True).values)
    assert labels.min() >= 1
    assert labels.max() <= 4
    nothing = nn.postprocess_detections(scores[:0], deltas[:0], rois[:0], SIZES)
    assert [len(part) for part in nothing] == [0, 0, 0]
    none_sure = nn.postprocess_detections(scores, deltas, rois, SIZES, score_thresh=1.0)
    assert [len(part) for part in none_sure] == [0, 0, 0]


def test_images_of_different_sizes_make_one_batch_and_boxes_follow() -> None:
    images = [torch.rand(3, 30, 40), torch.rand(3, 50, 20)]
    batch, sizes, originals = nn.batch_images(images, 60, 100)
    assert batch.shape == (2, 3, 128, 96)
    assert sizes.tolist() == [[60, 80], [100, 40]]
    assert not batch[0, :, 60:].any()
    assert not batch[0, :, :, 80:].any()
    boxes = [torch.tensor([[0.0, 0, 40, 30]]), torch.tensor([[0.0, 0, 20, 50], [5, 5, 10, 10]])]
    resized = nn.resize_boxes(boxes, originals, sizes)
    assert [some.tolist() for some in resized] == [[[0, 0, 80, 60]], [[0, 0, 40, 100], [10, 10, 20, 20]]]
    back = nn.resize_rois(nn.rois_from_boxes(resized), sizes, originals)
    torch.testing.assert_close(back, nn.rois_from_boxes(boxes))
    masks = nn.resize_masks([torch.ones(1, 30, 40).byte(), torch.zeros(2, 50, 20).byte()], sizes)
    assert [tuple(some.shape) for some in masks] == [(1, 60, 80), (2, 100, 40)]
    assert masks[0].dtype == torch.uint8
    assert masks[0].all()


def test_masks_are_pasted_into_images_of_their_own_sizes() -> None:
    rois = torch.tensor([[0.0, 10, 10, 20, 20], [1, 5, 5, 15, 25], [1, 0, 0, 9, 9]])
    pasted = nn.paste_masks(torch.full((3, 4, 8, 8), 9.0), torch.tensor([1, 2, 3]), rois, SIZES)
    assert [tuple(some.shape) for some in pasted] == [(1, 1, 64, 64), (2, 1, 48, 60)]
    assert pasted[0][0, 0, 15, 15] > 0.99
    assert pasted[1][1, 0, 20, 20] == 0


def test_masks_of_images_of_different_sizes_are_learned_together() -> None:
    torch.manual_seed(0)
    masks = [(torch.rand(2, 64, 64) > 0.5).byte(), (torch.rand(1, 48, 60) > 0.5).byte()]
    rois = torch.tensor([[0.0, 10, 10, 30, 40], [0, 5, 5, 64, 64], [1, 20, 10, 60, 48]])
    logits, labels, matched = torch.randn(3, 4, 8, 8), torch.tensor([1, 2, 3]), torch.tensor([1, 0, 0])
    together = nn.maskrcnn_loss(logits, rois, labels, matched, masks)
    alone = [
        nn.maskrcnn_loss(logits[:2], rois[:2], labels[:2], matched[:2], masks[:1]),
        nn.maskrcnn_loss(logits[2:], rois[2:] * torch.tensor([0, 1, 1, 1, 1]), labels[2:], matched[2:], masks[1:]),
    ]
    torch.testing.assert_close(together, (2 * alone[0] + alone[1]) / 3)


@given(seeds)
def test_a_batch_that_is_filled_up_has_the_losses_of_its_images_one_by_one(seed: int) -> None:
    """Where no unit sees beyond its image: cells of 4 x 4 pixels that do not overlap, and regions away from the edge.

    Then the loss of the batch is the mean over the regions of all images, of which each image's loss is one over its own.
    """
    draw = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    cells, classes, masks_of = torch.nn.Conv2d(1, 4, 4, stride=4), torch.nn.Linear(16, 4), torch.nn.Conv2d(4, 4, 1)
    images = [torch.rand(1, 40, 64, generator=draw), torch.rand(1, 56, 36, generator=draw)]
    boxes = [torch.tensor([[4.0, 6, 20, 24], [9, 3, 30, 21]]), torch.tensor([[2.0, 5, 18, 33]])]
    labels = [torch.tensor([1, 3]), torch.tensor([2])]
    masks = [torch.rand(len(own), *image.shape[1:], generator=draw).round().byte() for own, image in zip(boxes, images)]

    def losses(chosen: list[int]) -> tuple[Tensor, int]:
        """Of the class, of the box, of the mask; and how many regions there are."""
        batch, sizes, originals = nn.batch_images([images[one] for one in chosen], 10**6, 64, size_divisible=4)
        truth = nn.resize_boxes([boxes[one] for one in chosen], originals, sizes)
        grown = nn.resize_masks([masks[one] for one in chosen], sizes)
        named, rois = torch.cat([labels[one] for one in chosen]), nn.rois_from_boxes(truth)
        seen = nn.multi_scale_roi_align([cells(batch)], rois, [0.25], (2, 2))
        matched = torch.cat([torch.arange(len(own)) for own in truth])
        both = nn.fastrcnn_loss(classes(seen.flatten(1)), seen.flatten(1), named, torch.zeros(len(named), 4))
        return torch.stack([*both, nn.maskrcnn_loss(masks_of(seen), rois, named, matched, grown)]), len(named)

    (together, count), (first, one), (second, other) = losses([0, 1]), losses([0]), losses([1])
    assert count == one + other
    torch.testing.assert_close(together, (first * one + second * other) / count, rtol=1e-5, atol=1e-6)

"""Laws of boxes, their overlap, their codes and their suppression, on any boxes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from dlspec import nn

torch.set_num_threads(1)
seeds = st.integers(0, 2**31)


def some_boxes(count: int, seed: int, *, step: float = 0.0) -> Tensor:
    """Boxes of all sizes in 100 x 100 pixels, at multiples of `step` where ties are wanted."""
    draw = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 2, generator=draw) * 80
    boxes = torch.cat([corners, corners + 1 + torch.rand(count, 2, generator=draw) * 40], dim=1)
    return (boxes / step).round() * step if step else boxes


def greedy(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    """Suppression as the textbooks write it: take the best, strike out what it overlaps, go on."""
    left, kept = torch.sort(scores, stable=True, descending=True).indices.tolist(), []
    overlap = nn.box_iou(boxes, boxes)
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [other for other in left if not overlap[best, other] > threshold]
    return kept


@given(seeds, st.integers(0, 150), st.sampled_from([0.0, 0.3, 0.5, 0.7, 1.0]), st.booleans())
def test_suppression_keeps_what_the_textbook_keeps(seed: int, count: int, threshold: float, ties: bool) -> None:
    boxes = some_boxes(count, seed, step=10.0 if ties else 0.0)
    scores = torch.rand(count, generator=torch.Generator().manual_seed(seed + 1))
    scores = (scores * 4).round() if ties else scores
    assert nn.nms(boxes, scores, threshold).tolist() == greedy(boxes, scores, threshold)


@given(seeds, st.integers(0, 200), st.integers(1, 5))
def test_suppression_in_groups_is_suppression_of_each_group(seed: int, count: int, groups: int) -> None:
    boxes, draw = some_boxes(count, seed), torch.Generator().manual_seed(seed)
    scores, idxs = torch.rand(count, generator=draw), torch.randint(groups, (count,), generator=draw)
    alone = [torch.nonzero(idxs == group).squeeze(1) for group in range(groups)]
    kept = torch.cat([rows[nn.nms(boxes[rows], scores[rows], 0.4)] for rows in alone])
    found = nn.batched_nms(boxes, scores, idxs, 0.4)
    assert sorted(found.tolist()) == sorted(kept.tolist())
    assert torch.equal(scores[found], scores[found].sort(descending=True).values)


@given(seeds, st.integers(1, 80))
def test_suppressing_what_was_kept_changes_nothing(seed: int, count: int) -> None:
    boxes, scores = some_boxes(count, seed), torch.rand(count, generator=torch.Generator().manual_seed(seed))
    kept = nn.nms(boxes, scores, 0.3)
    assert nn.nms(boxes[kept], scores[kept], 0.3).tolist() == list(range(len(kept)))


@given(seeds, st.integers(1, 20), st.integers(1, 20))
def test_overlap_is_symmetric_and_its_kin_are_below_it(seed: int, first: int, second: int) -> None:
    one, other = some_boxes(first, seed), some_boxes(second, seed + 1)
    iou = nn.box_iou(one, other)
    assert torch.equal(iou, nn.box_iou(other, one).T)
    assert iou.min() >= 0
    assert iou.max() <= 1
    for kin in (nn.generalized_box_iou, nn.distance_box_iou, nn.complete_box_iou):
        assert (kin(one, other) <= iou + 1e-6).all()
        torch.testing.assert_close(kin(one, one).diagonal(), torch.ones(first))
    torch.testing.assert_close(nn.box_iou(one * 3 + 7, other * 3 + 7), iou, rtol=1e-4, atol=1e-5)


@given(seeds, st.integers(1, 40), st.sampled_from([(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)]))
def test_decoding_undoes_encoding(seed: int, count: int, weights: tuple[float, ...]) -> None:
    boxes, proposals = some_boxes(count, seed), some_boxes(count, seed + 1)
    codes = nn.encode_boxes(boxes, proposals, weights)
    torch.testing.assert_close(nn.decode_boxes(codes, proposals, weights), boxes, rtol=1e-4, atol=1e-3)


@given(seeds, st.sampled_from(["xyxy", "xywh", "cxcywh"]), st.sampled_from(["xyxy", "xywh", "cxcywh"]))
def test_spellings_of_boxes_convert_both_ways(seed: int, one: str, other: str) -> None:
    boxes = some_boxes(9, seed)
    back = nn.box_convert(nn.box_convert(boxes, one, other), other, one)
    torch.testing.assert_close(back, boxes, rtol=1e-5, atol=1e-4)


def test_an_unknown_spelling_is_refused() -> None:
    with pytest.raises(ValueError, match="xyxy, xywh, cxcywh, not xyhw"):
        nn.box_convert(torch.zeros(1, 4), "xyxy", "xyhw")


def test_a_mask_without_a_pixel_has_a_box_of_zeros() -> None:
    masks = torch.zeros(2, 5, 6)
    masks[1, 2:4, 1:5] = 1
    assert nn.masks_to_boxes(masks).tolist() == [[0, 0, 0, 0], [1, 2, 4, 3]]
    assert nn.masks_to_boxes(torch.zeros(0, 5, 6)).shape == (0, 4)


@pytest.mark.parametrize("kind", ["generalized", "distance", "complete"])
def test_losses_of_boxes_have_the_gradients_of_their_values(kind: str) -> None:
    loss = getattr(nn, f"{kind}_box_iou_loss")
    one, other = some_boxes(6, 1).double().requires_grad_(), some_boxes(6, 2).double()
    if kind == "complete":  # its weight counts as a constant, so its gradient is not that of its value
        loss(one, other, "sum").backward()
        assert one.grad is not None
        assert one.grad.isfinite().all()
    else:
        assert torch.autograd.gradcheck(lambda boxes: loss(boxes, other), one)
    assert loss(one[:0], other[:0], "mean").item() == 0

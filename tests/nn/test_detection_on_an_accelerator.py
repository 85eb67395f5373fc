"""On a CUDA device the operators of detection give what they give on a processor; skipped where there is none."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dlspec import nn

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
SIZES = torch.tensor([[128, 128], [100, 120]])


def some_boxes(count: int, seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    corners = torch.rand(count, 2, generator=draw) * 80
    return torch.cat([corners, corners + 4 + torch.rand(count, 2, generator=draw) * 40], dim=1)


def same(found: Tensor, expected: Tensor) -> None:
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 300, 3000])
def test_suppression_keeps_the_same(count: int) -> None:
    boxes, scores = some_boxes(count, 0), torch.rand(count, generator=torch.Generator().manual_seed(1))
    groups = torch.arange(count) % 7
    same(nn.nms(boxes.cuda(), scores.cuda(), 0.5), nn.nms(boxes, scores, 0.5))
    same(nn.batched_nms(boxes.cuda(), scores.cuda(), groups.cuda(), 0.5), nn.batched_nms(boxes, scores, groups, 0.5))


@pytest.mark.parametrize("name", ["roi_align", "roi_pool"])
def test_regions_read_the_same_and_give_the_same_gradients(name: str) -> None:
    features = torch.randn(2, 16, 32, 32, generator=torch.Generator().manual_seed(0))
    rois = torch.cat([torch.arange(60).unsqueeze(1) % 2, some_boxes(60, 2)], dim=1)
    gradients = []
    for device in ("cpu", "cuda"):
        given = features.to(device).requires_grad_()
        pooled = getattr(nn, name)(given, rois.to(device), 7, 1 / 4)
        (pooled * torch.linspace(0, 1, 7, device=device)).sum().backward()
        assert given.grad is not None
        gradients.append((pooled.detach(), given.grad))
    for expected, found in zip(*gradients):
        same(found, expected)


def test_a_detector_proposes_learns_and_detects_the_same() -> None:
    draw = torch.Generator().manual_seed(0)
    objectness = [torch.randn(2, 3, side, side, generator=draw) for side in (32, 16)]
    deltas = [torch.randn(2, 12, side, side, generator=draw) * 0.3 for side in (32, 16)]
    truth, labels = [some_boxes(3, 3), some_boxes(0, 4)], [torch.tensor([1, 2, 3]), torch.zeros(0, dtype=torch.long)]
    masks = [torch.ones(3, 128, 128).byte(), torch.ones(0, 128, 128).byte()]
    results = []
    for device in ("cpu", "cuda"):
        scores, offsets = ([one.to(device) for one in some] for some in (objectness, deltas))
        anchors = nn.anchor_boxes(scores, (128, 128), [[8], [20]], [0.5, 1.0, 2.0])
        rois = nn.region_proposals(scores, offsets, anchors, SIZES.to(device), 200, 50)
        boxes, classes = ([one.to(device) for one in some] for some in (truth, labels))
        losses = nn.rpn_loss(scores, offsets, *nn.match_anchors(anchors, boxes, batch_size_per_image=100_000))
        drawn, named, targets, matched = nn.sample_rois(
            rois, boxes, classes, batch_size_per_image=1000, positive_fraction=1
        )
        logits = torch.sin(drawn.sum(dim=1, keepdim=True) * torch.arange(1, 6, device=device))
        codes = torch.cos(drawn.sum(dim=1, keepdim=True) * torch.arange(1, 21, device=device)) * 0.1
        losses += nn.fastrcnn_loss(logits, codes, named, targets)
        some, own, numbers = nn.foreground(drawn, named, matched)
        mask_logits = torch.linspace(-1, 1, 49, device=device).view(1, 1, 7, 7).repeat(len(some), 5, 1, 1)
        losses += (nn.maskrcnn_loss(mask_logits, some, own, numbers, [one.to(device) for one in masks]),)
        pasted = nn.paste_masks(mask_logits, own, some, SIZES.to(device))
        results.append([rois, *losses, *nn.postprocess_detections(logits, codes, drawn, SIZES.to(device)), *pasted])
    for expected, found in zip(*results):
        same(found, expected)

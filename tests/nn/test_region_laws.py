"""Laws of reading regions: what must come out of maps that are known between their pixels, and of empty lists."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from dlspec import nn

torch.set_num_threads(1)
numbers = st.floats(-2, 2, width=32)


def ramp(height: int, width: int, down: float, across: float) -> Tensor:
    """A map that rises evenly. Shapes: -> (1, 1, height, width)."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (down * rows + across * columns)[None, None].float()


@given(numbers, numbers, st.integers(1, 4), st.sampled_from([-1, 1, 2, 3]), st.booleans())
def test_a_bin_of_a_ramp_has_the_value_at_its_centre(
    down: float, across: float, bins: int, ratio: int, aligned: bool
) -> None:
    """The mean of a linear map over evenly spread points is its value in their middle, if none lies outside."""
    x1, y1, x2, y2 = 2.3, 3.1, 11.9, 9.4
    rois = torch.tensor([[0, x1, y1, x2, y2]])
    found = nn.roi_align(ramp(12, 16, down, across), rois, bins, 1.0, ratio, aligned)[0, 0]
    offset = 0.5 if aligned else 0.0
    middles = (torch.arange(bins) + 0.5) / bins
    rows, columns = y1 - offset + middles * (y2 - y1), x1 - offset + middles * (x2 - x1)
    torch.testing.assert_close(found, down * rows[:, None] + across * columns, rtol=1e-4, atol=1e-3)


def test_pooling_the_whole_map_is_adaptive_pooling() -> None:
    x = torch.randn(2, 3, 12, 15)
    rois = torch.tensor([[0.0, 0, 0, 14, 11], [1, 0, 0, 14, 11]])
    torch.testing.assert_close(nn.roi_pool(x, rois, (4, 5)), functional.adaptive_max_pool2d(x, (4, 5)))


def test_regions_given_as_lists_are_regions_with_an_index() -> None:
    x, boxes = torch.randn(2, 3, 12, 15), [torch.tensor([[1.0, 2, 9, 8]]), torch.tensor([[0.0, 0, 5, 5], [3, 3, 4, 9]])]
    rois = nn.rois_from_boxes(boxes)
    assert rois[:, 0].tolist() == [0, 1, 1]
    for pool in (nn.roi_align, nn.roi_pool):
        assert torch.equal(pool(x, boxes, 3), pool(x, rois, 3))
    assert [len(some) for some in nn.per_image(rois, rois, torch.zeros(3, 2))] == [1, 2, 0]


@pytest.mark.parametrize("pool", [nn.roi_align, nn.roi_pool])
def test_gradients_of_regions_are_those_of_their_values(pool: Callable[..., Tensor]) -> None:
    x = torch.randn(2, 2, 6, 7, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[0, 1.2, 0.7, 5.1, 4.4], [1, -2.0, 1.0, 9.0, 5.5]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda maps: pool(maps, rois, (2, 3), 0.9), x)


@pytest.mark.parametrize("pool", [nn.roi_align, nn.roi_pool])
def test_no_region_gives_no_row_and_a_gradient_of_zero(pool: Callable[..., Tensor]) -> None:
    x = torch.randn(2, 3, 6, 7, requires_grad=True)
    pooled = pool(x, torch.zeros(0, 5), (2, 4))
    assert pooled.shape == (0, 3, 2, 4)
    pooled.sum().backward()
    assert x.grad is not None
    assert not x.grad.any()


def test_a_pyramid_is_read_level_by_level() -> None:
    torch.manual_seed(0)
    features = [torch.randn(2, 3, size, size) for size in (32, 16, 8)]
    corners = torch.rand(20, 2) * 30
    boxes = torch.cat([corners, corners + 4 + torch.rand(20, 2) * 90], dim=1)
    rois = torch.cat([torch.randint(2, (20, 1)).float(), boxes], dim=1)
    scales = [1 / 4, 1 / 8, 1 / 16]
    levels = nn.assign_levels(boxes, 2, 4, canonical_scale=32, canonical_level=3)
    assert set(levels.tolist()) == {0, 1, 2}
    found = nn.multi_scale_roi_align(features, rois, scales, 4, canonical_scale=32, canonical_level=3)
    for row, level in enumerate(levels.tolist()):
        alone = nn.roi_align(features[level], rois[row : row + 1], 4, scales[level], 2)
        torch.testing.assert_close(found[row : row + 1], alone)


def test_half_precision_maps_are_summed_in_single_precision() -> None:
    x, rois = torch.randn(1, 4, 9, 9).bfloat16(), torch.tensor([[0.0, 1, 1, 7, 8]])
    for pool in (nn.roi_align, nn.roi_pool):
        pooled = pool(x, rois, 3)
        assert pooled.dtype == torch.bfloat16
        assert torch.equal(pooled, pool(x.float(), rois, 3).bfloat16())


def test_a_pasted_mask_fills_its_box_and_nothing_else() -> None:
    pasted = nn.paste_masks_in_image(torch.ones(1, 1, 28, 28), torch.tensor([[10.0, 5, 30, 25]]), (40, 50))
    assert (pasted[0, 0, 6:25, 11:30] == 1).all()
    assert pasted.sum() <= 23 * 23
    assert nn.paste_masks_in_image(torch.ones(0, 1, 28, 28), torch.zeros(0, 4), (40, 50)).shape == (0, 1, 40, 50)


def test_masks_cut_from_an_image_are_the_masks_that_were_pasted() -> None:
    masks = torch.zeros(1, 40, 50, dtype=torch.uint8)
    masks[0, 5:25, 10:20] = 1  # the left half of the box
    cut = nn.project_masks_on_boxes(masks, torch.tensor([[10.0, 5, 30, 25]]), torch.tensor([0]), 10)
    assert (cut[0, :-1, :4] == 1).all()  # pixels count from their corners here, so the last bin reaches beyond the box
    assert (cut[0, :, 6:] == 0).all()

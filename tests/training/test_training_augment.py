"""Augmentation agrees with torch's flips and turns and with scipy, and depends on the sample alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from dlspec.plan import augmentations as named
from dlspec.training.augment import Augmenter, moved, rotation

IMAGES = torch.rand(6, 2, 9, 9, generator=torch.Generator().manual_seed(0))
ROWS = torch.arange(6)
STILL = torch.zeros(6, 2)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_quarter_turns_are_torchs(quarter: int) -> None:
    turned = moved(IMAGES, rotation(torch.full((6,), quarter * math.pi / 2)), STILL)
    assert torch.allclose(turned, torch.rot90(IMAGES, quarter, (2, 3)), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "axis"),
    [(named.HorizontalFlip(p=1.0), 3), (named.VerticalFlip(p=1.0), 2)],
    ids=["left-right", "up-down"],
)
def test_flips_are_torchs(change: named.Augmentation, axis: int) -> None:
    assert torch.allclose(Augmenter([change], 0)(IMAGES, ROWS, 0), IMAGES.flip(axis), atol=1e-5)


def test_a_crop_cuts_from_a_margin_of_zeros() -> None:
    padded = torch.nn.functional.pad(IMAGES, (2, 2, 2, 2))
    cuts = [padded[:, :, top : top + 9, left : left + 9] for top in range(5) for left in range(5)]
    seen = set()
    for epoch in range(20):
        cropped = Augmenter([named.Crop(padding=2)], 0)(IMAGES, ROWS, epoch)
        for row in range(6):
            fits = [place for place, cut in enumerate(cuts) if torch.allclose(cut[row], cropped[row], atol=1e-5)]
            assert len(fits) == 1
            seen.update(fits)
    assert len(seen) > 20


@given(st.floats(-3, 3), st.floats(0.6, 1.6), st.floats(-0.5, 0.5), st.floats(-3, 3), st.floats(-3, 3))
def test_any_affine_map_agrees_with_scipy(angle: float, scale: float, slant: float, x: float, y: float) -> None:
    matrix = rotation(torch.tensor([angle]))[0].double() @ torch.tensor([[1, slant], [0, 1]]).double() * scale
    image = torch.zeros(1, 1, 11, 13, dtype=torch.float64)
    image[0, 0, 3:8, 3:10] = torch.rand(5, 7, generator=torch.Generator().manual_seed(1)).double()
    ours = moved(image, matrix[None], torch.tensor([[x, y]], dtype=torch.float64))[0, 0]
    swapped = matrix.flip(0, 1).numpy()  # scipy counts rows before columns
    centre = np.array([5.0, 6.0])
    theirs = ndimage.affine_transform(
        image[0, 0].numpy(),
        swapped,
        centre + np.array([y, x]) - swapped @ centre,
        order=1,
        mode="grid-constant",
    )
    assert np.allclose(ours.numpy(), theirs, atol=1e-9)


@given(st.integers(0, 99), st.integers(0, 99), st.permutations(range(6)))
def test_what_a_sample_becomes_does_not_depend_on_its_batch(seed: int, epoch: int, order: list[int]) -> None:
    changes = [
        named.Rotate(degrees=20.0),
        named.Translate(fraction=0.1),
        named.Scale(low=0.8, high=1.2),
        named.Shear(degrees=10.0),
        named.HorizontalFlip(),
        named.Noise(std=0.1),
        named.Erase(),
        named.Brightness(change=0.2),
        named.Contrast(change=0.2),
    ]
    augmenter, rows = Augmenter(changes, seed), torch.tensor(order)
    together = augmenter(IMAGES, ROWS, epoch)
    assert torch.allclose(augmenter(IMAGES[rows], rows, epoch), together[rows], atol=1e-6)
    assert not torch.allclose(augmenter(IMAGES, ROWS, epoch + 1), together, atol=1e-3)


def test_the_same_batch_is_augmented_to_the_same_bits() -> None:
    augmenter = Augmenter([named.Rotate(degrees=20.0), named.Noise(std=0.1)], 7)
    assert torch.equal(augmenter(IMAGES, ROWS, 3), augmenter(IMAGES, ROWS, 3))


def test_erased_shares_lie_between_their_limits() -> None:
    ones = torch.ones(400, 1, 20, 20)
    erased = Augmenter([named.Erase(p=0.5, low=0.1, high=0.3)], 0)(ones, torch.arange(400), 0)
    shares = 1 - erased.mean((1, 2, 3))
    hit = shares > 0
    assert 0.4 < hit.float().mean() < 0.6
    assert shares[hit].min() > 0.05
    assert shares[hit].max() < 0.36


def test_noise_has_its_deviation_and_contrast_keeps_the_mean() -> None:
    grey = torch.full((50, 1, 20, 20), 0.5)
    noisy = Augmenter([named.Noise(std=0.1)], 0)(grey, torch.arange(50), 0)
    assert (noisy - grey).std().item() == pytest.approx(0.1, rel=0.05)
    stretched = Augmenter([named.Contrast(change=0.5)], 0)(IMAGES, ROWS, 0)
    assert torch.allclose(stretched.mean((1, 2, 3)), IMAGES.mean((1, 2, 3)), atol=1e-6)
    assert not torch.allclose(stretched, IMAGES, atol=1e-2)


def test_no_augmentation_leaves_images_alone() -> None:
    assert Augmenter([], 0)(IMAGES, ROWS, 0) is IMAGES

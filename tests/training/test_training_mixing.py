"""Colour, cut-outs, mixed samples, and kornia's augmentations: each against the definition or a library."""

from __future__ import annotations

import colorsys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlspec.plan import augmentations as named
from dlspec.plan.read import read_plan
from dlspec.training.augment import Augmenter
from dlspec.training.colour import jittered
from dlspec.training.errors import RunError
from dlspec.training.mixing import Mixer, own_share
from dlspec.training.objective import objective
from tests.plan.plans import DIABETES, DIGITS, parsed, written
from tests.training.runs import plan_of

ROWS = torch.arange(16)


def images(count: int = 16, channels: int = 3, side: int = 8) -> torch.Tensor:
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(3))


def extreme(**change: float) -> torch.Tensor:
    """One image after each change at its farthest, upwards."""
    return jittered(named.ColorJitter(**change), images(1), torch.ones(1, 4))


def test_no_saturation_is_grey_and_colours_keep_their_brightness() -> None:
    grey = jittered(named.ColorJitter(saturation=1.0), images(1), torch.zeros(1, 4))
    weights = torch.tensor([0.299, 0.587, 0.114])
    expected = torch.einsum("c,nchw->nhw", weights, images(1))
    torch.testing.assert_close(grey, expected[:, None].expand_as(grey))
    mild = images(1) * 0.2 + 0.4  # nothing leaves 0..1
    turned = jittered(named.ColorJitter(hue=0.3), mild, torch.ones(1, 4))
    torch.testing.assert_close(torch.einsum("c,nchw->nhw", weights, turned), torch.einsum("c,nchw->nhw", weights, mild))
    assert (turned - mild).abs().max() > 0.05


def test_a_third_of_a_turn_makes_a_weak_red_a_weak_green() -> None:
    red = torch.tensor([0.55, 0.45, 0.45]).view(1, 3, 1, 1)
    turned = jittered(named.ColorJitter(hue=1 / 3), red, torch.ones(1, 4)).flatten().tolist()
    assert colorsys.rgb_to_hsv(*turned)[0] in (pytest.approx(1 / 3, abs=0.05), pytest.approx(2 / 3, abs=0.05))


def test_brightness_and_contrast_are_those_of_the_changes_by_themselves() -> None:
    torch.testing.assert_close(extreme(brightness=0.2), (images(1) * 1.2).clamp(0, 1))
    assert torch.equal(extreme(), images(1))
    with pytest.raises(RunError, match="images have 1 channels"):
        Augmenter([named.ColorJitter(hue=0.1)], 0)(images(16, 1), ROWS, 0)


@given(low=st.floats(0.05, 0.9), seed=st.integers(0, 99))
def test_a_cut_out_lies_inside_the_image_and_has_its_share_of_the_area(low: float, seed: int) -> None:
    change = named.ResizedCrop(low=low, high=0.95)
    maps = Augmenter([change], seed)
    matrix, offset = maps._matrix(maps._numbers(ROWS, 0, torch.float64), (20, 30))
    half = torch.tensor([15.0, 10.0], dtype=torch.float64)
    corners = torch.diagonal(matrix, dim1=1, dim2=2) * half
    assert ((offset.abs() + corners) <= half + 1e-6).all()
    area = torch.linalg.det(matrix)
    assert (area <= 0.95 + 1e-6).all()
    narrow = (corners / half).min(1).values / (corners / half).max(1).values
    assert (narrow >= 0.75 - 1e-6).all() or (corners / half).max() == 1


def test_shares_are_those_of_the_beta_distribution() -> None:
    numbers = (torch.arange(4000) + 0.5) / 4000
    for alpha in (0.2, 1.0, 4.0):
        share = own_share(numbers, alpha)
        assert float(share.min()) >= 0.5
        drawn = torch.distributions.Beta(alpha, alpha).sample((200_000,))
        expected = torch.maximum(drawn, 1 - drawn)
        assert float(share.mean()) == pytest.approx(float(expected.mean()), abs=3e-3)


@pytest.mark.parametrize("change", ["mixup(alpha=1)", "cutmix(p=1)"])
def test_pixels_and_targets_are_mixed_by_the_same_share(change: str) -> None:
    """Of an image of its own class's number everywhere, the mean tells the share that is asked for."""
    plan = plan_of(augment=f"[{change}]")
    targets = torch.arange(16) % 10
    inputs = targets.float().view(-1, 1, 1, 1).expand(16, 1, 8, 8)
    mixed = Mixer(plan, 10)(inputs, targets, ROWS, 1)
    assert mixed.wanted.shape == (16, 10)
    torch.testing.assert_close(mixed.wanted.sum(1), torch.ones(16))
    torch.testing.assert_close(mixed.inputs.mean((1, 2, 3)), mixed.wanted @ torch.arange(10.0))
    assert (mixed.wanted.argmax(1) == targets).all()


def test_the_loss_of_a_mixed_batch_is_that_of_both_targets_by_their_shares() -> None:
    torch.manual_seed(0)
    plan, targets, scores = plan_of(augment="[mixup(alpha=1)]"), torch.arange(16) % 10, torch.randn(16, 10)
    mixed = Mixer(plan, 10)(torch.zeros(16, 1, 8, 8), targets, ROWS, 0)
    own = mixed.wanted.gather(1, targets[:, None])[:, 0]
    each = [torch.nn.functional.cross_entropy(scores, one, reduction="none") for one in (targets, targets.roll(1))]
    torch.testing.assert_close(objective(plan)(scores, mixed.wanted), (own * each[0] + (1 - own) * each[1]).mean())


@pytest.mark.parametrize(
    "op", ["RandomSolarize(thresholds=0.1, p=1)", "ColorJiggle(hue=0.1, brightness=0.2, p=0.8)", "RandomErasing(p=0.5)"]
)
def test_what_kornia_makes_of_a_sample_does_not_depend_on_its_batch(op: str) -> None:
    pytest.importorskip("kornia")
    state = torch.get_rng_state()
    augmenter, order = (
        Augmenter([named.Kornia(operator=op)], 7),
        torch.randperm(16, generator=torch.Generator().manual_seed(1)),
    )
    whole = augmenter(images(), ROWS, 2)
    assert torch.equal(whole[order], augmenter(images()[order], order, 2))
    assert torch.equal(whole[3:5], augmenter(images()[3:5], ROWS[3:5], 2))
    assert not torch.equal(whole, augmenter(images(), ROWS, 3))
    assert torch.equal(torch.get_rng_state(), state), "it draws from nobody else's generator"


@pytest.mark.parametrize(
    ("op", "says"),
    [
        ("RandomSolarise", "no augmentation of images `RandomSolarise`.*nearest is `RandomSolarize`"),
        ("RandomSolarize(threshold=1)", "does not take `RandomSolarize"),
        ("CenterCrop(size=4)", "changes the size of images"),
    ],
)
def test_what_kornia_cannot_do_is_said(op: str, says: str) -> None:
    pytest.importorskip("kornia")
    with pytest.raises(RunError, match=says):
        Augmenter([named.Kornia(operator=op)], 0)(images(), ROWS, 0)


@pytest.mark.parametrize(
    ("base", "changed", "code", "says"),
    [
        (DIGITS, {"augment": "[mixup]", "loss": "nll"}, "E0614", "two targets at once, which `nll` cannot judge"),
        (DIGITS, {"augment": "[mixup, cutmix]"}, "E0614", "mixed twice"),
        (DIGITS, {"augment": "[mixup]", "loss": "cross_entropy(ignore_index=3)"}, "E0614", "leaves some out"),
        (DIABETES, {"augment": "[mixup]"}, "E0607", "changes images"),
        (DIGITS, {"augment": "[kornia(3)]"}, "E0201", "wants a name"),
        (DIGITS, {"augment": "[kornia(Random(0.1))]"}, "E0201", "wants a name, or one with named values"),
        (DIGITS, {"augment": "[kornia]"}, "E0203", "needs `operator`"),
    ],
)
def test_mistakes_about_mixing_are_told(base: dict[str, str], changed: dict[str, str], code: str, says: str) -> None:
    _, problems = read_plan(parsed(written({**base, **changed})))
    errors = [one for one in problems if one.severity == "error"]
    assert [one.code for one in errors] == [code]
    assert says in errors[0].message

"""A classifier of patches, applied at every pixel, and the fully convolutional networks of the same weights agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import dlspec
from dlspec.plan.weights import Load, match, repair
from dlspec.training.digit_scenes import scenes
from dlspec.training.patch_data import patches
from dlspec.training.starting import load_weights
from tests.training.runs import plan_of

torch.set_num_threads(1)


def built(name: str) -> nn.Module:
    scope: dict[str, Any] = {}
    loaded = dlspec.load("sliding_window", network=name)
    exec(compile(dlspec.compile(loaded), f"{name}.py", "exec"), scope)  # noqa: S102  # our own source
    torch.manual_seed(0)
    module: nn.Module = scope["build"]()
    return module.eval()


@pytest.fixture(scope="module")
def classifier() -> nn.Module:
    return built("sliding_window")


@pytest.fixture
def weights(classifier: nn.Module, tmp_path: Path) -> Path:
    torch.save(classifier.state_dict(), tmp_path / "patches.pth")
    return tmp_path


def carried(name: str, folder: Path) -> nn.Module:
    """A network with the classifier's weights, taken over by name."""
    module = built(name)
    notes = load_weights(module, plan_of({}, folder, **PLAN))
    assert notes == ["8 tensors of `patches.pth`"]
    return module


PLAN = {
    "network": "sliding_window_fcn", "data": "{ source = digit_scenes }", "loss": "cross_entropy",
    "optimizer": "adamw", "epochs": "1", "weights": 'load("patches.pth", reshape=true)',
}  # fmt: skip


@torch.no_grad()
def test_one_pass_gives_what_the_classifier_says_at_every_pixel(classifier: nn.Module, weights: Path) -> None:
    image = scenes("val", 1, 0)[0][0, :, 40:49, 50:63]
    height, width = image.shape[1:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    each: Tensor = classifier(patches(image, 14, rows.flatten(), columns.flatten()))
    wanted = each.T.view(1, 11, height, width)
    whole = carried("sliding_window_fcn", weights)(image[None])
    torch.testing.assert_close(whole, wanted, rtol=1e-4, atol=1e-5)
    coarse = carried("sliding_window_coarse", weights)(image[None])
    torch.testing.assert_close(coarse, wanted[:, :, ::4, ::4], rtol=1e-4, atol=1e-5)


def test_all_three_see_as_far_and_cost_as_the_checker_says() -> None:
    macs, sees = {}, set()
    for name in ("sliding_window", "sliding_window_fcn", "sliding_window_coarse"):
        side = 29 if name == "sliding_window" else 128
        inputs = {"image": (1, 1, side, side)}
        summary = dlspec.summarize(dlspec.load("sliding_window", network=name, inputs=inputs)).to_json()
        fields = [layer["receptive_field"] for layer in summary["layers"] if layer["op"] == "max_pool2d"]
        last = next(layer["receptive_field"] for layer in summary["layers"] if layer["path"] == "fc1")
        sees.add((fields[-1]["size"][0], "whole" if last == "whole" else last["size"][0]))
        macs[name] = summary["totals"]["macs"]
        assert summary["requires"] == []
    assert sees == {(13, "whole"), (13, 29)}
    assert 128 * 128 * macs["sliding_window"] > 12 * macs["sliding_window_fcn"]
    assert macs["sliding_window_fcn"] > 10 * macs["sliding_window_coarse"]


def test_weights_of_another_shape_are_offered_to_be_reshaped_where_their_numbers_agree() -> None:
    file = {"fc.weight": (64, 800), "fc.bias": (64,)}
    network = {"fc.weight": (64, 32, 5, 5), "fc.bias": (64,)}
    plain, reshaped = Load(path="a.pth"), Load(path="a.pth", reshape=True)
    assert match(network, file, plain).misshapen == ["fc.weight"]
    assert "`reshape=true`" in repair(match(network, file, plain), network, file, plain)
    assert match(network, file, reshaped).is_whole
    other = {"fc.weight": (32, 1600), "fc.bias": (64,)}
    assert match(network, other, reshaped).misshapen == ["fc.weight"]


def test_a_patch_has_the_class_of_its_middle_pixel_and_nothing_beyond_the_scene() -> None:
    from dlspec.plan.scene_sources import DigitPatches
    from dlspec.training.data import load
    from dlspec.training.objects import class_map

    plan = plan_of({}, "", **PLAN | {"weights": "[]", "network": "sliding_window"})
    plan.data.source = DigitPatches(train=50, val=20, reach=6)
    dataset = load(plan)
    assert dataset.samples.inputs.shape == (70, 1, 13, 13)
    images, objects = scenes("train", 3, 0)
    maps = [class_map(labels, masks) for labels, masks in zip(objects.labels, objects.masks, strict=True)]
    for place in range(50):
        patch, label = dataset.samples.values[place], dataset.samples.truth[place]
        windows = patches(images[place // 20], 6, *torch.meshgrid(*[torch.arange(128)] * 2, indexing="ij"))
        found = (windows.permute(0, 2, 1, 3, 4) == patch).flatten(2).all(2)
        ((row, column),) = found.nonzero().tolist()
        assert maps[place // 20][row, column] == label
    assert (dataset.samples.truth[:20] > 0).sum() == 10

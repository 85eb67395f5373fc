"""Every network of the zoo is what its paper says: parameters as published, clean, formatted, and its module runs.

Where a count is not torchvision's, it is added up here from the paper's own table.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import dlspec
from dlspec.checking import check_spec, open_spec
from dlspec.places import ZOO
from dlspec.source import Source
from dlspec.syntax.convert import convert, fmt
from dlspec.syntax.read import read

FILES = sorted(ZOO.glob("*.dls"))


def conv(seen: int, maps: int, kernel: int) -> int:
    return maps * (seen * kernel * kernel + 1)


# Widths of the contracting path; then back up, where a convolution of 2×2 halves them and two of 3×3 follow.
_DOWN = [(1, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
UNET_2015 = (
    sum(conv(seen, maps, 3) + conv(maps, maps, 3) for seen, maps in _DOWN)
    + sum(conv(2 * maps, maps, 2) + conv(2 * maps, maps, 3) + conv(maps, maps, 3) for maps in (512, 256, 128, 64))
    + conv(64, 2, 1)
)
RESNET18, RESNET34 = 11_689_512, 21_797_672
PROJECTIONS = sum(seen * 2 * seen + 2 * 2 * seen for seen in (64, 128, 256))
"""What the three shortcuts that change size hold in torchvision's ResNets: a 1×1 convolution and a batch norm each."""

PUBLISHED = {
    "alexnet_2012": 60_965_224, "lenet5": 60_000,
    "plain18": RESNET18 - PROJECTIONS, "plain34": RESNET34 - PROJECTIONS,
    "googlenet": 6_624_904,
    "densenet121": 7_978_856, "densenet169": 14_149_480, "densenet201": 20_013_928, "densenet161": 28_681_000,
    "mobilenet_v2": 3_504_872, "mobilenet_v3_large": 5_483_032, "mobilenet_v3_small": 2_542_856,
    "unet_2015": UNET_2015, "unet": UNET_2015 + 2 * 64 * 9,
    "vit_b_16": 86_567_656, "vit_b_32": 88_224_232, "vit_l_16": 304_326_632,
}  # fmt: skip
SMALL: dict[str, tuple[dict[str, Any], tuple[int, ...], tuple[int, ...]]] = {
    "alexnet_2012": ({}, (1, 3, 224, 224), (1, 1000)),
    "lenet5": ({}, (2, 1, 32, 32), (2, 10)),
    "plain18": ({}, (1, 3, 33, 40), (1, 1000)),
    "googlenet": ({"classes": 7}, (1, 3, 64, 65), (1, 7)),
    "densenet121": ({"growth": 4, "classes": 7}, (1, 3, 64, 64), (1, 7)),
    "mobilenet_v2": ({"classes": 7}, (1, 3, 64, 65), (1, 7)),
    "mobilenet_v3_large": ({"classes": 7}, (1, 3, 64, 65), (1, 7)),
    "mobilenet_v3_small": ({"classes": 7}, (1, 3, 64, 65), (1, 7)),
    "vit_b_16": ({"depth": 2, "heads": 2, "dim": 16, "size": 48, "classes": 7}, (2, 3, 48, 48), (2, 7)),
    "unet": ({}, (1, 3, 16, 32), (1, 2, 16, 32)),
    "unet_2015": ({}, (1, 1, 188, 204), (1, 2, 4, 20)),
    "resnet_digits": ({}, (2, 1, 8, 8), (2, 10)),
    "alexnet_small": ({}, (2, 1, 23, 23), (2, 10)),
    "digits_cnn": ({}, (2, 1, 8, 8), (2, 10)),
}
"""Parameters of a network that make it small, a picture for it, and what comes out."""


def built(name: str, **parameters: Any) -> nn.Module:
    names: dict[str, Any] = {}
    exec(compile(dlspec.compile(dlspec.load(name, set=parameters)), f"{name}.py", "exec"), names)  # noqa: S102  # ours
    module: nn.Module = names["build"]()
    return module.eval()


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_parameters_are_as_many_as_published(name: str) -> None:
    assert dlspec.summarize(name).to_json()["totals"]["parameters"] == PUBLISHED[name]


def test_googlenet_has_its_two_classifiers_in_the_middle_where_they_are_asked_for() -> None:
    totals = dlspec.summarize(dlspec.load("googlenet", set={"aux": True})).to_json()["totals"]
    assert totals["parameters"] == 13_004_888


@pytest.mark.parametrize("name", SMALL)
def test_its_module_runs(name: str) -> None:
    torch.set_num_threads(1)
    parameters, taken, given = SMALL[name]
    with torch.no_grad():
        out: Tensor = built(name, **parameters)(torch.randn(taken))
    assert tuple(out.shape) == given
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_is_wrong_with_it(file: Any) -> None:
    assert [problem.message for problem in check_spec(open_spec(file))] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_formatted_and_one_tree_in_both_spellings(file: Any) -> None:
    source = Source.read(file)
    assert fmt(source) == source.text
    yaml = Source("converted.dlspec.yaml", convert(source, ".dlspec.yaml"))
    assert read(yaml) == read(source)


def test_unet_asks_for_multiples_of_16() -> None:
    assert dlspec.load("unet").graph.requires == ["H % 16 == 0", "W % 16 == 0"]


def test_the_published_unet_makes_388_rows_of_572() -> None:
    graph = dlspec.load("unet_2015", inputs={"image": (1, 1, 572, 572)}).graph
    assert [str(size) for size in graph.nodes[-1].outputs[0].shape] == ["1", "2", "388", "388"]


def test_lenet5_has_as_many_weights_in_each_layer_as_its_paper_counts() -> None:
    counts: dict[str, int] = {}
    for path, weight in built("lenet5").named_parameters():
        layer = path.split(".")[0]
        counts[layer] = counts.get(layer, 0) + weight.numel()
    assert counts == {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}


def test_the_halves_of_alexnet_meet_in_the_third_convolution_only() -> None:
    module = built("alexnet_2012")
    assert {path: part.groups for path, part in module.named_modules() if isinstance(part, nn.Conv2d)} == {
        "conv1": 1, "conv2": 2, "conv3": 1, "conv4": 2, "conv5": 2,
    }  # fmt: skip


def test_a_plain_network_is_the_residual_one_less_its_shortcuts() -> None:
    plain, residual = (set(built(name).state_dict()) for name in ("plain34", "resnet34"))
    assert plain == {key for key in residual if ".downsample." not in key}


def test_what_is_computed_from_a_parameter_is_a_number_however_long_its_line() -> None:
    linear = built("densenet121", growth=8, classes=7).get_submodule("classifier")
    assert isinstance(linear, nn.Linear)
    assert linear.in_features == 256

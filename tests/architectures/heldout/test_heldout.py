"""Architectures that the language was not made for: the published counts, and modules that run.

Parameters and GFLOPS (of multiply-adds, for 224 × 224, of Inception for 299 × 299) are those that torchvision publishes for its weights.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import dlspec
from dlspec.checking import check_spec, open_spec

FOLDER = Path(__file__).parent
PUBLISHED = [
    ("convnext", "convnext_tiny", 28_589_128, 4.456),
    ("convnext", "convnext_small", 50_223_688, 8.684),
    ("efficientnet", "efficientnet_b0", 5_288_548, 0.386),
    ("inception", "inception_v3", 27_161_264, 5.713),
    ("regnet", "regnet_y_400mf", 4_344_144, 0.402),
    ("shufflenet", "shufflenet_v2_x0_5", 1_366_792, 0.040),
    ("shufflenet", "shufflenet_v2_x1_0", 2_278_604, 0.145),
    ("squeezenet", "squeezenet1_1", 1_235_496, 0.349),
]
AUXILIARY = 3_326_696
"""Parameters of Inception's second classifier, which only training has: in the module, not in the graph of inference."""
NETWORKS = [(file, network) for file, network, _, _ in PUBLISHED]


def built(file: str, network: str) -> nn.Module:
    names: dict[str, Any] = {}
    source = dlspec.compile(dlspec.load(FOLDER / f"{file}.dls", network=network))
    exec(compile(source, f"{file}.py", "exec"), names)  # noqa: S102  # our own generated code
    module: nn.Module = names["build"]()
    return module.eval()


@pytest.mark.parametrize("file", sorted(path.stem for path in FOLDER.glob("*.dls")))
def test_nothing_is_wrong_with_it(file: str) -> None:
    assert check_spec(open_spec(FOLDER / f"{file}.dls")) == []


@pytest.mark.parametrize(("file", "network", "parameters", "gflops"), PUBLISHED)
def test_it_has_the_published_parameters_and_multiply_adds(
    file: str, network: str, parameters: int, gflops: float
) -> None:
    size = 299 if file == "inception" else 224
    spec = dlspec.load(FOLDER / f"{file}.dls", network=network, inputs={"image": (1, 3, size, size)})
    totals = dlspec.summarize(spec).to_json()["totals"]
    assert totals["parameters"] == parameters - (AUXILIARY if file == "inception" else 0)
    assert totals["macs"] / 1e9 == pytest.approx(gflops, abs=0.0006)
    with torch.device("meta"):
        module = built(file, network)
    assert sum(weight.numel() for weight in module.parameters()) == parameters


@pytest.mark.parametrize(("file", "network"), NETWORKS)
def test_its_module_scores_the_classes_of_a_picture(file: str, network: str) -> None:
    with torch.no_grad():
        out = built(file, network)(torch.randn(1, 3, 80, 96))
    assert out.shape == (1, 1000)
    assert out.isfinite().all()


def test_the_page_on_them_shows_the_published_figures() -> None:
    page = (FOLDER.parents[2] / "docs" / "heldout.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| \d+ \| ([\d,]+) \| ([\d.]+) \|$", page, re.M)
    figures = {network: (f"{parameters:,}", f"{gflops:.3f}") for _, network, parameters, gflops in PUBLISHED}
    assert len(rows) == 6
    assert all(figures[network] == (parameters, gflops) for network, parameters, gflops in rows)


def test_convnext_has_the_names_of_torchvision_and_its_small_scales() -> None:
    state = built("convnext", "convnext_tiny").state_dict()
    names = (
        "features.1.0.layer_scale",
        "features.1.2.block.0.weight",
        "features.0.1.weight",
        "features.4.0.bias",
        "features.5.8.block.5.bias",
        "classifier.0.weight",
        "features.6.1.weight",
    )
    assert set(names) <= set(state)
    assert torch.equal(state["features.1.0.layer_scale"], torch.full((96, 1, 1), 1e-6))


def test_regnet_has_the_names_of_torchvision_hyphens_and_all() -> None:
    state = built("regnet", "regnet_y_400mf").state_dict()
    names = (
        "stem.1.running_mean",
        "trunk_output.block1.block1-0.proj.0.weight",
        "trunk_output.block3.block3-5.f.se.fc2.bias",
        "trunk_output.block4.block4-0.f.b.1.num_batches_tracked",
        "fc.weight",
    )
    assert set(names) <= set(state)
    assert len(state) == 16 * (3 + 3 * 5 + 4) + 4 * 6 + 6 + 2  # units, their projections, stem, classifier


def test_channels_are_dealt_out_as_torch_deals_them(tmp_path: Path) -> None:
    spec = tmp_path / "deal.dls"
    source = (FOLDER / "shufflenet.dls").read_text(encoding="utf-8")
    block = source[source.index("block shuffle") : source.index("block depthwise")]
    spec.write_text(block + "network deal {\n  input x: float32[N, 8, 2, 3]\n  output y = x -> shuffle\n}\n")
    names: dict[str, Any] = {}
    exec(dlspec.compile(dlspec.load(spec)), names)  # noqa: S102  # our own generated code
    x = torch.randn(2, 8, 2, 3)
    assert torch.equal(names["build"]()(x), nn.ChannelShuffle(2)(x))


def test_an_hourglass_in_itself_fits_where_its_halves_meet_again() -> None:
    asked = dlspec.summarize(dlspec.load(FOLDER / "hourglass.dls")).to_json()["requires"]
    assert set(asked) == {"H % 64 in {0, 1, 2, 63}", "W % 64 in {0, 1, 2, 63}", "H >= 63", "W >= 63"}
    module = built("hourglass", "stacked_hourglass")
    with torch.no_grad():
        assert module(torch.randn(1, 3, 63, 66)).shape == (1, 2, 16, 16, 16)
        with pytest.raises(RuntimeError, match="size of tensor"):
            module(torch.randn(1, 3, 67, 64))


def test_a_wavenet_sees_as_much_as_was_published_of_its_dilations_and_nothing_later() -> None:
    layers = dlspec.summarize(dlspec.load(FOLDER / "wavenet.dls")).to_json()["layers"]
    field = next(layer["receptive_field"] for layer in layers if layer["path"] == "end2")
    assert field["size"] == [2 * 1023 + 1]
    module = built("wavenet", "wavenet")
    wave = torch.randn(1, 256, 40)
    later = torch.cat([wave[:, :, :30], torch.randn(1, 256, 10)], dim=2)
    with torch.no_grad():
        torch.testing.assert_close(module(wave)[:, :, :30], module(later)[:, :, :30])

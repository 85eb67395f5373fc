"""Fully convolutional networks: those of the paper fit images of any size, and ResNet's equals torchvision's.

`torchvision/segmentation/fcn_resnet50.json` was measured from torchvision 0.28 with torch 2.13, with the auxiliary head;
without it the same modules are there but for that head's.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from deterministic import fill_module, picture
from torch import Tensor, nn

import dlspec
from dlspec.places import ZOO

GOLDEN = json.loads(
    (Path(__file__).parent / "torchvision" / "segmentation" / "fcn_resnet50.json").read_text(encoding="utf-8")
)
FCN = ("fcn32s", "fcn16s", "fcn8s")
AUX = pytest.mark.parametrize("aux", [True, False], ids=["aux", "plain"])

torch.set_num_threads(1)


def built(name: str, **parameters: Any) -> nn.Module:
    names: dict[str, Any] = {}
    exec(compile(dlspec.compile(dlspec.load(name, set=parameters)), f"{name}.py", "exec"), names)  # noqa: S102  # ours
    module: nn.Module = names["build"]()
    return module.eval()


def layers(name: str) -> dict[str, dict[str, Any]]:
    return {layer["path"]: layer for layer in dlspec.summarize(name).to_json()["layers"]}


def centre(layer: dict[str, Any]) -> Fraction:
    """Where the middle of what unit 0 sees lies, along the height."""
    field = layer["receptive_field"]
    return Fraction(field["size"][0] - 1, 2) - Fraction(field["padding"][0])


# On VGG-16


@pytest.mark.parametrize("name", FCN)
def test_the_network_has_what_table_1_of_its_paper_says(name: str) -> None:
    found = layers(name)
    field = found["score_fr"]["receptive_field"]
    assert (field["size"], field["stride"]) == ([404, 404], [32, 32])
    assert sum(layer["op"] == "conv2d" for path, layer in found.items() if not path.startswith("score_pool")) == 16
    assert dlspec.summarize(name).to_json()["totals"]["parameters"] // 10**6 == {"fcn32s": 136}.get(name, 134)


@pytest.mark.parametrize("name", FCN)
def test_its_crops_fit_images_of_every_size_as_torch_finds_too(name: str) -> None:
    assert dlspec.load(name).graph.requires == []
    with torch.device("meta"):
        module = built(name, classes=3)
        for size in [*range(1, 34), 63, 64, 65, 224, 499, 500]:
            assert module(torch.empty(1, 3, size, size + 7)).shape == (1, 3, size, size + 7)


@pytest.mark.parametrize("name", FCN)
def test_its_crops_leave_every_score_on_its_pixel(name: str) -> None:
    found = layers(name)
    *_, last = found.values()
    assert (centre(last), last["receptive_field"]["stride"]) == (0, [1, 1])
    for cropped, enlarged in (("crop", "upscore2"), ("crop_1", "upscore_pool4")):
        if enlarged in found:
            assert centre(found[cropped]) == centre(found[enlarged])


def test_an_offset_that_is_one_off_no_longer_does(tmp_path: Path) -> None:
    spec = ZOO / "fcn.dls"
    other = tmp_path / "fcn.dls"
    other.write_text(spec.read_text(encoding="utf-8").replace("offset=31", "offset=30"), encoding="utf-8")
    *_, last = layers(str(other)).values()
    assert centre(last) == -1


def test_scores_are_enlarged_as_by_interpolation_until_that_is_learned_the_last_time_for_good() -> None:
    source = dlspec.compile("fcn8s")
    with torch.device("meta"):
        module = built("fcn8s")
    enlarging = [path for path, part in module.named_modules() if isinstance(part, nn.ConvTranspose2d)]
    assert enlarging == ["upscore2", "upscore_pool4", "upscore8"]
    assert source.count("= bilinear_(") == 3
    assert [path for path, weight in module.named_parameters() if not weight.requires_grad] == ["upscore8.weight"]


# On ResNet-50


@AUX
def test_weights_of_fcn_resnet50_load_by_name(aux: bool) -> None:
    with torch.device("meta"):
        state = built("fcn_resnet50", aux=aux).state_dict()
    wanted = {key: tuple(shape) for key, shape in GOLDEN["state_dict"] if aux or not key.startswith("aux_")}
    assert {key: tuple(value.shape) for key, value in state.items()} == wanted


@AUX
def test_fcn_resnet50_costs_what_torchvisions_does_module_by_module(aux: bool) -> None:
    loaded = dlspec.load("fcn_resnet50", set={"aux": aux}, inputs={"image": tuple(GOLDEN["input"])})
    summary, totals = dlspec.summarize(loaded).to_json(), GOLDEN["totals"]["aux" if aux else "plain"]
    assert summary["totals"]["parameters"] == totals["params_total"]
    assert summary["totals"]["buffers"] == totals["buffers_numel"]
    assert summary["totals"]["macs"] == totals["macs_total"]
    wanted = {path: macs for path, macs in GOLDEN["macs_per_module"].items() if aux or not path.startswith("aux_")}
    found = {
        path: sum(layer["macs"] for layer in summary["layers"] if f"{layer['path']}.".startswith(f"{path}."))
        for path in wanted
    }
    assert found == wanted


def test_fcn_resnet50_costs_what_is_published() -> None:
    published = GOLDEN["published"]
    loaded = dlspec.load("fcn_resnet50", set={"aux": True}, inputs={"image": tuple(published["input"])})
    totals = dlspec.summarize(loaded).to_json()["totals"]
    assert totals["parameters"] == published["parameters"]
    assert round(totals["macs"] / 1e9, 3) == published["gmacs"]


@AUX
def test_outputs_of_fcn_resnet50_are_equal_with_equal_weights(aux: bool) -> None:
    with torch.device("meta"):
        module = built("fcn_resnet50", aux=aux)
    fill_module(module)
    with torch.no_grad():
        made = module(picture(tuple(GOLDEN["numeric"]["input"])))
    outputs: dict[str, Tensor] = made if aux else {"out": made}
    for name, out in outputs.items():
        wanted = GOLDEN["numeric"]["outputs"][name]
        assert list(out.shape) == wanted["shape"]
        difference = out.flatten()[torch.tensor(wanted["flat_index"])] - torch.tensor(wanted["values"])
        assert difference.abs().max() / wanted["std"] < 1e-4

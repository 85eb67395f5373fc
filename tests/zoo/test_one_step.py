"""One step of training loses what torchvision's networks lose, and moves every parameter the same way.

`torchvision/training/*.json` was measured from torchvision by `measure_one_step.py`. All is in double precision, and the
sampler draws by `one_step.spread` on both sides, where chance would draw.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from one_step import CLASSES, DRAWN, LONGEST, SIDE, class_map, images, measured, prepared, scenes, spread
from torch import Tensor, nn

import dlspec
from dlspec.nn import sampling
from dlspec.places import ZOO

FOLDER = Path(__file__).parent / "torchvision" / "training"
DETECTORS = ("fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn")
pytestmark = pytest.mark.slow


def built(source: Any) -> nn.Module:
    names: dict[str, Any] = {}
    exec(compile(dlspec.compile(source), "one_step.py", "exec"), names)  # noqa: S102  # our own generated code
    with torch.device("meta"):
        module: nn.Module = names["build"]()
    return prepared(module)


def detector(name: str, folder: Path) -> nn.Module:
    """The zoo's detector, but for how many regions it draws, which is none of its parameters."""
    text = (ZOO / f"{name}.dls").read_text(encoding="utf-8")
    assert "width=1024" in text
    (folder / f"{name}.dls").write_text(text.replace("width=1024", f"width=1024, draws={DRAWN}"), encoding="utf-8")
    sizes = {"classes": CLASSES, "min_size": SIDE, "max_size": LONGEST}
    return built(dlspec.load(folder / f"{name}.dls", set=sizes))


def agree(name: str, found: dict[str, Any]) -> None:
    wanted = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert found["losses"] == pytest.approx(wanted["losses"], rel=1e-6)
    assert found["gradients"].keys() == wanted["gradients"].keys()
    largest = max(length for length, _ in wanted["gradients"].values())
    for parameter, (length, along) in wanted["gradients"].items():
        near = 1e-5 * length + 1e-9 * largest
        assert found["gradients"][parameter] == pytest.approx([length, along], rel=0, abs=near), parameter


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_learns_in_a_step_what_torchvisions_learns(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = sampling._drawn

    def by_rank(candidates: Tensor, keys: Tensor, wanted: Tensor, most: int) -> Tensor:
        ranks = (candidates.cumsum(1) - 1).clamp(min=0)
        return drawn(candidates, 1 - spread(candidates.shape[1])[ranks], wanted, most)

    monkeypatch.setattr(sampling, "_drawn", by_rank)
    given = scenes()
    module = detector(name, tmp_path)
    losses = module(*(given[kind] for kind in ("image", "boxes", "labels", "masks")[: 4 if "mask" in name else 3]))
    agree(name, measured(module, losses, dict.fromkeys(losses, 1.0)))


def test_a_segmentation_with_an_auxiliary_head_learns_what_torchvisions_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.nn.functional, "dropout", lambda x, *_, **__: x)
    module = built(dlspec.load("fcn_resnet50", set={"aux": True, "classes": CLASSES}))
    scores = module(images())
    losses = {
        kind: torch.nn.functional.cross_entropy(scores[kind], class_map(), ignore_index=255) for kind in ("out", "aux")
    }
    agree("fcn_resnet50", measured(module, losses, {"out": 1.0, "aux": 0.5}))

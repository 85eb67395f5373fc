"""The detectors beside torchvision's own, where that is installed: one set of weights, the same detections.

Skipped where torchvision does not import, as beside a build of torch for processors alone.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import dlspec

try:
    from torchvision.models import detection, segmentation  # noqa: TID251  # to compare with, where it imports
except (ImportError, RuntimeError, AttributeError):
    pytest.skip("torchvision does not import here", allow_module_level=True)

pytestmark = [pytest.mark.slow]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def built(name: str) -> nn.Module:
    scope: dict[str, object] = {}
    exec(compile(dlspec.compile(name), f"{name}.py", "exec"), scope)  # noqa: S102  # our own source
    module = scope["build"]()  # type: ignore[operator]
    assert isinstance(module, nn.Module)
    return module.to(DEVICE).eval()


@pytest.fixture(autouse=True)
def exact() -> object:
    with (
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
        torch.no_grad(),
    ):
        yield


@pytest.mark.parametrize("name", ["fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn"])
def test_a_detector_finds_what_torchvision_finds(name: str) -> None:
    torch.manual_seed(0)
    theirs = getattr(detection, name)(weights=None, weights_backbone=None).to(DEVICE).eval()
    # Sharper scores than those of untrained weights, so that something is found.
    theirs.roi_heads.box_predictor.cls_score.weight.mul_(60)
    ours = built(name)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    images = [torch.rand(3, 240, 320, device=DEVICE), torch.rand(3, 400, 300, device=DEVICE)]
    wanted, found = theirs(images), ours(images)
    for number, each in enumerate(wanted):
        assert len(each["boxes"]) > 5
        mine = {key: value[number] for key, value in found.items()}
        assert abs(len(mine["boxes"]) - len(each["boxes"])) <= 1
        paired = [_nearest(box, label, mine) for box, label in zip(each["boxes"], each["labels"])]
        assert sum(distance <= 2 for distance in paired) >= len(paired) - 1


def _nearest(box: Tensor, label: Tensor, found: dict[str, Tensor]) -> float:
    same = found["boxes"][found["labels"] == label]
    return float((same - box).abs().amax(1).min()) if len(same) else float("inf")


@pytest.mark.parametrize("name", ["fcn_resnet50"])
def test_a_segmentation_is_torchvision_s(name: str) -> None:
    torch.manual_seed(0)
    theirs = getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=21).to(DEVICE).eval()
    ours = built(name)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    image = torch.rand(2, 3, 129, 160, device=DEVICE)
    found = ours(image)
    torch.testing.assert_close(
        found["out"] if isinstance(found, dict) else found, theirs(image)["out"], rtol=1e-3, atol=1e-4
    )

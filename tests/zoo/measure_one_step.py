"""Measures what torchvision's networks lose in one step of training, and the gradients, for `torchvision/training/`.

    python tests/zoo/measure_one_step.py [NAME…]

It needs torch, numpy and torchvision, and nothing of dlspec. Where torchvision's compiled operators do not load, as
beside a build of torch for processors alone, suppression is defined here, in Python, and RoI align is torchvision's
own in Python. All is in double precision, so that the order of a sum does not decide what is suppressed or drawn, and
`randperm`, by which torchvision draws anchors and regions, gives the order of `one_step.spread`. No dropout.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from one_step import CLASSES, DRAWN, LONGEST, SIDE, class_map, images, measured, prepared, scenes, spread
from torch import Tensor

OUT = Path(__file__).parent / "torchvision" / "training"
DETECTORS = ("fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn")
OPERATORS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
"""Those that torchvision looks up when it is imported, as it declares them."""


def suppressed(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Suppression by its definition, one box after the other."""
    order = scores.argsort(descending=True, stable=True)
    x1, y1, x2, y2 = boxes[order].numpy().T
    areas, alive, kept = (x2 - x1) * (y2 - y1), np.ones(len(boxes), dtype=bool), []
    for row in range(len(boxes)):
        if alive[row]:
            kept.append(row)
            wide = (np.minimum(x2[row], x2) - np.maximum(x1[row], x1)).clip(min=0)
            common = wide * (np.minimum(y2[row], y2) - np.maximum(y1[row], y1)).clip(min=0)
            alive &= common / (areas[row] + areas - common) <= iou_threshold
    return order[torch.tensor(kept, dtype=torch.int64)]


def only_inside(interpolate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """RoI align in Python repeats the border for points beyond it; the compiled operators count them as zero."""

    def interpolated(maps: Tensor, images: Tensor, y: Tensor, x: Tensor, *masks: Tensor | None) -> Tensor:
        height, width = maps.shape[2:]
        rows = ((y >= -1) & (y <= height))[:, None, :, None, :, None]
        columns = ((x >= -1) & (x <= width))[:, None, None, :, None, :]
        return interpolate(maps, images, y, x, *masks) * (rows & columns)

    return interpolated


def torchvision() -> Any:
    """The library, with operators in Python where it has none that load."""
    try:
        import torchvision  # noqa: TID251  # it is what is measured
    except RuntimeError:
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name, signature in OPERATORS.items():
            library.define(f"{name}{signature}")
        library.impl("nms", suppressed, "CPU")
        OPERATORS["keeps"] = library  # type: ignore[assignment]  # they last as long as it
        import torchvision  # noqa: TID251

        torchvision.ops.boxes._assert_has_ops = lambda: None
        align = sys.modules["torchvision.ops.roi_align"]
        align._bilinear_interpolate = only_inside(align._bilinear_interpolate)  # type: ignore[attr-defined]
    return torchvision


def built(name: str) -> torch.nn.Module:
    library = torchvision()
    with torch.device("meta"):
        if name in DETECTORS:
            network = getattr(library.models.detection, name)(
                weights=None, weights_backbone=None, num_classes=CLASSES, min_size=SIDE, max_size=LONGEST,
                box_batch_size_per_image=DRAWN,
            )  # fmt: skip
        else:
            network = getattr(library.models.segmentation, name)(
                weights=None, weights_backbone=None, num_classes=CLASSES, aux_loss=True
            )
    return prepared(network)


def step(name: str) -> dict[str, Any]:
    module = built(name)
    torch.randperm = lambda count, **_: spread(count).argsort()
    torch.nn.functional.dropout = lambda x, *_, **__: x
    if name in DETECTORS:
        given = scenes()
        pictures = given.pop("image")
        targets = [{kind: given[kind][place] for kind in given} for place in range(len(pictures))]
        losses = module(pictures, targets)
        return measured(module, losses, dict.fromkeys(losses, 1.0))
    scores = module(images())
    losses = {
        kind: torch.nn.functional.cross_entropy(scores[kind], class_map(), ignore_index=255) for kind in ("out", "aux")
    }
    return measured(module, losses, {"out": 1.0, "aux": 0.5})


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for name in sys.argv[1:] or (*DETECTORS, "fcn_resnet50"):
        made = {"made": f"torchvision {torchvision().__version__}, torch {torch.__version__}", **step(name)}
        text = json.dumps(made, indent=0).replace("\n", " ").replace('], "', '],\n "')
        (OUT / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(name, made["losses"])


if __name__ == "__main__":
    main()

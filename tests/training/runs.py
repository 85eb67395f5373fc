"""Small networks and plans that train in a blink, for the tests of the runner."""

from __future__ import annotations

from pathlib import Path

import torch

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.read import read_plan
from dlspec.training.report import Report
from dlspec.training.run import train
from tests.plan.plans import parsed, written

torch.set_num_threads(1)

CNN = '''"""A small convolutional network with everything that has a state of its own."""

from torch import nn


def build():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(64, 10),
    )
'''
SOFTMAX = "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
LINE = "from torch import nn\n\n\ndef build():\n    return nn.Linear(10, 1)\n"
SCORE = "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 1))\n"

DIGITS = {
    "network": "cnn",
    "data": "{ source = digits split { train = 0.1 val = 0.1 test = 0.8 } }",
    "loss": "cross_entropy",
    "optimizer": "sgd(lr=0.1, momentum=0.9)",
    "epochs": "3",
    "batch_size": "50",
    "device": "cpu",
}
DIABETES = {
    "network": "line",
    "data": "{ source = diabetes  split { train = 0.8 val = 0 test = 0.2 }"
    "  standardize { inputs = true target = true } }",
    "loss": "mse",
    "optimizer": "sgd(lr=0.1, momentum=0.9)",
    "epochs": "20",
    "batch_size": "full",
    "device": "cpu",
}


def plan_of(base: dict[str, str] = DIGITS, folder: Path | str = "", /, **changed: str | None) -> ResolvedPlan:
    """A plan after a change of some keys."""
    keys = {key: value for key, value in {**base, **changed}.items() if value is not None}
    plan, problems = read_plan(parsed(written(keys)), folder=folder)
    assert plan is not None, [f"{p.code}: {p.message}" for p in problems]
    return plan


def run(plan: ResolvedPlan, out: Path, source: str = CNN, *, resume: bool = False, pictures: bool = False) -> Report:
    return train(None, plan, out, files={"model.py": source}, resume=resume, quiet=True, pictures=pictures)


def final_weights(out: Path) -> dict[str, torch.Tensor]:
    """The weights of the last step of a run."""
    from dlspec.training.checkpoints import Checkpoints

    latest, notes = Checkpoints(out / "checkpoints", keep=1).latest()
    assert notes == []
    assert latest is not None
    return latest.weights


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights agree bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


FINDER = '''"""A small detector: a grid of 16 x 16 cells."""

import dlspec.nn
from torch import nn


def build():
    return Finder()


class Finder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=4, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 15, 3, 2, 1)
        )

    def forward(self, image, boxes=None, labels=None):
        cells = self.body(image)
        if self.training:
            names = ("loss_box", "loss_objectness", "loss_class")
            return dict(zip(names, dlspec.nn.yolo_loss(cells, image, boxes, labels)))
        return dict(zip(("boxes", "scores", "labels"), dlspec.nn.yolo_detections(cells, image, score_thresh=0.01)))
'''
FINDING = {
    "network": "finder",
    "data": "{ source = digit_scenes(train=24, val=8) }",
    "loss": "loss_box + loss_objectness + 0.5 * loss_class",
    "optimizer": "adamw(lr=1e-2)",
    "epochs": "2",
    "batch_size": "8",
    "device": "cpu",
}

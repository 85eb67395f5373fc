"""Networks of scenes as one would write them in plain PyTorch, beside the modules that dlspec writes.

Both take the same weights, must lose the same on the same batch, and are trained in turns: the processor time of a step
of forward, backward and AdamW, without any loop around it. What torch lacks comes from `dlspec.nn` on both sides.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
import torch.nn.functional as F
from measure import machine
from torch import Tensor, nn

import dlspec
from dlspec import nn as ops
from dlspec.training.digit_scenes import scenes
from dlspec.training.objects import class_map

RATE, BATCH, STEPS = 1e-4, 8, 5
Losses = dict[str, Tensor]


def unit(before: int, after: int, size: int = 3, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    padding = dilation * (size // 2)
    convolution = nn.Conv2d(before, after, size, stride, padding, dilation, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]


class Yolo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = [(1, 16, 2), (16, 32, 1), (32, 32, 2), (32, 64, 1), (64, 64, 2), (64, 64, 1), (64, 64, 1)]
        layers = [layer for before, after, stride in widths for layer in unit(before, after, stride=stride)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(64, 15, 1))

    def forward(self, image: Tensor, boxes: list[Tensor], labels: list[Tensor]) -> Losses:
        losses = ops.yolo_loss(self.layers(image), image, boxes, labels)
        return dict(zip(("loss_box", "loss_objectness", "loss_classifier"), losses, strict=True))


class Fcn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        stem = [*unit(1, 16, stride=2), *unit(16, 32), *unit(32, 64, stride=2)]
        body = [layer for dilation in (1, 2, 4, 1) for layer in unit(64, 64, dilation=dilation)]
        self.layers = nn.Sequential(*stem, *body, nn.Conv2d(64, 11, 1))

    def forward(self, image: Tensor) -> Tensor:
        return F.interpolate(self.layers(image), size=image.shape[2:], mode="bilinear", align_corners=False)


class Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(*unit(1, 24, 5, 2), *unit(24, 48, stride=2), *unit(48, 48))
        self.coarse = nn.Sequential(*unit(48, 96, stride=2), *unit(96, 96))
        self.inner3, self.inner2 = nn.Conv2d(96, 64, 1), nn.Conv2d(48, 64, 1)
        self.outer2, self.outer3 = (nn.Conv2d(64, 64, 3, padding=1) for _ in range(2))

    def forward(self, image: Tensor) -> list[Tensor]:
        c2 = self.fine(image)
        m3 = self.inner3(self.coarse(c2))
        m2 = self.inner2(c2) + F.interpolate(m3, size=c2.shape[2:])
        return [self.outer2(m2), self.outer3(m3)]


class Faster(nn.Module):
    """Faster R-CNN, and with `masks` Mask R-CNN."""

    def __init__(self, masks: bool = False) -> None:
        super().__init__()
        self.draws = 48 if masks else 64
        self.backbone = Pyramid()
        self.rpn = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())
        self.objectness, self.deltas = nn.Conv2d(64, 3, 1), nn.Conv2d(64, 12, 1)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU())
        self.scores, self.moves = nn.Linear(128, 11), nn.Linear(128, 44)
        self.mask: nn.Module | None = None
        if masks:
            body = [layer for _ in range(2) for layer in (nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())]
            self.mask = nn.Sequential(*body, nn.ConvTranspose2d(64, 64, 2, 2), nn.ReLU(), nn.Conv2d(64, 11, 1))

    def forward(self, image: Tensor, boxes: list[Tensor], labels: list[Tensor], masks: Sequence[Tensor] = ()) -> Losses:
        levels, sizes = self.backbone(image), ops.image_sizes(image)
        hidden = [self.rpn(level) for level in levels]
        objectness, deltas = [self.objectness(one) for one in hidden], [self.deltas(one) for one in hidden]
        anchors = ops.anchor_boxes(levels, image, ((8,), (20,)), (0.8, 1.5, 2.5))
        proposals = ops.region_proposals(objectness, deltas, anchors, sizes, 100, 100)
        wanted, targets = ops.match_anchors(anchors, boxes)
        loss_objectness, loss_rpn = ops.rpn_loss(objectness, deltas, wanted, targets)
        rois, named, moves, matched = ops.sample_rois(proposals, boxes, labels, batch_size_per_image=self.draws)
        regions = self.head(ops.multi_scale_roi_align(levels, rois, (0.25, 0.125), 7))
        loss_class, loss_box = ops.fastrcnn_loss(self.scores(regions), self.moves(regions), named, moves)
        losses = {"loss_objectness": loss_objectness, "loss_rpn_box_reg": loss_rpn, "loss_classifier": loss_class}
        losses["loss_box_reg"] = loss_box
        if self.mask is not None:
            shown, named, matched = ops.foreground(rois, named, matched)
            drawn = self.mask(ops.multi_scale_roi_align(levels, shown, (0.25, 0.125), 14))
            losses["loss_mask"] = ops.maskrcnn_loss(drawn, shown, named, matched, masks)
        return losses


BY_HAND: dict[str, Callable[[], nn.Module]] = {
    "yolo_digits": Yolo,
    "fasterrcnn_digits": Faster,
    "maskrcnn_digits": lambda: Faster(masks=True),
    "fcn_digits": Fcn,
}


class Case:
    """A network in both spellings with the same weights, and batches to train it on."""

    def __init__(self, name: str) -> None:
        names: dict[str, object] = {}
        exec(compile(dlspec.compile(name), f"{name}.py", "exec"), names)  # noqa: S102  # our own source
        torch.manual_seed(0)
        written: nn.Module = names["build"]()  # type: ignore[operator]
        by_hand: nn.Module = BY_HAND[name]()
        for ours, theirs in zip(written.parameters(), by_hand.parameters(), strict=True):
            assert ours.shape == theirs.shape
            theirs.data.copy_(ours.data)
        self.name, self.ways = name, {"written": written.train(), "by hand": by_hand.train()}
        self.optimizers = {
            way: torch.optim.AdamW(one.parameters(), lr=RATE, fused=True) for way, one in self.ways.items()
        }
        self.images, self.objects = scenes("train", BATCH * STEPS, 0)
        pairs = zip(self.objects.labels, self.objects.masks, strict=True)
        self.maps = torch.stack([class_map(labels, masks) for labels, masks in pairs])

    def loss(self, way: str, rows: range) -> Tensor:
        images, module = self.images[rows.start : rows.stop], self.ways[way]
        if self.name == "fcn_digits":
            return F.cross_entropy(module(images), self.maps[rows.start : rows.stop])
        given = self.objects[slice(rows.start, rows.stop)].by_name()
        kinds = ("boxes", "labels", "masks") if "mask" in self.name else ("boxes", "labels")
        torch.manual_seed(1)  # of what the samplers draw
        losses = module(images, **{kind: given[kind] for kind in kinds})
        total: Tensor = sum(losses.values())
        return total

    def difference(self) -> float:
        """How far the losses of the first batch are apart, before any step."""
        with torch.no_grad():
            ours, theirs = (float(self.loss(way, range(BATCH))) for way in self.ways)
        return abs(ours - theirs) / abs(theirs)

    def seconds(self, way: str) -> float:
        """Processor time of a step."""
        started = time.process_time()
        for step in range(STEPS):
            loss = self.loss(way, range(step * BATCH, (step + 1) * BATCH))
            self.optimizers[way].zero_grad()
            loss.backward()
            self.optimizers[way].step()
        return (time.process_time() - started) / STEPS


def measure(name: str, rounds: int) -> None:
    case = Case(name)
    print(f"{name}: losses of the first batch differ by {case.difference():.1e}")
    times: dict[str, list[float]] = {way: [] for way in case.ways}
    for _ in range(rounds + 1):
        for way in random.sample(list(times), len(times)):
            times[way].append(case.seconds(way))
    middle = {way: median(some[1:]) for way, some in times.items()}  # the first round fills caches
    ratios = [ours / theirs for ours, theirs in zip(times["written"][1:], times["by hand"][1:], strict=True)]
    for way, seconds in middle.items():
        print(
            f"  {way:8} {seconds * 1e3:8.1f} ms a step   {min(times[way]) * 1e3:7.1f} to {max(times[way]) * 1e3:7.1f}"
        )
    print(f"  ratio    {median(ratios):8.3f} in the median round of {rounds}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=BY_HAND)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{machine()}, one thread, batches of {BATCH}")
    for name in BY_HAND if arguments.only is None else (arguments.only,):
        measure(name, arguments.rounds)


if __name__ == "__main__":
    main()

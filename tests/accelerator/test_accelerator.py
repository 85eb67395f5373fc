"""What only an accelerator can show: the same numbers as on a processor, half precision, exact resume, its memory.

Skipped where torch sees none. `pytest tests/accelerator` runs them alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import dlspec
from dlspec import nn
from dlspec.training.errors import OutOfMemory
from tests.nn.operator_cases import Case, cases
from tests.training.runs import CNN, FINDER, FINDING, equal, final_weights, plan_of, run

pytestmark = [pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator"), pytest.mark.slow]
ROOT = Path(__file__).parents[2]
ON_DEVICE = ("nms", "batched_nms", "roi_align", "roi_pool", "box_iou", "generalized_box_iou", "masks_to_boxes")
"""Operators whose cases are their inputs and parameters, by name."""


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """Single precision is single precision here, and the same every time."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=name) for name, case in cases().items() if case.operator.removeprefix("ops.") in ON_DEVICE],
)
def test_an_operator_of_detection_gives_there_what_it_gives_on_a_processor(case: Case) -> None:
    function = getattr(nn, case.operator.removeprefix("ops."))
    parameters = {name: value for name, value in case.parameters.items() if name != "note"}
    inputs = {name: value for name, value in case.inputs.items() if not name.startswith("grad")}
    there = function(*[value.cuda() for value in inputs.values()], **parameters)
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), function(*inputs.values(), **parameters), rtol=1e-5, atol=1e-5)


def test_suppression_of_many_boxes_keeps_the_same_ones() -> None:
    torch.manual_seed(0)
    corner = torch.rand(5000, 2) * 500
    boxes, scores = torch.cat([corner, corner + 5 + torch.rand(5000, 2) * 60], dim=1), torch.rand(5000)
    kept = nn.nms(boxes, scores, 0.5)
    assert torch.equal(nn.nms(boxes.cuda(), scores.cuda(), 0.5).cpu(), kept)


@pytest.mark.parametrize("precision", ["float32", "fp16", "bf16"])
def test_a_run_learns_and_resumes_exactly(precision: str, tmp_path: Path) -> None:
    settings = {"device": "cuda", "precision": precision, "ema": "0.9"}
    report = run(plan_of(epochs="6", **settings), tmp_path / "at once", CNN)
    run(plan_of(epochs="3", **settings), tmp_path / "twice", CNN)
    run(plan_of(epochs="6", **settings), tmp_path / "twice", CNN, resume=True)
    assert equal(final_weights(tmp_path / "at once"), final_weights(tmp_path / "twice"))
    assert report.val["accuracy"] > 0.5


def test_a_run_there_and_one_on_a_processor_end_alike(tmp_path: Path) -> None:
    run(plan_of(device="cuda"), tmp_path / "there", CNN.replace("nn.Dropout(0.2),", ""))
    run(plan_of(device="cpu"), tmp_path / "here", CNN.replace("nn.Dropout(0.2),", ""))
    here = final_weights(tmp_path / "here")
    for name, tensor in final_weights(tmp_path / "there").items():
        assert torch.allclose(tensor.cpu().float(), here[name].float(), atol=2e-3), name


def test_a_detector_trains_there(tmp_path: Path) -> None:
    pytest.importorskip("faster_coco_eval")
    report = run(plan_of(FINDING, device="cuda"), tmp_path / "run", FINDER)
    assert 0 <= report.val["map50"] <= 1


@pytest.mark.parametrize("name", ["fasterrcnn_digits", "maskrcnn_digits"])
def test_a_detector_of_regions_gives_losses_and_detections_there(name: str) -> None:
    scope: dict[str, object] = {}
    exec(compile(dlspec.compile(name), f"{name}.py", "exec"), scope)  # noqa: S102  # our own source
    module = scope["build"]().cuda()  # type: ignore[operator]
    from dlspec.training.digit_scenes import scenes

    images, objects = scenes("train", 4, seed=0)
    images, objects = images.cuda(), objects.to(torch.device("cuda"))
    given = {"boxes": objects.boxes, "labels": objects.labels}
    losses = module.train()(images, **given, **({"masks": objects.masks} if "mask" in name else {}))
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    with torch.no_grad():
        found = module.eval()(images)
    assert len(found["boxes"]) == 4
    assert all(one.is_cuda for one in found["boxes"])


def test_channels_last_and_compile_train_there(tmp_path: Path) -> None:
    report = run(plan_of(device="cuda", channels_last="true", compile="true", precision="bf16"), tmp_path / "run", CNN)
    assert report.val["accuracy"] > 0.3


def test_memory_that_is_short_is_told_with_what_to_lower(tmp_path: Path) -> None:
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.0002)
    try:
        with pytest.raises(OutOfMemory, match=r"memory|do not fit"):
            run(plan_of(device="cuda", batch_size="full"), tmp_path / "run", CNN.replace("1, 4, 3", "1, 4000, 3")
                .replace("BatchNorm2d(4)", "BatchNorm2d(4000)").replace("Linear(64", "Linear(64000"))  # fmt: skip
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def test_torchrun_trains_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", "-m", "dlspec",
               "train", "lenet", "--set", "epochs=1", "--set", "device=cuda", "--out", str(tmp_path / "run")]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_what_was_trained_there_predicts(tmp_path: Path) -> None:
    out = tmp_path / "run"
    dlspec.train("lenet", out=out, set={"epochs": 1, "device": "cuda"}, quiet=True)
    here = dlspec.load_run(out).predict(torch.rand(3, 1, 28, 28).numpy())
    assert len(here.labels) == 3

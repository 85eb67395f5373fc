"""Detectors are trained and judged by the runner as any network is: resumed exactly, scored across processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from dlspec.training import predicting, trained
from dlspec.training.digit_scenes import scenes
from dlspec.training.errors import RunError
from dlspec.training.found import Found
from dlspec.training.mask_runs import decoded, encoded
from dlspec.training.objects import Objects
from dlspec.training.predicting_objects import brought_back
from dlspec.training.record import measured
from tests.training.runs import FINDER, FINDING, equal, final_weights, plan_of, run


def rows(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in found]


def test_a_detector_trains_and_reports_average_precision_by_class(tmp_path: Path) -> None:
    made = run(plan_of(FINDING), tmp_path, FINDER, pictures=True)
    assert set(made.val) == {"map", "map50"}
    train, val = rows(tmp_path)[-2:]
    parts = train["loss_box"] + train["loss_objectness"] + 0.5 * train["loss_class"]
    assert train["loss"] == pytest.approx(parts, rel=1e-6)
    assert val["map50"] == made.val["map50"] >= made.val["map"]
    table = made.data["per_class"]["classes"]
    assert [row["class"] for row in table] == [str(digit) for digit in range(10)]
    assert made.val["map"] == pytest.approx(
        sum(row["ap"] or 0 for row in table) / sum(row["objects"] > 0 for row in table)
    )
    assert "<h2>Classes</h2>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert Image.open(tmp_path / "predictions.png").size[0] > 600


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{}, {"augment": "[horizontal_flip, scale(0.8, 1.2)]", "accumulate": "2"}])
def test_a_resumed_detector_equals_an_undisturbed_one(tmp_path: Path, changed: dict[str, str]) -> None:
    plan = plan_of(FINDING, **{"keep": "{ last = 99  every_seconds = 0 }", **changed})
    run(plan, tmp_path / "whole", FINDER)
    steps = sorted((tmp_path / "whole" / "checkpoints").glob("step-*"))
    cut = tmp_path / "cut"
    shutil.copytree(tmp_path / "whole", cut)
    (cut / "report.json").unlink()
    for path in [*steps[2:], *(cut / "checkpoints").glob("best-*")]:
        shutil.rmtree(cut / "checkpoints" / path.name)
    run(plan, cut, FINDER, resume=True)
    assert equal(final_weights(cut), final_weights(tmp_path / "whole"))
    assert rows(cut) == rows(tmp_path / "whole")


def test_scores_of_a_finished_detector_are_those_of_its_report(tmp_path: Path) -> None:
    made = run(plan_of(FINDING), tmp_path, FINDER)
    assert trained.evaluate(tmp_path).values == made.val
    (found,) = trained.Trained(tmp_path).detect([torch.rand(1, 100, 90)])
    assert len(found.boxes) == len(found.scores) == len(found.labels)
    with pytest.raises(RunError, match="gives objects"):
        trained.Trained(tmp_path).predict(torch.rand(1, 1, 128, 128))


def test_a_network_that_finds_nothing_by_name_is_told_before_the_first_step(tmp_path: Path) -> None:
    source = FINDER.replace('("boxes", "scores", "labels")', '("places", "scores", "labels")')
    with pytest.raises(RunError, match="the network gives no `boxes` in evaluation"):
        run(plan_of(FINDING), tmp_path, source)


def test_scenes_without_an_object_train_too(tmp_path: Path) -> None:
    from dlspec.nn import yolo_loss

    cells = torch.randn(2, 15, 4, 4, requires_grad=True)
    losses = yolo_loss(
        cells, torch.zeros(2, 1, 32, 32), [torch.zeros(0, 4)] * 2, [torch.zeros(0, dtype=torch.int64)] * 2
    )
    sum(losses).backward()  # type: ignore[union-attr]
    assert cells.grad is not None
    assert cells.grad[:, 4].abs().min() > 0
    assert losses[0].item() == losses[2].item() == 0


def test_objects_are_chosen_by_rows_and_chunked_as_tensors_are() -> None:
    objects = Objects([torch.full((n, 4), n) for n in range(5)], [torch.full((n,), n) for n in range(5)])
    assert objects[torch.tensor([3, 1])].counts.tolist() == [3, 1]
    assert [len(one) for one in objects.chunk(2)] == [len(one) for one in torch.arange(5).chunk(2)]
    assert objects.flat()["labels"].tolist() == [1, 2, 2, 3, 3, 3, 4, 4, 4, 4]


@pytest.mark.slow
def test_two_processes_judge_what_one_does_though_a_rank_has_no_object(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(SCRIPT, encoding="utf-8")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "run.py"]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["processes"] == 2
    last = rows(tmp_path / "out")[-1]
    assert {name: last[name] for name in report["val"]} == report["val"]


SCRIPT = """
from pathlib import Path

from dlspec.training import digit_scenes, scene_data
from dlspec.training.found import Found
from dlspec.training.mask_runs import decoded, encoded
from dlspec.training.objects import Objects
from dlspec.training.predicting_objects import brought_back
from tests.training.runs import FINDER, FINDING, plan_of, run

made = digit_scenes.scenes_of_sizes


def half_empty(role, count, seed, canvas):
    images, objects = made(role, count, seed, canvas)
    if role == "train":
        for row in range(0, count, 3):
            objects.boxes[row], objects.labels[row] = objects.boxes[row][:0], objects.labels[row][:0]
            objects.masks[row] = objects.masks[row][:0]
    return images, objects


digit_scenes.scenes_of_sizes = half_empty
run(plan_of(FINDING, batch_size="2"), Path("out"), FINDER)
"""


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finder")
    run(plan_of(FINDING, epochs="1"), folder, FINDER)
    return folder


def picture(folder: Path, name: str, size: tuple[int, int]) -> Path:
    """A scene of another size than those of training, as a file."""
    scene = scenes("val", 1, 7)[0][0, 0]
    Image.fromarray((scene * 255).byte().numpy()).resize(size, Image.Resampling.NEAREST).save(folder / name)
    return folder / name


def test_what_is_found_in_own_images_is_a_coco_data_set_in_their_pixels(finder: Path, tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    files = [picture(tmp_path, "same.png", (128, 128)), picture(tmp_path, "twice.png", (256, 384))]
    predicting.predict(finder, files, tmp_path / "out.json")
    read = COCO(str(tmp_path / "out.json"))
    assert [read.imgs[number]["file_name"] for number in (1, 2)] == [str(file) for file in files]
    assert read.imgs[2]["width"] == 256
    assert [one["name"] for one in read.loadCats(read.getCatIds())] == [str(digit) for digit in range(10)]
    assert len(read.imgToAnns[2]) > 0
    assert all(x + wide <= 256 and y + high <= 384 for x, y, wide, high in (one["bbox"] for one in read.imgToAnns[2]))
    assert max(one["bbox"][1] for one in read.imgToAnns[2]) > 128
    assert read.loadRes([{**one, "id": None} for one in read.dataset["annotations"]]) is not None


def test_boxes_and_masks_go_back_to_the_size_of_their_image() -> None:
    mask = torch.zeros(1, 8, 8, dtype=torch.uint8)
    mask[0, 2:4, 1:5] = 1
    found = Found(torch.tensor([[1.0, 2.0, 5.0, 4.0]]), torch.ones(1), torch.ones(1, dtype=torch.int64), encoded(mask))
    back = brought_back(found, (1, 8, 8), (3, 24, 16))
    assert back.boxes.tolist() == [[2, 6, 10, 12]]
    grown = decoded(back.masks or [], (24, 16))
    assert torch.equal(grown[0], mask[0].repeat_interleave(3, 0).repeat_interleave(2, 1))


def test_what_is_found_is_drawn_on_own_images_alone_together_or_in_a_folder(finder: Path, tmp_path: Path) -> None:
    files = [picture(tmp_path, "a.png", (400, 300)), picture(tmp_path, "b.png", (256, 384))]
    said = predicting.predict(finder, files, tmp_path / "drawn")
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["a.png", "b.png"]
    assert Image.open(tmp_path / "drawn" / "a.png").size == (400, 300)
    predicting.predict(finder, files, tmp_path / "all.png")
    assert Image.open(tmp_path / "all.png").size[0] > 800
    assert str(said).startswith("2 predictions written to ")


def test_detections_are_no_table(finder: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"ends in neither `\.json` nor `\.png`"):
        predicting.predict(finder, [picture(tmp_path, "a.png", (128, 128))], tmp_path / "out.csv")


def test_curves_show_what_only_val_measures_before_the_parts_of_the_loss() -> None:
    train = {"epoch": 1, "step": 3, "split": "train", "loss": 2, "loss_box": 1, "loss_class": 1, "seconds": 1}
    again = {**train, "epoch": 2, "learning_rate": 0.1}
    val = {"epoch": 1, "step": 3, "split": "val", "map": 0.5, "map50": 0.7}
    norms = {"epoch": 1, "step": 3, "split": "gradients", "norms": {}}
    assert measured([{**train, "learning_rate": 0.2}, norms, val, again]) == [
        "loss", "map", "map50", "loss_box", "loss_class", "learning_rate",
    ]  # fmt: skip
    assert measured([train, val]) == ["loss", "map", "map50", "loss_box", "loss_class"]


def test_a_network_that_takes_a_list_gets_images_of_their_own_sizes(tmp_path: Path) -> None:
    source = FINDER.replace("image, boxes=None", "image: list, boxes=None").replace(
        "cells = self.body(image)",
        "self.seen, image = type(image), torch.stack(list(image))\n        cells = self.body(image)",
    )
    run(plan_of(FINDING, epochs="1"), tmp_path, source.replace("import dlspec.nn", "import dlspec.nn\nimport torch"))
    finder = trained.Trained(tmp_path)
    (found,) = finder.detect([torch.rand(1, 256, 64)])
    assert finder.module.seen is list
    assert found.boxes[:, 3].max() > 128
    assert found.boxes[:, 2].max() <= 64

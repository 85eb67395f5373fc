"""A class for every pixel: losses as torch's, scores as scikit-learn's, and a run from arrays to predicted pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import jaccard_score
from torch import Tensor

from dlspec.plan.losses import CrossEntropy, Nll
from dlspec.plan.metrics import Accuracy, MeanIou
from dlspec.training import class_maps
from dlspec.training.class_map_pictures import palette
from dlspec.training.errors import RunError
from dlspec.training.metrics import Scores
from dlspec.training.objective import loss_of
from dlspec.training.objects import scaled
from dlspec.training.predicting import load_run, predict
from tests.training.runs import final_weights, plan_of, run

torch.set_num_threads(1)

SEGMENTER = '''"""Scores for three classes at every pixel, and again half as fine from a layer before."""

import torch.nn.functional as F
from torch import nn


def build():
    return Segmenter()


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU())
        self.score = nn.Conv2d(8, 3, 1)
        self.aux = nn.Conv2d(8, 3, 1, stride=2)

    def forward(self, image):
        x = self.body(image)
        aux = F.interpolate(self.aux(x), size=image.shape[2:], mode="bilinear", align_corners=False)
        return {"out": self.score(x), "aux": aux}
'''
STRIPES = {
    "network": "segmenter",
    "data": '{ source = npz("stripes.npz", classes=3)  split { train = 0.5 val = 0.3 test = 0.2 } }',
    "loss": "cross_entropy(out) + 0.5 * cross_entropy(aux)",
    "optimizer": "adamw(lr=0.02)",
    "epochs": "25",
    "batch_size": "5",
    "metrics": "[mean_iou, accuracy, f1]",
    "device": "cpu",
}


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images with a dark, a grey and a bright stripe of any width, whose class map is not told near one edge."""
    folder, draw = tmp_path_factory.mktemp("stripes"), np.random.default_rng(0)
    edges = np.sort(draw.integers(2, 15, (40, 2)), axis=1)
    classes = (np.arange(16)[None, None] >= edges[:, :, None]).sum(1)[:, None].repeat(12, 1)
    images = classes / 2 + 0.1 * draw.standard_normal(classes.shape)
    classes[:, :, 0] = 255
    np.savez(folder / "stripes.npz", x=images[:, None].astype(np.float32), y=classes)
    return folder


@pytest.fixture(scope="module")
def folder(stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "out"
    run(plan_of(STRIPES, stripes), out, SEGMENTER, pictures=True)
    return out


# Losses and scores


def drawn(seed: int, ignored: int = 255, share: float = 0.3) -> tuple[Tensor, Tensor]:
    """Scores (2, 4, 5, 6), and a class map in which a share of pixels is not judged."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, 4, (2, 5, 6), generator=generator)
    targets[torch.rand(2, 5, 6, generator=generator) < share] = ignored
    return torch.randn(2, 4, 5, 6, generator=generator, dtype=torch.float64), targets


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 99), smoothing=st.sampled_from([0.0, 0.1]), weighted=st.booleans(),
    ignored=st.sampled_from([None, 2]),
)  # fmt: skip
def test_the_loss_of_maps_is_torchs_over_the_pixels_that_are_judged(
    seed: int, smoothing: float, weighted: bool, ignored: int | None
) -> None:
    weight = (0.5, 1.0, 2.0, 3.0) if weighted else None
    scores, targets = drawn(seed, 255 if ignored is None else ignored)
    loss = CrossEntropy(label_smoothing=smoothing, weight=weight, ignore_index=ignored)
    tensor = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    index = 255 if ignored is None else ignored
    wanted = F.cross_entropy(scores, targets, tensor, ignore_index=index, label_smoothing=smoothing)
    torch.testing.assert_close(loss_of(loss, scores, targets), wanted)
    logarithms = scores.log_softmax(1)
    wanted = F.nll_loss(logarithms, targets, tensor, ignore_index=index)
    torch.testing.assert_close(loss_of(Nll(weight=weight, ignore_index=ignored), logarithms, targets), wanted)


def test_a_map_of_which_nothing_is_judged_costs_nothing_and_moves_nothing() -> None:
    scores = torch.randn(1, 3, 4, 4, requires_grad=True)
    loss = loss_of(CrossEntropy(), scores, torch.full((1, 4, 4), 255))
    loss.backward()
    assert loss == 0
    assert scores.grad is not None
    assert (scores.grad == 0).all()


def test_classes_of_samples_may_be_left_out_too() -> None:
    scores, targets = torch.randn(6, 3), torch.tensor([0, 1, 2, 2, 1, 0])
    wanted = F.cross_entropy(scores, targets, ignore_index=2)
    torch.testing.assert_close(loss_of(CrossEntropy(ignore_index=2), scores, targets), wanted)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), without=st.sampled_from([(), (0,), (1, 3)]))
def test_mean_iou_is_scikit_learns_over_the_pixels_that_are_judged(seed: int, without: tuple[int, ...]) -> None:
    scores, targets = drawn(seed)
    plan = plan_of(metrics="[accuracy]")
    plan.metrics = (MeanIou(without=without), Accuracy())
    sums = Scores(plan, 4, None)  # type: ignore[arg-type]  # nothing is scaled
    for place in range(2):
        sums.add(scores[place : place + 1].argmax(1).to(torch.uint8), targets[place : place + 1])
    kept = targets != 255
    true, predicted = targets[kept].numpy(), scores.argmax(1)[kept].numpy()
    present = sorted({*true, *predicted} - {*without})
    wanted = jaccard_score(true, predicted, labels=present, average="macro")
    assert sums.values()["mean_iou"] == pytest.approx(wanted)
    assert sums.values()["accuracy"] == pytest.approx((true == predicted).mean())
    each = jaccard_score(true, predicted, labels=[0, 1, 2, 3], average=None, zero_division=0)
    rows = class_maps.table(sums.confusion, ("a", "b", "c", "d"))
    assert [row["iou"] or 0 for row in rows] == pytest.approx(each, abs=1e-6)
    assert [row["pixels"] for row in rows] == np.bincount(true, minlength=4).tolist()


def test_maps_are_resized_without_new_classes() -> None:
    maps = torch.tensor([[[0, 255], [7, 3]]])
    found = scaled(maps, (4, 6), [(2, 2)])
    assert isinstance(found, Tensor)
    assert torch.equal(found, maps.repeat_interleave(2, 1).repeat_interleave(3, 2))


# A run


def test_a_run_learns_the_stripes_and_reports_every_class(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text())
    assert report["val"]["mean_iou"] > 0.8
    assert [row["class"] for row in report["per_class"]["classes"]] == ["0", "1", "2"]
    judged = sum(row["pixels"] for row in report["per_class"]["classes"])
    assert judged == np.sum(report["confusion_matrix"]["counts"]) == 8 * 12 * 15
    page = (folder / "report.html").read_text()
    assert ">IoU</th>" in page
    assert "Class maps" in page
    assert Image.open(folder / "class_maps.png").size[0] > 500
    found = json.loads((folder / "mistakes.json").read_text())
    assert len(found) == 12
    assert [one["iou"] for one in found] == sorted(one["iou"] for one in found)


def test_the_auxiliary_output_is_trained_with_its_factor(stripes: Path, tmp_path: Path) -> None:
    run(plan_of(STRIPES, stripes, epochs="1"), tmp_path / "both", SEGMENTER)
    run(plan_of(STRIPES, stripes, epochs="1", loss="cross_entropy(out)"), tmp_path / "one", SEGMENTER)
    both, one = final_weights(tmp_path / "both"), final_weights(tmp_path / "one")
    assert not torch.equal(both["aux.weight"], one["aux.weight"])


def test_a_predicted_picture_holds_the_classes_themselves(stripes: Path, folder: Path, tmp_path: Path) -> None:
    pixels = np.load(stripes / "stripes.npz")["x"][0, 0].clip(0, 1)
    Image.fromarray(np.round(255 * pixels).astype(np.uint8)).save(tmp_path / "one.png")
    Image.fromarray(np.round(255 * np.tile(pixels, (2, 3))).astype(np.uint8)).save(tmp_path / "large.png")
    assert str(predict(folder, [tmp_path / "one.png"], tmp_path / "map.png")) == (
        f"1 prediction written to {tmp_path / 'map.png'}"
    )
    written = Image.open(tmp_path / "map.png")
    assert written.mode == "P"
    assert written.getpalette() == palette()
    image = torch.from_numpy(np.asarray(Image.open(tmp_path / "one.png")) / np.float32(255))[None, None]
    run_of = load_run(folder)
    assert np.array_equal(np.asarray(written), run_of.class_maps(image)[0])
    wanted = run_of.module(image)["out"].argmax(1)[0]
    assert np.array_equal(np.asarray(written), wanted)

    predict(folder, [tmp_path / "one.png", tmp_path / "large.png"], tmp_path / "maps")
    assert sorted(file.name for file in (tmp_path / "maps").iterdir()) == ["large.png", "one.png"]
    assert Image.open(tmp_path / "maps" / "large.png").size == (48, 24)
    rows = predict(folder, [tmp_path / "one.png"], tmp_path / "shares.csv").rows
    assert sum(rows[0][f"share_{name}"] for name in "012") == pytest.approx(1, abs=1e-5)


def test_several_maps_want_a_folder_and_scores_of_a_sample_are_not_asked_of_a_map(stripes: Path, folder: Path) -> None:
    with pytest.raises(RunError, match="holds one map, and there are 40 images"):
        predict(folder, [stripes / "stripes.npz"], Path("map.png"))
    with pytest.raises(RunError, match="gives a class for every pixel"):
        load_run(folder).predict(torch.zeros(1, 1, 12, 16))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (SEGMENTER.replace("self.score(x)", "self.score(x[..., ::2, ::2])"), "gives 3 6 8 for each sample"),
        (SEGMENTER.replace("(8, 3, 1)", "(8, 2, 1)"), "has the label 2, and the network gives 2 scores"),
    ],
)
def test_a_network_that_does_not_fit_the_maps_is_told_before_the_first_step(
    source: str, told: str, stripes: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=told):
        run(plan_of(STRIPES, stripes, loss="cross_entropy(out)"), tmp_path / "out", source)

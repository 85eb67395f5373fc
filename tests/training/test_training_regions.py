"""Networks that look at regions found before them: proposals, what carries them through a run, and the stages of R-CNN."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dlspec.front import train
from dlspec.history import read_run
from dlspec.nn import box_iou
from dlspec.plan.proposers import SelectiveSearch, SlidingWindows
from dlspec.plan.stages import BoxRidge, LinearSvm
from dlspec.training import proposals as searching
from dlspec.training import stages
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.errors import RunError
from dlspec.training.following import followed
from dlspec.training.objects import Objects, joined
from dlspec.training.predicting import load_run
from dlspec.training.proposals import proposals, sliding_windows
from dlspec.training.stages import Seen, _fit_machines, _fit_regressors
from dlspec.training.trained import evaluate
from tests.training.runs import equal, final_weights

torch.set_num_threads(1)


def square(channels: int = 1) -> Tensor:
    """An image with a bright square from 10, 20 to 30, 40."""
    image = torch.full((1, channels, 64, 64), 0.2)
    image[:, :, 20:40, 10:30] = 0.9
    return image


def test_windows_lie_inside_the_image_and_a_step_apart() -> None:
    found = sliding_windows((40, 60), SlidingWindows(sizes=(20.0,), aspect_ratios=(1.0,), step=0.5))
    assert found.shape == (3 * 5, 4)
    assert found[:, :2].min() == 0
    assert found[:, 2].max() == 60
    assert found[:, 3].max() == 40
    assert sorted(set(found[:, 0].tolist())) == [0, 10, 20, 30, 40]
    assert len(sliding_windows((10, 10), SlidingWindows(sizes=(20.0,)))) == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_selective_search_finds_a_square_and_remembers_it(
    channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cv2")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (found,) = proposals(square(channels), SelectiveSearch(width=128))
    assert box_iou(found, torch.tensor([[10.0, 20, 30, 40]])).max() > 0.8
    monkeypatch.setattr(searching, "_search", None)  # it is not asked again
    (again,) = proposals(square(channels), SelectiveSearch(width=128))
    assert torch.equal(found, again)
    with pytest.raises(TypeError):
        proposals(square(channels), SelectiveSearch(width=64))


def test_without_opencv_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    real = builtins.__import__

    def importing(name: str, *rest: Any) -> ModuleType:
        if name == "cv2":
            raise ImportError
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(RunError, match=r"dlspec\[rcnn\].*sliding_windows"):
        proposals(square(), SelectiveSearch())


def test_proposals_go_with_their_images() -> None:
    boxes = torch.tensor([[2.0, 4, 10, 12]])
    one = Objects([boxes], [torch.tensor([1])], [], [torch.tensor([[0.0, 0, 8, 8], [4, 4, 20, 20]])])
    both = joined([one, one])
    assert [len(each.proposals[0]) for each in both] == [2, 2]
    assert set(both.by_name()) == {"boxes", "labels", "proposals"}
    mirrored = followed(one, torch.tensor([[[-1.0, 0], [0, 1]]]), torch.zeros(1, 2), (32, 32))
    assert isinstance(mirrored, Objects)
    assert mirrored.proposals[0].tolist() == [[24, 0, 32, 8], [12, 4, 28, 20]]


def seen(features: np.ndarray, owners: list[int]) -> Seen:
    """Regions of two classes, each on its object or on none."""
    owned = np.array(owners)
    overlaps = np.eye(3, dtype=np.float32)[owned] * (owned > 0)[:, None]
    rois = torch.tensor([[0.0, 0, 10, 10]]).repeat(len(owned), 1)
    nearest = rois.unsqueeze(1).repeat(1, 3, 1) + torch.tensor([1.0, 0, 1, 0])
    return Seen(features.astype(np.float32), overlaps, nearest, rois, owned, 2.0)


def test_machines_and_regressors_become_the_weights_of_layers() -> None:
    draw = np.random.default_rng(0)
    owners = [1] * 40 + [2] * 40 + [0] * 120
    features = draw.normal(size=(200, 6)) + 8 * np.eye(3, 6)[owners]
    looked = seen(features, owners)
    machines, regressors = nn.Linear(6, 3), nn.Linear(6, 12)
    _fit_machines(LinearSvm(layer="svms", c=1.0), machines, looked)
    _fit_regressors(BoxRidge(layer="regressors", alpha=1e-3), regressors, looked)
    unscaled = torch.from_numpy(looked.features / looked.scale)  # what the layers are given
    told = machines(unscaled)[:, 1:] > 0
    assert (told == torch.nn.functional.one_hot(torch.tensor(owners), 3)[:, 1:].bool()).float().mean() > 0.98
    assert not machines.weight[0].any()
    moves = regressors(unscaled[:80]).unflatten(1, (3, 4))
    torch.testing.assert_close(
        moves[torch.arange(80), torch.tensor(owners[:80])],
        torch.tensor([0.1, 0, 0, 0]).repeat(80, 1),
        atol=1e-3,
        rtol=0,
    )


@pytest.mark.slow
def test_a_plan_of_regions_trains_fits_its_stages_and_is_evaluated_alike(tmp_path: Path) -> None:
    plan = {
        "data.proposals": "sliding_windows(sizes=[16, 28], step=0.5)",
        "data.source.train": 16,
        "data.source.val": 4,
        "epochs": 1,
    }
    settings = {key: str(value) for key, value in plan.items()}
    report = train("rcnn", out=tmp_path / "run", quiet=True, set=settings)
    assert set(report.data["val"]) == {"map50", "map"}
    machines = load_run(tmp_path / "run").module.get_submodule("svms")
    assert not machines.weight[0].any(), "the background's row is 0 once machines are fitted"
    assert machines.weight[1:].any()
    assert evaluate(tmp_path / "run").values == report.data["val"]
    assert not any(
        "map50" in json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    )


@pytest.mark.slow
def test_a_run_killed_in_a_stage_goes_on_with_it_and_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {
        "data.proposals": "sliding_windows(sizes=[28], step=0.5)", "data.source.train": 12, "data.source.val": 4,
        "epochs": 1,
    }  # fmt: skip
    settings = {key: str(value) for key, value in plan.items()}
    fit, done = stages._fit_regressors, []

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stages, "_fit_regressors", killed)
    with pytest.raises(KeyboardInterrupt):
        train("rcnn", out=tmp_path / "run", quiet=True, set=settings)
    assert read_run(tmp_path / "run").state == "unfinished"
    monkeypatch.setattr(stages, "_fit_regressors", fit)
    monkeypatch.setattr(stages, "_fit_machines", lambda *_: done.append("again"))
    resumed = train("rcnn", out=tmp_path / "run", quiet=True, set=settings, resume=True)
    assert done == [], "the first stage lay in a checkpoint"
    monkeypatch.undo()
    whole = train("rcnn", out=tmp_path / "whole", quiet=True, set=settings)
    assert equal(final_weights(tmp_path / "run"), final_weights(tmp_path / "whole"))
    assert resumed.val == whole.val
    going_on, _ = Checkpoints(tmp_path / "run" / "checkpoints", 1).latest(cut=False)
    assert going_on is not None
    assert going_on.state["run"]["stages"] == 0, "a longer plan goes on from before the stages"
    assert not torch.equal(going_on.weights["svms.weight"], final_weights(tmp_path / "run")["svms.weight"])

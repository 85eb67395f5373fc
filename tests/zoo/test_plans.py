"""Every plan of the zoo trains: an epoch of a tenth of the data that it names, to weights that score."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

import dlspec
from dlspec.places import ZOO
from dlspec.training import run

PLANS = [file.name.partition(".")[0] for file in sorted(ZOO.iterdir()) if dlspec.load(file).plans]
SPLIT = {"data.split.train": 0.1, "data.split.val": 0.1, "data.split.test": 0.8}
SHORT = {"epochs": 1, "evaluate_every": 1, "device": "cpu", "threads": 1, **SPLIT}

FEW_SCENES = {
    "data.source.train": 16,
    "data.source.val": 4,
    "epochs": 1,
    "evaluate_every": 1,
    "device": "cpu",
    "threads": 1,
}


@pytest.mark.parametrize("name", PLANS)
def test_its_plan_trains(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(run, "train", partial(run.train, pictures=False))
    text = "".join(file.read_text(encoding="utf-8") for file in ZOO.glob(f"{name}.*"))
    comes_split = "digit_scenes" in text or "digit_patches" in text
    report = dlspec.train(name, out=tmp_path / "run", set=FEW_SCENES if comes_split else SHORT, quiet=True)
    assert report.data["epochs"] == 1
    assert all(torch.isfinite(torch.tensor(score)) for score in report.test.values())
    assert (tmp_path / "run" / "model.py").is_file()


def test_plain_and_residual_networks_train_by_one_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(run, "train", partial(run.train, pictures=False))
    for network, parameters in (("plain20", 269_434), ("residual20", 272_186)):
        settings = {**SHORT, "network": network}
        report = dlspec.train("plain_against_residual", out=tmp_path / network, set=settings, quiet=True)
        assert report.data["parameters"] == parameters

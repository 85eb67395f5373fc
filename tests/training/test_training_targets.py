"""Several targets at once, from the table to the predictions, and groups of samples that no two parts of a split share."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

from dlspec.plan.read import read_plan
from dlspec.training.data import load
from dlspec.training.errors import RunError
from dlspec.training.groups import groups_of_paths
from dlspec.training.predicting import load_run, predict
from dlspec.training.splits import split, split_rows
from tests.plan.plans import parsed, written
from tests.training.runs import DIABETES, DIGITS, plan_of, run

PAIR = "from torch import nn\n\n\ndef build():\n    return nn.Linear(10, 2)\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patients with two numbers to predict of each."""
    made, bunch = tmp_path_factory.mktemp("pair"), load_diabetes()
    second = 3 * bunch.target - 400 * bunch.data[:, 2] + 7
    with (made / "patients.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["progress", "cost", *bunch.feature_names])
        writer.writerows(zip(bunch.target, second, *bunch.data.T, strict=True))
    return made


SOURCE = 'csv("patients.csv", target=["progress", "cost"])'


def pair(folder: Path, **changed: str) -> Any:
    data = f"{{ source = {SOURCE}  split {{ train = 0.8 val = 0 test = 0.2 }} standardize {{ inputs = true target = true }} }}"
    return plan_of(DIABETES, folder, data=data, epochs="1500", evaluate_every="500", **changed)


def test_two_targets_come_to_the_least_squares_of_each(folder: Path, tmp_path: Path) -> None:
    plan = pair(folder, closed_form="least_squares", metrics="[r2, mae]")
    report = run(plan, tmp_path / "run", PAIR, pictures=True)
    assert report.data["closed_form"]["largest_difference"] < 1e-4
    assert set(report.data["closed_form"]["coefficients"]) >= {"progress: bmi", "cost: bmi", "cost: intercept"}
    bunch = load_diabetes()
    rows = {role: part.numpy() for role, part in split_rows(442, None, plan.data.split).items()}
    both = np.stack([bunch.target, 3 * bunch.target - 400 * bunch.data[:, 2] + 7], axis=1)
    theirs = LinearRegression().fit(bunch.data[rows["train"]], both[rows["train"]])
    ours = load_run(tmp_path / "run").predict(torch.from_numpy(bunch.data).float()).numbers
    assert ours is not None
    assert np.allclose(ours.numpy(), theirs.predict(bunch.data), atol=0.3)
    per_target = {row["target"]: row for row in report.data["per_target"]["targets"]}
    for column, name in enumerate(("progress", "cost")):
        exact = theirs.predict(bunch.data[rows["test"]])[:, column]
        spread = ((both[rows["test"], column] - both[rows["test"], column].mean()) ** 2).sum()
        r2 = 1 - ((both[rows["test"], column] - exact) ** 2).sum() / spread
        assert per_target[name]["r2"] == pytest.approx(r2, abs=1e-4)
    assert report.test["r2"] == pytest.approx(np.mean([row["r2"] for row in per_target.values()]))
    assert "      cost            r2 " in str(report)
    page = (tmp_path / "run" / "report.html").read_text()
    assert f"<tr><td>cost</td><td class=right>{per_target['cost']['r2']:.4f}</td>" in page
    written_rows = predict(tmp_path / "run", [folder / "patients.csv"], tmp_path / "out.csv").rows
    assert list(written_rows[0]) == ["input", "progress", "cost"]
    assert written_rows[3]["cost"] == pytest.approx(float(ours[3, 1]), abs=1e-3)
    assert (
        Image.open(tmp_path / "run" / "predictions.png").width
        > 1.7 * Image.open(tmp_path / "run" / "predictions.png").height
    )


def test_several_targets_are_numbers(folder: Path) -> None:
    keys = {**DIGITS, "data": f"{{ source = {SOURCE} }}"}
    _, problems = read_plan(parsed(written(keys)), folder=folder)
    assert "`cross_entropy` does not fit the target `progress, cost`" in [one.message for one in problems]


def test_a_target_that_is_no_column_is_told(folder: Path) -> None:
    data = '{ source = csv("patients.csv", target=["progress", "costs"]) }'
    with pytest.raises(RunError, match=r"no column `costs` \(the nearest is `cost`"):
        load(plan_of(DIABETES, folder, data=data))


def test_rows_without_one_of_the_targets_are_not_learned_from(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,a,b\n1,2,3\n2,,4\n3,4,\n4,5,6\n")
    data = '{ source = csv("t.csv", target=["a", "b"], missing=drop) }'
    found = load(plan_of(DIABETES, tmp_path, data=data))
    assert found.samples.truth.tolist() == [[2, 3], [5, 6]]
    assert "1 in `a`, 1 in `b`" in found.notes[0]


def test_groups_of_paths() -> None:
    assert groups_of_paths(["cats/ann/1.jpg", "dogs/bob/2.jpg"], "*/{group}/*") == ["ann", "bob"]
    assert groups_of_paths(["a/p07-x-1.png"], "*/p{group}-*") == ["07"]
    with pytest.raises(RunError, match=r"`a/1.png` does not fit the pattern `\*/\{group\}_\*` of `groups`"):
        groups_of_paths(["a/b_1.png", "a/1.png"], "*/{group}_*")


def pictures(folder: Path) -> None:
    """Pictures of two classes by seven patients; the third of each is broken."""
    for label in ("ill", "well"):
        (folder / "p" / label).mkdir(parents=True)
        for number in range(21):
            path = folder / "p" / label / f"pat{number % 7}-{number}.png"
            if number == 2:
                path.write_bytes(b"none")
            else:
                Image.new("L", (4, 4), number).save(path)


def check_apart(plan: Any, group: Any) -> None:
    """No two parts of the split share a group, and each has some."""
    found = load(plan)
    assert found.groups is not None
    assert len(found.groups) == len(found.samples) == len(found.names)
    names = {role: {group(found.names[row]) for row in rows.tolist()} for role, rows in split(found, plan).rows.items()}
    assert sum(map(len, names.values())) == len(set.union(*names.values())) == 7
    assert all(names.values())


def test_pictures_of_a_patient_stay_together_by_a_pattern_of_their_names(tmp_path: Path) -> None:
    pictures(tmp_path)
    data = '{ source = image_folder("p", channels=grey, broken=skip)  split { train=0.6 val=0.2 test=0.2 groups="*/{group}-*" } }'
    check_apart(plan_of(DIGITS, tmp_path, data=data), lambda name: name.split("/")[1].split("-")[0])


@pytest.mark.parametrize("pattern", ["patient", "{group}/{group}"])
def test_a_pattern_without_a_group_is_refused_before_anything_is_read(pattern: str) -> None:
    keys = {**DIGITS, "data": f'{{ source = image_folder("p")  split {{ groups = "{pattern}" }} }}'}
    _, problems = read_plan(parsed(written(keys)))
    assert [one.message for one in problems if one.code == "E0614"] == [
        "a pattern of paths says once where the name of the group stands"
    ]


@pytest.mark.parametrize(("groups", "kind"), [("patient", "text"), ("patient", "json")])
def test_samples_of_shards_stay_together_by_an_ending_or_a_field(tmp_path: Path, groups: str, kind: str) -> None:
    for shard in range(2):
        with tarfile.open(tmp_path / f"t-{shard}.tar", "w") as archive:
            for number in range(14):
                picture = io.BytesIO()
                Image.new("L", (4, 4), number).save(picture, "PNG")
                told = f"pat{number % 7}"
                who = {f"pat{number % 7}x{number}.patient": told.encode()} if kind == "text" else {
                    f"pat{number % 7}x{number}.json": json.dumps({"patient": told}).encode()
                }  # fmt: skip
                for name, content in {
                    f"pat{number % 7}x{number}.png": picture.getvalue(), f"pat{number % 7}x{number}.cls": b"1", **who
                }.items():  # fmt: skip
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    split_ = f'split {{ train=0.6 val=0.2 test=0.2 groups="{groups}" }}'
    data = f'{{ source = shards("t-{{0..1}}.tar", channels=grey, classes=10)  {split_} }}'
    check_apart(plan_of(DIGITS, tmp_path, data=data), lambda name: name.split(":")[1].split("x")[0])
    with pytest.raises(RunError, match=r"has neither `\.clinic` nor a `\.json` with the field `clinic`"):
        load(plan_of(DIGITS, tmp_path, data=data.replace('"patient"', '"clinic"')))

"""Train, evaluate, predict and resume by the command line: what a run folder holds, and what mistakes are told."""

from __future__ import annotations

import csv
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_diabetes, load_digits

from dlspec.cli import main
from dlspec.training.evaluation import Judgement, judge

torch.set_num_threads(1)

SPEC = """\
network tiny(width = 8) {
  input image: float32[N, 1, 8, 8]
  image -> conv2d(width, 3) -> relu -> max_pool2d(2) -> flatten -> logits: linear(10)
  output logits
}

plan tiny {
  network = tiny
  data { source = digits split { train = 0.2 val = 0.1 test = 0.7 } }
  loss = cross_entropy
  optimizer = sgd(lr=0.1, momentum=0.9)
  epochs = 2
  batch_size = 50
  device = cpu
}
"""
TABLE = """\
network line {
  input features: float32[N, 10]
  features -> prediction: linear(1)
  output prediction
}

plan line {
  network = line
  data {
    source = diabetes
    split { train = 0.8 val = 0 test = 0.2 }
    standardize { inputs = true target = true }
  }
  loss = mse
  optimizer = sgd(lr=0.1, momentum=0.9)
  epochs = 20
  batch_size = full
  device = cpu
}
"""
WARNED = SPEC.replace("-> relu ->", "-> conv2d(width, 3) -> relu ->")
FIXED = (
    "spec.dlspec.yaml", "model.py", "figure.svg", "metrics.jsonl", "report.json", "environment.json", "checkpoints",
    "curves.png", "confusion_matrix.png",
)  # fmt: skip


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a spec of pictures and one of a table, and a finished run of each."""
    folder = tmp_path_factory.mktemp("trained")
    for name, text in (("tiny", SPEC), ("line", TABLE)):
        (folder / f"{name}.dls").write_text(text, encoding="utf-8")
        assert main(["train", str(folder / f"{name}.dls"), "--out", str(folder / name)]) == 0
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to work in."""
    shutil.copytree(trained, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def report(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "report.json").read_text(encoding="utf-8"))
    return found


# Train


def test_a_run_folder_holds_what_is_promised(trained: Path) -> None:
    run = trained / "tiny"
    held = {path.name for path in run.iterdir()}
    wanted = set(FIXED) - (set() if shutil.which("dot") else {"figure.svg"})
    assert wanted <= held
    found = report(run)
    assert 0.2 < found["test"]["accuracy"] <= 1
    assert (found["steps"], found["resumed"], found["warnings"]) == (2 * 8, False, [])
    assert found["parameters"] == (8 * 9 + 8) + (8 * 3 * 3 * 10 + 10)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["epoch"], row["split"]) for row in rows] == [(1, "train"), (1, "val"), (2, "train"), (2, "val")]


def test_the_resolved_spec_trains_again_to_the_same_weights(here: Path) -> None:
    assert main(["check", "tiny/spec.dlspec.yaml", "--strict"]) == 0
    assert main(["train", "tiny/spec.dlspec.yaml", "--out", "again"]) == 0
    assert report(here / "again")["test"] == report(here / "tiny")["test"]


def test_the_report_is_printed_with_every_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "tiny.dls", "--set", "epochs=1", "--set", "network.width=4"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith(f"training into {Path('runs/tiny')}\n")
    assert "accuracy" in out
    assert "runs/tiny/" in out
    listed = {line.split()[0].rstrip("/") for line in out.splitlines() if line.startswith("  ")}
    assert listed == {path.name for path in (here / "runs" / "tiny").iterdir()}
    assert report(here / "runs" / "tiny")["parameters"] == (4 * 9 + 4) + (4 * 3 * 3 * 10 + 10)
    assert "width=4" in (here / "runs" / "tiny" / "spec.dlspec.yaml").read_text(encoding="utf-8")
    assert main(["train", "tiny.dls", "--set", "epochs=1"]) == 0
    assert (here / "runs" / "tiny-2").is_dir()


def test_warnings_reach_the_terminal_and_the_report(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "warned.dls").write_text(WARNED, encoding="utf-8")
    assert main(["train", "warned.dls", "--set", "epochs=1", "--out", "warned"]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("warning[W0411]")
    assert "warned.dls:3:" in said.err.partition("epoch")[0]
    assert "warning[W0411]" in said.out
    (noted,) = report(here / "warned")["warnings"]
    assert (noted["code"], noted["name"], noted["file"], noted["line"]) == (
        "W0411", "linear-layers-collapse", "warned.dls", 3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train", "tiny.dls", "--out", "tiny"], 1, "`tiny` already holds a run"),
        (["train", "tiny.dls", "--out", "tiny.dls"], 1, "`tiny.dls` is a file"),
        (["train", "tiny.dls", "--plan", "tinny"], 2, "`tiny`"),
        (["train", "tiny.dls", "--set", "epoch=1"], 2, "no key `epoch`"),
        (["train", "tiny.dls", "--set", "network.widht=1"], 2, "`width`"),
        (["train", "tiny.dls", "--set", "optimizer.lr=fast"], 1, "E0201"),
        (["train", "resnet18"], 2, "has no plan"),
        (["train", "missing.dls"], 2, "no file `missing.dls`"),
        (["evaluate", "nowhere"], 2, "`nowhere` is not the folder of a run"),
        (["predict", "nowhere", "a.png", "-o", "a.csv"], 2, "`nowhere` is not the folder of a run"),
        (["predict", "tiny", "a.png", "-o", "a.csv"], 2, "there is no file `a.png`"),
        (["predict", "tiny", "text.png", "-o", "a.csv"], 2, "`text.png` cannot be read as an image"),
        (["predict", "tiny", "tiny.dls", "-o", "a.csv"], 2, "neither an image nor a CSV, Parquet or NPZ file"),
        (["predict", "tiny", "digit.png", "-o", "a.txt"], 1, "neither `.csv` nor `.json`"),
        (["predict", "tiny", "digit.png", "-o", "no/a.csv"], 1, "cannot be written"),
        (["predict", "tiny", "wide.csv", "-o", "a.csv"], 1, "trained on 1 8 8"),
        (["predict", "line", "wide.csv", "-o", "a.csv"], 1, "no column `age`"),
        (["predict", "line", "digit.png", "-o", "a.csv"], 1, "trained on tables"),
        (["predict", "line", "words.csv", "-o", "a.csv"], 1, "`old`"),
        (["predict", "tiny", "wide.npz", "-o", "a.csv"], 1, "trained on 1 8 8"),
        (["predict", "tiny", "text.npz", "-o", "a.csv"], 2, "not an NPZ file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_said_without_a_traceback(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    (here / "text.png").write_text("no picture", encoding="utf-8")
    (here / "text.npz").write_text("no arrays", encoding="utf-8")
    (here / "wide.csv").write_text("a,b,c\n1,2,3\n", encoding="utf-8")
    header = ",".join(load_diabetes().feature_names)
    (here / "words.csv").write_text(f"{header}\nold{',1' * 9}\n", encoding="utf-8")
    np.savez(here / "wide.npz", x=np.zeros((2, 1, 3, 3), np.float32))
    Image.new("L", (8, 8)).save(here / "digit.png")
    before = sorted(here.rglob("*"))
    assert main(words) == code
    ended = capsys.readouterr()
    assert ended.out == ""
    assert ended.err.startswith("error")
    assert said in ended.err
    assert sorted(here.rglob("*")) == before


# Resume


def test_a_finished_run_is_not_run_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (here / "tiny" / "metrics.jsonl").read_bytes()
    assert main(["train", "tiny.dls", "--out", "tiny", "--resume"]) == 0
    assert "already finished" in capsys.readouterr().out
    assert (here / "tiny" / "metrics.jsonl").read_bytes() == before


def test_an_interrupted_run_goes_on_to_where_an_uninterrupted_one_ends(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluations = []

    def stopped(*given: Any) -> Judgement:
        evaluations.append(1)
        if len(evaluations) == 1:
            signal.raise_signal(signal.SIGINT)
        return judge(*given)

    monkeypatch.setattr("dlspec.training.loop.judge", stopped)
    assert main(["train", "tiny.dls", "--out", "cut"]) == 130
    assert "--resume" in capsys.readouterr().err
    assert not (here / "cut" / "report.json").exists()
    monkeypatch.setattr("dlspec.training.loop.judge", judge)
    assert main(["train", "tiny.dls", "--out", "cut", "--resume"]) == 0
    assert report(here / "cut")["resumed"] is True
    assert report(here / "cut")["test"] == report(here / "tiny")["test"]


def test_another_plan_does_not_go_on_with_a_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "tiny.dls", "--out", "tiny", "--resume", "--set", "batch_size=10"]) == 1
    assert "`batch_size` was 50, is 10" in capsys.readouterr().err


# Evaluate


def test_evaluate_scores_val_and_counts_each_reading_of_test(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report(here / "tiny")
    assert found["test_reads"] == 1
    assert main(["evaluate", "tiny"]) == 0
    assert f"accuracy {found['val']['accuracy']:.4f}" in capsys.readouterr().out
    assert report(here / "tiny")["test_reads"] == 1
    for reads in (2, 3):
        assert main(["evaluate", "tiny", "--test"]) == 0
        assert f"read {reads} times" in capsys.readouterr().out
        assert report(here / "tiny")["test_reads"] == reads


def test_what_a_run_has_not_cannot_be_scored(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "line"]) == 1
    assert "holds no `val`" in capsys.readouterr().err


# Predict


def test_pictures_and_arrays_of_the_same_digits_get_the_same_labels(here: Path) -> None:
    pixels = load_digits().images[:12] / 16
    np.savez(here / "digits.npz", x=pixels.astype(np.float32))
    (here / "pictures").mkdir()
    for number, digit in enumerate(pixels):
        Image.fromarray(np.round(digit * 255).astype(np.uint8)).save(here / "pictures" / f"{number:02}.png")
    assert main(["predict", "tiny", "pictures", "-o", "pictures.csv"]) == 0
    assert main(["predict", "tiny", "digits.npz", "-o", "arrays.json"]) == 0
    with (here / "pictures.csv").open(encoding="utf-8") as file:
        pictures = list(csv.DictReader(file))
    arrays = json.loads((here / "arrays.json").read_text(encoding="utf-8"))
    assert [row["label"] for row in pictures] == [row["label"] for row in arrays]
    assert pictures[3]["input"] == str(Path("pictures/03.png"))
    assert sum(float(pictures[0][f"p_{digit}"]) for digit in range(10)) == pytest.approx(1, abs=1e-4)


def test_a_table_gets_a_number_for_each_row_in_units_of_the_data(here: Path) -> None:
    data = load_diabetes()
    header = ",".join(data.feature_names)
    rows = "\n".join(",".join(map(repr, row.tolist())) for row in data.data[:20])
    (here / "people.csv").write_text(f"{header}\n{rows}\n", encoding="utf-8")
    assert main(["predict", "line", "people.csv", "-o", "people.json"]) == 0
    found = json.loads((here / "people.json").read_text(encoding="utf-8"))
    given = [next(value for key, value in row.items() if key != "input") for row in found]
    assert np.corrcoef(given, data.target[:20])[0, 1] > 0.5
    assert 50 < np.mean(given) < 300


def test_a_folder_of_pictures_and_arrays_is_predicted_at_once_and_drawn(here: Path) -> None:
    import dlspec

    pixels = (load_digits().images[:6] / 16).astype(np.float32)
    (here / "mixed").mkdir()
    np.savez(here / "mixed" / "five.npz", x=pixels[:5])
    Image.fromarray(np.round(pixels[5] * 255).astype(np.uint8)).save(here / "mixed" / "one.png")
    assert main(["predict", "tiny", "mixed", "-o", "mixed.json"]) == 0
    rows = json.loads((here / "mixed.json").read_text(encoding="utf-8"))
    assert [row["label"] for row in rows] == dlspec.load_run(here / "tiny").predict(pixels[:, None]).labels
    assert main(["predict", "tiny", "mixed", "-o", "mixed.png"]) == 0
    with Image.open(here / "mixed.png") as drawn:
        assert drawn.width > drawn.height


def test_a_table_is_not_drawn(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "line", "people.csv", "-o", "people.png"]) == 1
    assert "tells no images apart" in capsys.readouterr().err


POINTS = """network small(classes = 2) {
  input features: float32[N, 2]
  output logits = features -> fc1: linear(8) -> relu -> fc2: linear(classes) -> flatten
}
plan points {
  data { source = csv("points.csv", target="label"), split { train = 1, val = 0, test = 0 } }
  loss = cross_entropy, optimizer = sgd(lr=0.1), epochs = 1
}
"""


def test_a_label_without_a_score_is_told_at_the_layer_that_scores_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.dls").write_text(POINTS)
    (tmp_path / "points.csv").write_text("x,y,label\n1,2,0\n3,4,2\n1,1,1\n")
    before = sorted(tmp_path.iterdir())
    assert main(["train", "points.dls", "--out", "some/where/run"]) == 1
    said = capsys.readouterr().err
    assert "error[E0705]: row 2 has the label 2, and the network gives 2 scores (0 to 1)" in said
    assert "points.dls:3:62" in said
    assert "^^^^^^^^^^^^^^^ says how many classes there are" in said
    assert "------------ row 2 has the label 2" in said
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("kept", ["notes.txt", None])
def test_a_run_that_fails_before_its_first_checkpoint_leaves_the_folder_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str | None
) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    (tmp_path / "points.dls").write_text(POINTS)
    (tmp_path / "points.csv").write_text("x,y,label\n1,2,0\n3,4,1\n1,1,1\n")
    if kept:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / kept).touch()
    monkeypatch.setattr("dlspec.training.stepping.Step.take", full)
    assert main(["train", str(tmp_path / "points.dls"), "--out", str(tmp_path / "run")]) == 1
    left = [path.name for path in (tmp_path / "run").iterdir()] if (tmp_path / "run").exists() else None
    assert left == ([kept] if kept else None)


@pytest.mark.parametrize(
    ("change", "says", "place"),
    [
        ('data.source=csv("points.csv", target="lable")', "has no column `lable`", '"lable"'),
        ('data.source=csv("points.csv", target="label", features=["x", "z"])', "has no column `z`", '["x", "z"]'),
        ('data.split.groups="who"', "has no column `who`", '"who"'),
        ('data.source=csv("point.csv", target="label")', "there is no file", '"point.csv"'),
        ("data.split.val=0.5", "2 samples of 2 classes are too few for each part", ""),
    ],
)
def test_what_is_not_in_a_table_is_told_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    change: str, says: str, place: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.dls").write_text(POINTS)
    (tmp_path / "points.csv").write_text("x,y,label\n1,2,0\n3,4,1\n")
    changes = [change, "data.split.train=0.5"] if change.startswith("data.split.val") else [change]
    assert main(["train", "points.dls", "--out", "run", *(word for one in changes for word in ("--set", one))]) > 0
    said = capsys.readouterr().err
    assert says in said
    if place:
        lines = said.splitlines()
        carets = next(number for number, line in enumerate(lines) if "^" in line)
        start, length = lines[carets].index("^"), lines[carets].count("^")
        assert lines[carets - 1][start : start + length] == place
    assert not (tmp_path / "run").exists()


def test_what_is_exported_is_told_by_the_name_of_the_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "tiny", "-o", "weights.safetensors"]) == 0
    assert Path("weights.safetensors").stat().st_size > 0
    assert main(["export", "tiny", "-o", "weights.bin"]) == 2
    assert "a file whose name ends so" in capsys.readouterr().err


def test_a_broken_picture_of_a_folder_is_left_out_and_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digit = np.round(load_digits().images[0] / 16 * 255).astype(np.uint8)
    (here / "shots").mkdir()
    Image.fromarray(digit).save(here / "shots" / "whole.png")
    (here / "shots" / "cut.png").write_bytes((here / "shots" / "whole.png").read_bytes()[:40])
    assert main(["predict", "tiny", "shots", "-o", "shots.json"]) == 0
    assert [row["input"] for row in json.loads(Path("shots.json").read_text())] == ["shots/whole.png"]
    assert "note: 1 file is left out, since it cannot be read: `shots/cut.png`" in capsys.readouterr().out
    assert main(["predict", "tiny", "shots/cut.png", "-o", "shots.json"]) == 2
    Path("shots/whole.png").unlink()
    assert main(["predict", "tiny", "shots", "-o", "shots.json"]) == 2

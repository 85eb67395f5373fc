"""`dlspec runs` lists what lies in a folder and says what two runs differ in, without loading torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlspec.cli import main
from dlspec.history import Comparison, compare_runs, find_runs, plan_keys

SPEC = """\
network:
  name: net
  inputs: {{image: "float32[N, 1, 8, 8]"}}
  layers: [flatten, logits: linear({classes})]
  outputs: [logits]

plan:
  network: net
  data:
    source: digits
  optimizer: sgd(lr={lr}, momentum=0.9)
  metrics:
    - accuracy
  batch_size: {batch}
"""
COLUMNS = {"epoch": 3, "step": 30}


def write_run(
    folder: Path, *, accuracy: float = 0.9, lr: str = "0.1", batch: int = 32, classes: int = 10, day: int = 1
) -> Path:
    """A run folder with the files that a comparison reads."""
    (folder / "checkpoints").mkdir(parents=True)
    report = {
        "network": "net", "source": "digits", "parameters": 650, "epochs": 3, "steps": 30, "stopped": "completed", "train_seconds": 1.5,
        "val": {"loss": 0.5, "accuracy": accuracy}, "test": {"loss": 0.6, "accuracy": accuracy - 0.01},
        "best": {"by": "val.accuracy", "value": accuracy, "epoch": 2, "step": 20},
    }  # fmt: skip
    made = {"started": f"2026-11-{day:02d}T10:00:00Z", "packages": {"torch": f"2.{day}"}, "git": None, "device": "cpu"}
    rows = [
        COLUMNS | {"split": "train", "loss": 0.4, "seconds": 1.5},
        COLUMNS | {"split": "val", "loss": 0.5, "accuracy": accuracy},
    ]
    (folder / "report.json").write_text(json.dumps(report))
    (folder / "environment.json").write_text(json.dumps(made))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "spec.dlspec.yaml").write_text(SPEC.format(lr=lr, batch=batch, classes=classes))
    return folder


def difference(found: Comparison) -> dict[str, tuple[Any, Any]]:
    return {one.name: (one.old, one.new) for one in found.plan}


def test_runs_are_listed_the_latest_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for name, day in (("a", 3), ("b", 9), ("c", 5)):
        write_run(tmp_path / name, day=day, accuracy=0.9 + day / 100)
    assert main(["runs", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0][-1] for line in lines[2:]] == ["b", "c", "a"]
    assert lines[2].split()[1:] == [
        "2026-11-09",
        "10:00",
        "net",
        "digits",
        "650",
        "2/3",
        "accuracy",
        "0.9900",
        "0.9800",
    ]


def test_a_run_that_has_not_ended_is_listed_from_its_record(tmp_path: Path) -> None:
    run = write_run(tmp_path / "cut")
    (run / "report.json").unlink()
    step = run / "checkpoints" / "step-00000030"
    step.mkdir()
    (step / "state.json").write_text('{"plan": {"network": "net"}}')
    (found,) = find_runs([tmp_path])
    assert (found.state, found.network, found.epochs, found.val["accuracy"]) == ("unfinished", "net", 3, 0.9)
    assert found.test == {}


def test_of_a_search_only_the_best_is_listed_unless_its_trials_are_asked_for(tmp_path: Path) -> None:
    write_run(tmp_path / "s" / "trials" / "0000")
    write_run(tmp_path / "s" / "trials" / "0001")
    (tmp_path / "s" / "search.json").write_text("{}")
    (tmp_path / "s" / "best").symlink_to("trials/0001", target_is_directory=True)
    assert [Path(one.folder).name for one in find_runs([tmp_path])] == ["best"]
    assert len(find_runs([tmp_path / "s" / "trials"])) == 2


def test_a_damaged_report_is_a_run_without_one(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "report.json").write_text('{"val": ')
    assert find_runs([tmp_path])[0].state == "unfinished"


def test_two_runs_differ_in_the_keys_that_were_changed_and_no_other(tmp_path: Path) -> None:
    old, new = write_run(tmp_path / "old"), write_run(tmp_path / "new", lr="0.05", batch=64, accuracy=0.95, day=2)
    found = compare_runs(old, new)
    assert difference(found) == {"optimizer.lr": ("0.1", "0.05"), "batch_size": ("32", "64")}
    assert found.same_network
    assert {one.name: (one.old, one.new) for one in found.made_with} == {"packages.torch": ("2.1", "2.2")}
    assert {one.name for one in found.curves} == {"train.loss", "val.loss", "val.accuracy"}


def test_other_layers_are_another_network_and_not_another_plan(tmp_path: Path) -> None:
    found = compare_runs(write_run(tmp_path / "old"), write_run(tmp_path / "new", classes=20))
    assert (found.plan, found.same_network) == ([], False)


def test_a_comparison_is_printed_and_given_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = write_run(tmp_path / "old"), write_run(tmp_path / "new", lr="0.05", accuracy=0.95)
    assert main(["runs", str(old), str(new)]) == 0
    out = capsys.readouterr().out
    assert "optimizer.lr  0.1 → 0.05\n" in out
    assert "+0.05\n" in out
    assert main(["runs", str(old), str(new), "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["plan"] == [{"name": "optimizer.lr", "old": "0.1", "new": "0.05"}]
    assert (data["old"]["val"]["accuracy"], data["new"]["best"]["epoch"]) == (0.9, 2)


def test_what_is_printed_fits_the_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / ("long-name-" * 12))
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["runs", str(tmp_path)]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_folder_without_runs_and_one_that_is_not_there_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", str(tmp_path)]) == 0
    assert "no runs" in capsys.readouterr().out
    assert main(["runs", str(tmp_path / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_the_keys_of_a_plan_are_those_of_its_sections_and_applications() -> None:
    from dlspec.checking import Spec
    from dlspec.source import Source

    spec = Spec(Source("s.dlspec.yaml", SPEC.format(lr="0.1", batch=8, classes=10)), None)
    assert dict(plan_keys(spec.plans["plan"].section)) == {
        "network": "net", "data.source": "digits", "optimizer": "sgd", "optimizer.lr": "0.1", "optimizer.momentum": "0.9",
        "metrics": "[accuracy]", "batch_size": "8",
    }  # fmt: skip


def test_listing_loads_neither_torch_nor_numpy(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    program = "import sys; from dlspec.cli import main; main(['runs', sys.argv[1]]); print(sorted({'torch', 'numpy', 'matplotlib'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"


def test_the_curves_of_several_runs_come_in_one_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    folders = [str(write_run(tmp_path / name, day=day)) for name, day in (("gd", 1), ("sgd", 2), ("batch", 3))]
    out = tmp_path / "curves.png"
    assert main(["runs", *folders, "-o", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.startswith("3 runs drawn in ")
    assert main(["runs", *folders, "-o", str(tmp_path / "curves.jpeg")]) == 1
    assert "does not end in `.png`" in capsys.readouterr().err


def test_a_run_has_a_line_in_each_panel_that_it_has_scores_for() -> None:
    pytest.importorskip("matplotlib")
    from dlspec.training.beside import _lines, _panels

    rows = {
        "a": [COLUMNS | {"split": "train", "loss": 0.4}, COLUMNS | {"split": "val", "loss": 0.5, "accuracy": 0.9}],
        "b": [COLUMNS | {"split": "train", "loss": 0.3}, COLUMNS | {"split": "gradients", "norms": {"fc": 1.0}}],
    }
    assert _panels(rows) == [("train", "loss"), ("val", "loss"), ("val", "accuracy")]
    assert _lines(rows, "val", "accuracy") == {"a": [(3, 0.9)]}

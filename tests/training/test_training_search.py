"""A search tries what it may, chooses by validation, reads test once, and goes on after any stop."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from dlspec.checking import open_spec
from dlspec.diagnostics.record import SpecError
from dlspec.searching import search_plan
from dlspec.training.errors import RunError
from dlspec.training.search import Searched

torch.set_num_threads(1)
pytest.importorskip("optuna")

SPEC = """
network net(width = 16) {
  input image: float32[N, 1, 8, 8]
  output logits = image -> flatten -> fc1: linear(width) -> relu -> fc2: linear(10)
}
plan p {
  data { source = digits  split { train = 0.2 val = 0.2 test = 0.6 } }
  loss = cross_entropy, optimizer = sgd(lr=1e-4), epochs = EPOCHS, device = cpu
  search { SEARCH }
}
"""
GRID = "over { optimizer { lr = [0.01, 0.3] } network { width = [8, 16] } } method = grid"


def spec(folder: Path, search: str, epochs: int = 2) -> Path:
    file = folder / "s.dls"
    file.write_text(SPEC.replace("SEARCH", search).replace("EPOCHS", str(epochs)))
    return file


def searched(folder: Path, search: str, out: str = "out", epochs: int = 2) -> Searched:
    found = search_plan(open_spec(str(spec(folder, search, epochs))), out=folder / out)
    assert isinstance(found, Searched)
    return found


def test_a_grid_tries_them_all_once(tmp_path: Path) -> None:
    found = searched(tmp_path, GRID)
    tried = [(one.values["optimizer.lr"], one.values["network.width"]) for one in found.outcomes]
    assert sorted(tried) == sorted(itertools.product(["0.01", "0.3"], ["8", "16"]))


def test_the_best_is_chosen_on_validation_and_read_on_test_once(tmp_path: Path) -> None:
    found = searched(tmp_path, GRID)
    assert found.best is not None
    scores = {one.number: one.score for one in found.outcomes if one.state == "complete"}
    assert found.best.score == max(scores.values())
    reads = {
        one: json.loads((tmp_path / f"out/trials/{one:04d}/report.json").read_text())["test_reads"] for one in scores
    }
    assert reads == {one: int(one == found.best.number) for one in scores}
    assert found.test.keys() == {"loss", "accuracy"}


def test_a_finished_search_is_not_searched_again(tmp_path: Path) -> None:
    first = searched(tmp_path, GRID)
    again = searched(tmp_path, GRID)
    assert str(again) == str(first)
    assert first.best is not None
    report = json.loads((tmp_path / f"out/trials/{first.best.number:04d}/report.json").read_text())
    assert report["test_reads"] == 1


def test_the_best_plan_is_a_spec_that_trains_again(tmp_path: Path) -> None:
    import dlspec

    found = searched(tmp_path, GRID)
    report = dlspec.train(tmp_path / "out" / "best.dlspec.yaml", out=tmp_path / "again")
    assert found.best is not None
    assert report.val["accuracy"] == pytest.approx(found.best.score)


def test_what_fails_the_checks_is_refused_with_the_reason_and_does_not_count(tmp_path: Path) -> None:
    found = searched(tmp_path, "over { network { width = [0, 8] } optimizer { lr = log(0.01, 1) } } trials = 3")
    refused = [one for one in found.outcomes if one.state == "refused"]
    assert {one.values["network.width"] for one in refused} == {"0"}
    assert all("E0202" in one.reason for one in refused)
    assert sum(one.state in ("complete", "pruned") for one in found.outcomes) == 3
    assert not any((tmp_path / f"out/trials/{one.number:04d}").exists() for one in refused)


def test_a_loss_that_is_no_number_is_told_and_the_search_goes_on(tmp_path: Path) -> None:
    found = searched(tmp_path, "over { optimizer { lr = [0.1, 1e30] } } method = grid")
    assert {one.values["optimizer.lr"]: one.state for one in found.outcomes} == {"0.1": "complete", "1e+30": "failed"}


def test_where_all_is_refused_that_is_the_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no trial was trained to its end"):
        searched(tmp_path, "over { network { width = [0] } } method = grid")


def test_a_folder_of_another_search_is_left_alone(tmp_path: Path) -> None:
    searched(tmp_path, GRID)
    with pytest.raises(RunError, match="holds a search over other settings"):
        searched(tmp_path, "over { batch_size = [8] } method = grid")


def test_a_bad_trial_is_stopped_early(tmp_path: Path) -> None:
    values = "[0.3, 0.31, 0.32, 0.33, 1e-5]"
    found = searched(tmp_path, f"over {{ optimizer {{ lr = {values} }} }} method = grid", epochs=4)
    by_rate = {one.values["optimizer.lr"]: one.state for one in found.outcomes}
    last = max(found.outcomes, key=lambda one: one.number)
    assert by_rate["1e-05"] == ("pruned" if last.values["optimizer.lr"] == "1e-05" else "complete")
    assert set(by_rate.values()) <= {"complete", "pruned"}


@pytest.mark.parametrize(
    ("search", "code", "says"),
    [
        ("over { optimizer { lr = 0.1 } }", "E0106", "wants values to try"),
        ("over { optimizer { lr = log(1, 0.1) } }", "E0202", "is empty"),
        ("over { optimizer { lr = log(0, 0.1) } }", "E0202", "above 0"),
        ("over { batch_size = whole(1.5, 3) }", "E0202", "whole number"),
        ("over { batch_size = [32, 0] }", "E0614", "whole number from 1"),
        ("over { optimizer { momentun = [0.9] } }", "E0112", "momentun"),
        ("over { network { wdth = [8] } }", "E0112", "wdth"),
        ("over { nothing = [8] }", "E0105", "nothing"),
        ("over { batch_size = [8] } by = test.accuracy", "E0620", "test split"),
        ("over { batch_size = [8] } by = val.f2", "E0610", "f2"),
    ],
)
def test_a_mistake_of_a_search_is_told_before_anything_runs(search: str, code: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as raised:
        searched(tmp_path, search)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == code
    assert says in diagnostic.message


COMMAND = [sys.executable, "-c", "import sys; from dlspec.cli import main; sys.exit(main())", "search"]


@pytest.mark.slow
def test_two_processes_share_a_search_and_one_that_is_killed_leaves_its_trial_to_others(tmp_path: Path) -> None:
    search = "over { optimizer { lr = log(0.001, 1) } } trials = 8"
    file = spec(tmp_path, search, epochs=3)
    command = [*COMMAND, str(file), "--out", str(tmp_path / "out")]
    workers = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    journal = tmp_path / "out" / "journal.log"
    while not journal.exists() or journal.read_text().count('"told"') < 2:
        time.sleep(0.1)
    os.kill(workers[0].pid, signal.SIGKILL)
    assert [worker.wait() for worker in workers] == [-signal.SIGKILL, 0]
    found = searched(tmp_path, search, epochs=3)
    states = [one.state for one in found.outcomes]
    assert states.count("complete") + states.count("pruned") == 8
    assert len({one.values["optimizer.lr"] for one in found.outcomes}) == len(states)

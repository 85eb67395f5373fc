"""Checkpoints are whole or not there: damage is refused by name, and the one before is used."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dlspec.training import checkpoints
from dlspec.training.checkpoints import Checkpoints, Damaged, read
from dlspec.training.errors import RunError

WEIGHTS = {"w": torch.arange(12.0).view(3, 4), "steps": torch.tensor(7)}
TRAINING = {"optimizer": {"state": {0: {"momentum": torch.ones(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}}


def saved(folder: Path, *steps: int, keep: int = 9) -> Checkpoints:
    made = Checkpoints(folder, keep)
    for step in steps:
        made.save(step, WEIGHTS, TRAINING, {"step": step})
    return made


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    saved(tmp_path, 5)
    latest, notes = Checkpoints(tmp_path, 1).latest()
    assert notes == []
    assert latest is not None
    assert latest.state["step"] == 5
    assert all(torch.equal(latest.weights[name], tensor) for name, tensor in WEIGHTS.items())
    assert torch.equal(latest.training["optimizer"]["state"][0]["momentum"], torch.ones(3))


def test_weights_of_any_memory_layout_are_saved(tmp_path: Path) -> None:
    weights = torch.rand(4, 3, 2, 2).to(memory_format=torch.channels_last)
    Checkpoints(tmp_path, 1).save(1, {"w": weights, "t": WEIGHTS["w"].T}, {}, {})
    found = read(tmp_path / "step-00000001").weights
    assert torch.equal(found["w"], weights)
    assert torch.equal(found["t"], WEIGHTS["w"].T)


def test_the_last_few_are_kept_and_strays_are_cleared(tmp_path: Path) -> None:
    (tmp_path / ".writing-step-00000001-99").mkdir()
    saved(tmp_path, 1, 2, 3, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]


@given(st.sampled_from(["weights.safetensors", "training.pt", "state.json", "manifest.json"]), st.data())
@settings(max_examples=60)
def test_a_flipped_bit_is_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    saved(folder, 1, 2)
    path = folder / "step-00000002" / name
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    latest, notes = Checkpoints(folder, 9).latest()
    assert latest is not None
    if name == "manifest.json" and not notes:
        assert torch.equal(latest.weights["w"], WEIGHTS["w"]), "a blank of the manifest may change"
    else:
        assert "`step-00000002` is damaged" in notes[0]
        assert latest.state["step"] == 1


@pytest.mark.parametrize("damage", ["cut", "emptied", "removed", "manifest gone", "a name swapped"])
def test_other_damage_is_refused_too(tmp_path: Path, damage: str) -> None:
    saved(tmp_path, 1)
    folder = tmp_path / "step-00000001"
    weights, manifest = folder / "weights.safetensors", folder / "manifest.json"
    match damage:
        case "cut":
            weights.write_bytes(weights.read_bytes()[:-1])
        case "emptied":
            weights.write_bytes(b"")
        case "removed":
            weights.unlink()
        case "manifest gone":
            manifest.unlink()
        case "a name swapped":
            sums = json.loads(manifest.read_text())
            manifest.write_text(json.dumps({"state.json": sums["state.json"]}))
    with pytest.raises(Damaged, match=r"`step-00000001` is damaged"):
        read(folder)


def test_nothing_that_runs_code_is_read(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[object, ...]:
            return (os.mkdir, (str(tmp_path / "attacked"),))

    made = Checkpoints(tmp_path, 9)
    made.save(1, WEIGHTS, {"optimizer": Attack()}, {})
    with pytest.raises(Damaged, match="holds more than tensors"):
        read(tmp_path / "step-00000001")
    assert not (tmp_path / "attacked").exists()


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = saved(tmp_path, 1)

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "_sync", full)
    with pytest.raises(RunError, match="cannot be written: No space left on device"):
        made.save(2, WEIGHTS, TRAINING, {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert read(tmp_path / "step-00000001").state["best_folder"] is None


@pytest.mark.parametrize("room", [1000, 3000, 5000])
def test_where_the_system_lets_no_file_grow_that_is_told_whatever_was_being_written(tmp_path: Path, room: int) -> None:
    made, much = saved(tmp_path, 1), {"moments": torch.zeros(2000)}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(RunError, match="step-00000002` cannot be written: "):
            made.save(2, {"w": torch.zeros(500)}, much, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert read(tmp_path / "step-00000001").state["best_folder"] is None


def test_a_disk_that_is_full_for_the_record_is_told_and_the_run_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlspec.training.record import Recorder
    from tests.training.runs import SOFTMAX, equal, final_weights, plan_of, run

    plan = plan_of(epochs="4", keep="{ every_seconds = 0 }")
    write, rows = Recorder.write, []

    def full(self: Recorder, *args: object, **beside: object) -> None:
        rows.append(args)
        if len(rows) == 5:
            raise OSError(errno.ENOSPC, "No space left on device", "metrics.jsonl")
        write(self, *args, **beside)  # type: ignore[arg-type]

    monkeypatch.setattr(Recorder, "write", full)
    with pytest.raises(
        RunError, match=r"`metrics.jsonl` cannot be written: No space left on device \(checkpoints before"
    ):
        run(plan, tmp_path / "full", SOFTMAX)
    run(plan, tmp_path / "full", SOFTMAX, resume=True)
    monkeypatch.undo()
    run(plan, tmp_path / "roomy", SOFTMAX)
    assert equal(final_weights(tmp_path / "full"), final_weights(tmp_path / "roomy"))


def test_the_best_weights_stay_until_a_checkpoint_names_better_ones(tmp_path: Path) -> None:
    made = Checkpoints(tmp_path, 1)
    made.save_best(1, WEIGHTS, {"step": 1})
    made.save(2, WEIGHTS, TRAINING, {})
    made.save_best(3, WEIGHTS, {"step": 3})
    assert {path.name for path in tmp_path.glob("best-*")} == {"best-00000001", "best-00000003"}
    chosen, _ = Checkpoints(tmp_path, 1).chosen()
    assert chosen.state["step"] == 1, "the checkpoint on disk names the first"
    made.save(4, WEIGHTS, TRAINING, {})
    assert [path.name for path in tmp_path.glob("best-*")] == ["best-00000003"]
    assert Checkpoints(tmp_path, 1).chosen()[0].state["step"] == 3


def test_damaged_best_weights_fall_back_to_the_last(tmp_path: Path) -> None:
    made = Checkpoints(tmp_path, 1)
    made.save_best(1, WEIGHTS, {"step": 1})
    made.save(2, WEIGHTS, TRAINING, {"step": 2})
    (tmp_path / "best-00000001" / "weights.safetensors").write_bytes(b"x")
    chosen, notes = Checkpoints(tmp_path, 1).chosen()
    assert chosen.state["step"] == 2
    assert "the last weights are used, not the best" in notes[0]


def test_a_folder_without_a_whole_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no whole checkpoint"):
        Checkpoints(tmp_path, 1).chosen()


WRITER = """
import sys, torch
from pathlib import Path
from dlspec.training.checkpoints import Checkpoints
made = Checkpoints(Path(sys.argv[1]), keep=1)
print("ready", flush=True)
for step in range(1, 10**6):
    made.save(step, {"w": torch.full((20_000,), float(step))}, {"step": step}, {"step": step})
"""


@pytest.mark.slow
def test_a_kill_at_any_instant_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    for kill in range(6):
        folder = tmp_path / str(kill)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        while not list(folder.glob("step-*")):
            time.sleep(0.001)
        time.sleep(0.003 + 0.0171 * kill)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        latest, _ = Checkpoints(folder, 1).latest()
        assert latest is not None
        step = latest.state["step"]
        assert torch.equal(latest.weights["w"], torch.full((20_000,), float(step)))
        assert latest.training["step"] == step
        shutil.rmtree(folder)

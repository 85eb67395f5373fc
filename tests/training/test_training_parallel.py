"""Several processes on one plan: the losses of one process, whatever the number, and a run that goes on with another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dlspec.training.checkpoints import Checkpoints
from dlspec.training.errors import RunError
from dlspec.training.parallel import Replicas, blocks
from dlspec.training.trained import evaluate
from tests.training.runs import SOFTMAX, plan_of, run

SPEC = """
block dense(x, width) {
  y = x -> fc: linear(width) -> ln: layer_norm -> relu
  y + x
}
network small(classes = 10) {
  input image: float32[N, 1, 8, 8]
  output logits = image -> flatten -> d1: dense(64) -> d2: dense(64) -> fc: linear(classes)
}
plan digits {
  network = small
  data { source = digits, stratify = true }
  loss = cross_entropy(weight=balanced, ignore_index=9), optimizer = adamw(lr=3e-3)
  epochs = 4, batch_size = 50, precision = float64, metrics = [accuracy, f1], seed = 3
}
"""
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("parallel")
    (made / "p.dls").write_text(SPEC, encoding="utf-8")
    return made


def command(count: int, *words: str, restarts: int = 0) -> list[str]:
    alone = [sys.executable, "-m", "dlspec"]
    several = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count), "--max-restarts", str(restarts),
        "--monitor-interval", "0.1", "-m", "dlspec",
    ]  # fmt: skip
    return [*(alone if count == 1 else several), "train", "p.dls", *words]


def train(folder: Path, count: int, out: str, *words: str, code: int = 0) -> str:
    done = subprocess.run(
        command(count, "--out", out, *words), cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr[-3000:]
    return done.stdout + done.stderr


def rows(folder: Path, out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def weights(folder: Path, out: str) -> dict[str, torch.Tensor]:
    latest, notes = Checkpoints(folder / out / "checkpoints", 1).latest()
    assert latest is not None
    assert notes == []
    return dict(latest.weights)


@pytest.fixture(scope="module")
def alone(folder: Path) -> str:
    train(folder, 1, "alone")
    return "alone"


def check_equal(folder: Path, one: str, other: str) -> None:
    for row, expected in zip(rows(folder, one), rows(folder, other), strict=True):
        assert {name: row[name] for name in ("epoch", "step", "split")} == {
            name: expected[name] for name in ("epoch", "step", "split")
        }
        assert row["loss"] == pytest.approx(expected["loss"], rel=1e-5)
        assert row["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-12)
        assert row["f1"] == pytest.approx(expected["f1"], abs=1e-12)
    for name, tensor in weights(folder, one).items():
        torch.testing.assert_close(tensor, weights(folder, other)[name], rtol=1e-4, atol=1e-6)


@slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_give_the_losses_metrics_and_weights_of_one(folder: Path, alone: str, strategy: str) -> None:
    said = train(folder, 2, strategy, "--set", f"strategy={strategy}", "--set", "accumulate=2")
    assert said.count("test  accuracy") == 1  # the first process speaks
    check_equal(folder, strategy, alone)
    report = json.loads((folder / strategy / "report.json").read_text(encoding="utf-8"))
    expected = json.loads((folder / alone / "report.json").read_text(encoding="utf-8"))
    assert report["test"]["accuracy"] == expected["test"]["accuracy"]
    assert report["processes"] == 2


@slow
def test_a_run_in_parts_goes_on_with_other_numbers_of_processes_and_is_used_by_one(folder: Path, alone: str) -> None:
    for epochs, (strategy, count) in enumerate((("fsdp", 2), ("fsdp", 3), ("auto", 1), ("fsdp", 2)), 1):
        words = ["--resume"] if epochs > 1 else []
        train(folder, count, "parts", "--set", f"strategy={strategy}", "--set", f"epochs={epochs}", *words)
        last = max((folder / "parts" / "checkpoints").glob("step-*"))
        cut = {path.name for path in last.glob("*-of-*")}
        kinds = ("weights", "training") if strategy == "fsdp" else ()
        assert cut == {f"{kind}-{one + 1}-of-{count}.safetensors" for kind in kinds for one in range(count)}
    check_equal(folder, "parts", alone)
    report = json.loads((folder / "parts" / "report.json").read_text(encoding="utf-8"))
    assert evaluate(folder / "parts").values == pytest.approx(report["val"])


def workers(parent: int) -> list[int]:
    """The processes that a launcher has started, by rank."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if int((path / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                environment = dict(
                    pair.split("=", 1) for pair in (path / "environ").read_text().split("\0") if "=" in pair
                )
                if "RANK" in environment:
                    found[int(environment["RANK"])] = int(path.name)
        except OSError:
            continue
    return [found[rank] for rank in sorted(found)]


@pytest.fixture
def launched(folder: Path) -> Iterator[Any]:
    running: list[subprocess.Popen[str]] = []

    def start(out: str, restarts: int) -> subprocess.Popen[str]:
        words = ["--out", out, "--set", "epochs=400", "--set", "keep.every_seconds=0"]
        process = subprocess.Popen(
            command(2, *words, restarts=restarts), cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def kill_the_second(process: subprocess.Popen[str], folder: Path, out: str) -> None:
    """Once the run has saved something."""
    deadline = time.monotonic() + 60
    while not [*(folder / out / "checkpoints").glob("step-*")]:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(workers(process.pid)[1], signal.SIGKILL)


@slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")
def test_one_process_that_dies_ends_the_run_with_the_reason_and_one_process_goes_on(
    folder: Path, launched: Any, tmp_path: Path
) -> None:
    process = launched("killed", 0)
    kill_the_second(process, folder, "killed")
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    saved = int(max((folder / "killed" / "checkpoints").glob("step-*")).name.removeprefix("step-"))
    assert 0 < saved < 400 * 19
    assert "processes was lost" in errors or "SIGTERM" in errors  # the launcher may be quicker than the other process
    epochs = f"epochs={saved // 19 + 2}"
    train(folder, 1, "killed", "--set", epochs, "--set", "keep.every_seconds=0", "--resume")
    train(folder, 1, "undisturbed", "--set", epochs)
    check_equal(folder, "killed", "undisturbed")


@slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")
def test_a_launcher_that_restarts_goes_on_from_the_last_checkpoint(folder: Path, launched: Any) -> None:
    process = launched("restarted", 1)
    kill_the_second(process, folder, "restarted")
    deadline = time.monotonic() + 90
    before = {*workers(process.pid)}
    while not (now := {*workers(process.pid)}) - before or len(now) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    first = {path.name for path in (folder / "restarted" / "checkpoints").glob("step-*")}
    while {path.name for path in (folder / "restarted" / "checkpoints").glob("step-*")} <= first:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    steps = [row["step"] for row in rows(folder, "restarted") if row["split"] == "train"]
    assert steps == sorted(set(steps))  # nothing is counted twice


@pytest.mark.parametrize(
    ("strategy", "count", "message"),
    [("ddp", 1, "takes several processes, and there is one"), ("single", 2, "takes one process, and 2 were started")],
)
def test_a_strategy_that_the_start_does_not_fit_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, strategy: str, count: int, message: str
) -> None:
    from dlspec.checking import open_spec, parsed_setting
    from dlspec.running import run_plan

    monkeypatch.setenv("WORLD_SIZE", str(count))
    overrides = dict([parsed_setting(f"strategy={strategy}")])
    with pytest.raises(RunError, match=message):
        run_plan(open_spec(str(folder / "p.dls")), out=folder / f"no-{strategy}", overrides=overrides, quiet=True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"ema": "0.9"}, "keeps no running mean"), ({"optimizer": "lbfgs", "batch_size": "full"}, "takes them as one")],
)
def test_what_cannot_be_done_in_parts_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], says: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RunError, match=says):
        run(plan_of(strategy="fsdp", **changed), tmp_path / "run", SOFTMAX)


def test_the_innermost_blocks_of_a_network_are_put_together_one_by_one() -> None:
    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 2)

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.steps = nn.Sequential(Inner(), nn.ReLU(), Inner())
            self.frozen = Inner().requires_grad_(False)

    network = nn.Sequential(Outer(), nn.Linear(2, 2))
    assert blocks(network) == [network[0].steps[0], network[0].steps[2]]
    assert blocks(nn.Linear(2, 2)) == []


@pytest.mark.parametrize(("length", "count"), [(7, 2), (8, 4), (2, 3), (1, 2)])
def test_the_shares_of_a_batch_are_all_of_it_and_weigh_as_much(length: int, count: int) -> None:
    rows = torch.randperm(length)
    gradient, seen = 0.0, []
    for rank in range(count):
        group = Replicas.__new__(Replicas)
        group.rank, group.count = rank, count
        own, weight = group.share(rows)
        gradient += weight * float(own.double().mean()) / count  # DDP takes the mean over processes
        seen += own.tolist() if weight else []
    assert sorted(seen) == sorted(rows.tolist())
    assert gradient == pytest.approx(float(rows.double().mean()))

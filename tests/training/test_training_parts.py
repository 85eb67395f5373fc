"""Checkpoints in parts: whole or not there, whoever is killed; checked by file; read by any number of processes."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dlspec.training import checkpoints
from dlspec.training.checkpoints import Checkpoints, Damaged, read
from dlspec.training.errors import RunError
from dlspec.training.parallel import Group
from dlspec.training.parts import InParts, Part, first_axis, in_files, write_parts

WEIGHTS = {
    "w": torch.arange(35.0).view(7, 5),
    "thin": torch.arange(2).to(torch.bfloat16)[:, None],
    "seen": torch.tensor(9),
    "mean": torch.ones(3, dtype=torch.float64),
}
"""Two tensors that are cut, the second into fewer rows than some groups have processes, and two that are not."""
CUT = ("w", "thin")


class Threads(Group):
    """Processes of a group that are threads of this one."""

    whole = False

    def __init__(self, rank: int, barrier: threading.Barrier, told: list[Any]) -> None:
        self.rank, self.count, self.is_first = rank, barrier.parties, rank == 0
        self.barrier, self.told = barrier, told

    def gathered(self, value: Any) -> list[Any]:
        self.told[self.rank] = value
        self.barrier.wait(timeout=10)
        found = [*self.told]
        self.barrier.wait(timeout=10)
        return found

    def part(self, tensor: Tensor) -> Part:
        block = first_axis(tensor.shape, self.rank, self.count)
        return Part(tensor[block], tuple(axis.start for axis in block))


def each(count: int, work: Callable[[Threads], Any]) -> list[Any]:
    """What each of several processes makes of some work, an exception where it raised one."""
    barrier, told, made = threading.Barrier(count), [None] * count, [None] * count

    def run(rank: int) -> None:
        try:
            made[rank] = work(Threads(rank, barrier, told))
        except Exception as error:
            made[rank] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def save(folder: Path, step: int, group: Threads, keep: int = 9) -> Path:
    weights = {name: group.part(one) if name in CUT else one for name, one in WEIGHTS.items()}
    moments = {"step": torch.tensor(3.0), "exp_avg": group.part(WEIGHTS["w"] * 2)}
    training = {"optimizer": {"state": {0: moments}, "param_groups": [{"betas": (0.9, 0.99), "params": [0]}]}}
    return Checkpoints(folder, keep, group).save(step, weights, training, {"step": step})


def check(found: checkpoints.Checkpoint) -> None:
    assert all(torch.equal(found.weights[name], tensor) for name, tensor in WEIGHTS.items())
    assert found.weights["thin"].dtype == torch.bfloat16
    optimizer = found.training["optimizer"]
    assert torch.equal(optimizer["state"][0]["exp_avg"], WEIGHTS["w"] * 2)
    assert optimizer["param_groups"][0]["betas"] == (0.9, 0.99)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_what_some_processes_wrote_one_reads_whole(tmp_path: Path, count: int) -> None:
    assert len({*each(count, lambda group: save(tmp_path, 5, group))}) == 1
    latest, notes = Checkpoints(tmp_path, 1).latest()
    assert notes == []
    assert latest is not None
    check(latest)
    names = {path.name for path in (tmp_path / "step-00000005").iterdir()}
    assert f"weights-{count}-of-{count}.safetensors" in names
    assert len(names) == 4 + 2 * count


@pytest.mark.parametrize(("wrote", "reads"), [(2, 3), (3, 2), (2, 2), (1, 2), (4, 1)])
def test_each_of_another_number_of_processes_reads_its_own_rows(tmp_path: Path, wrote: int, reads: int) -> None:
    each(wrote, lambda group: save(tmp_path, 5, group))

    def own(group: Threads) -> Tensor:
        found, _ = Checkpoints(tmp_path, 1, group).latest(whole=False)
        assert found is not None
        lying = found.weights["w"]
        assert isinstance(lying, InParts)
        assert lying.shape == (7, 5)
        return lying[first_axis(lying.shape, group.rank, group.count)]

    assert torch.equal(torch.cat(each(reads, own)), WEIGHTS["w"])


@pytest.mark.parametrize("count", [2, 3])
def test_pytorchs_own_reader_takes_the_files(tmp_path: Path, count: int) -> None:
    import torch.distributed.checkpoint as dcp

    each(count, lambda group: save(tmp_path, 5, group))
    for path in (tmp_path / "step-00000005").glob("training-*"):
        path.unlink()
    state = {name: torch.zeros_like(WEIGHTS[name]) for name in ("w", "thin", "mean")}
    with pytest.warns(UserWarning, match="single process"):
        dcp.load(state, storage_reader=dcp.HuggingFaceStorageReader(str(tmp_path / "step-00000005")))
    assert all(torch.equal(tensor, WEIGHTS[name]) for name, tensor in state.items())


@given(st.integers(1, 9), st.integers(1, 5), st.data())
@settings(max_examples=30)
def test_any_block_is_read_alone(tmp_path_factory: pytest.TempPathFactory, rows: int, count: int, data: Any) -> None:
    folder, whole = tmp_path_factory.mktemp("block"), torch.rand(rows, 3)
    for rank in range(count):
        block = first_axis(whole.shape, rank, count)
        write_parts({"w": Part(whole[block], (block[0].start, 0))}, folder / f"{rank}.safetensors")
    start, end = sorted(data.draw(st.tuples(st.integers(0, rows), st.integers(0, rows))))
    asked = (slice(start, end), slice(data.draw(st.integers(0, 3)), 3))
    lying = in_files(sorted(folder.iterdir()))["w"]
    assert torch.equal(lying[asked], whole[asked])
    assert torch.equal(lying.whole(), whole)


@pytest.mark.parametrize("name", ["weights-2-of-2.safetensors", "training-1-of-2.safetensors", "weights.safetensors"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_file_is_refused_by_name_by_all_and_the_checkpoint_before_is_used(
    tmp_path: Path, name: str, damage: str
) -> None:
    for step in (1, 2):
        each(2, lambda group, step=step: save(tmp_path, step, group))  # type: ignore[misc]
    path = tmp_path / "step-00000002" / name
    content = bytearray(path.read_bytes())
    content[-3] ^= 16
    {"flipped": lambda: path.write_bytes(content), "cut": lambda: path.write_bytes(content[:-1]), "gone": path.unlink}[
        damage
    ]()
    for latest, notes in each(2, lambda group: Checkpoints(tmp_path, 1, group).latest()):
        assert latest.state["step"] == 1
        assert "`step-00000002` is damaged" in notes[0]
        assert name in notes[0]
    latest, notes = Checkpoints(tmp_path, 1).latest()
    assert latest is not None
    assert latest.state["step"] == 1
    assert name in notes[0]


def test_a_manifest_that_names_too_few_parts_is_refused(tmp_path: Path) -> None:
    each(2, lambda group: save(tmp_path, 1, group))
    manifest = tmp_path / "step-00000001" / "manifest.json"
    sums = json.loads(manifest.read_text())
    del sums["weights-2-of-2.safetensors"]
    manifest.write_text(json.dumps(sums))
    with pytest.raises(Damaged, match="names too few files"):
        read(tmp_path / "step-00000001")


def test_a_disk_that_is_full_for_one_stops_all_with_the_reason_and_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    each(2, lambda group: save(tmp_path, 1, group))

    def full(parts: object, path: Path) -> None:
        if path.name == "weights-2-of-2.safetensors":
            raise OSError(errno.ENOSPC, "No space left on device")
        write_parts(parts, path)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoints, "write_parts", full)
    for told in each(2, lambda group: save(tmp_path, 2, group)):
        assert isinstance(told, RunError)
        assert "step-00000002` cannot be written: No space left on device" in told.message
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_a_part_that_the_first_process_does_not_see_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(parts: object, path: Path) -> None:
        other = path if "1-of" in path.name else path.with_name("elsewhere")
        write_parts(parts, other)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoints, "write_parts", elsewhere)
    monkeypatch.setattr(checkpoints, "_sync", lambda path: None)
    monkeypatch.setattr(checkpoints, "_sum", lambda path: "0")
    (told, _) = each(2, lambda group: save(tmp_path, 2, group))
    assert isinstance(told, RunError)
    assert "does not see `weights-2-of-2.safetensors`: let all see the run folder" in told.message


KILLED = """
import os, random, signal, sys, time, torch
import torch.distributed as dist
from datetime import timedelta
from pathlib import Path
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.parallel import Replicas
from dlspec.training.parts import Part, first_axis

out, chance = Path(sys.argv[1]), random.Random(0)

def write(rank, meeting):
    store = dist.FileStore(str(meeting), 2)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=2, timeout=timedelta(seconds=20))
    made = Checkpoints(out / "checkpoints", 1, Replicas(torch.device("cpu")))
    first, _ = made.latest()
    for step in range(first.state["step"] + 1 if first else 1, 10**6):
        whole = torch.full((40_000, 2), float(step))
        block = first_axis(whole.shape, rank, 2)
        part = Part(whole[block], (block[0].start, 0))
        made.save(step, {"w": part, "b": whole[0]}, {"step": step, "m": part}, {"step": step})

strays, before = 0, 0
for kill in range(12):
    children = []
    for rank in range(2):
        child = os.fork()
        if child == 0:
            try:
                write(rank, out / f"meeting-{kill}")
            except RuntimeError:
                os._exit(1)
        children.append(child)
    while not list((out / "checkpoints").glob("*-*")):
        time.sleep(0.001)
    time.sleep(0.1 + chance.uniform(0, 0.1))
    victim = chance.randrange(2)
    os.kill(children[victim], signal.SIGKILL)
    time.sleep(chance.uniform(0, 0.02))
    os.kill(children[1 - victim], signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)
    strays += bool(list((out / "checkpoints").glob(".writing-*")))
    found, notes = Checkpoints(out / "checkpoints", 1).latest()
    if found is None:
        assert kill == 0, "what was whole is gone"
        continue
    step = found.state["step"]
    assert notes == [] and step >= before, (notes, step, before)
    for tensor in (found.weights["w"], found.weights["b"], found.training["m"]):
        assert torch.equal(tensor, torch.full_like(tensor, float(step))), "of different steps"
    before = step
print(before > 12, strays > 0)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(torch.distributed, "FileStore"), reason="this build of torch has no processes")
def test_a_kill_of_either_process_at_any_instant_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["True", "True"]


EVERY_OPTIMIZER = """
import os, sys, torch
import torch.distributed as dist
from pathlib import Path
from torch import nn
from dlspec.plan.optimizers import Optimizer
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.optimization import build_optimizer
from dlspec.training.parallel import Shards
from tests.training.runs import plan_of

def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).double()

def steps(module, optimizer, count, begin=0):
    for number in range(begin, begin + count):
        optimizer.zero_grad()
        module(torch.linspace(-1, 1, 20).view(4, 5).double() + number).square().sum().backward()
        optimizer.step()

def work(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    group, told = Shards(torch.device("cpu")), []
    for name, member in Optimizer.members.items():
        if member.whole_batch:
            continue
        plan = plan_of(optimizer=f"{name}(lr=0.01{', momentum=0.9' if name == 'sgd' else ''})", decay="weights")
        alone = network()
        steps(alone, build_optimizer(plan, alone), 5)
        for step, number in enumerate((2, 3)):
            module = network()
            group.prepared(module)
            optimizer = build_optimizer(plan, module)
            saved = Checkpoints(folder / name, 1, group)
            if step:
                found, _ = saved.latest(whole=False)
                group.load_weights(module, found.weights)
                group.load_optimizer(module, optimizer, found.training["optimizer"])
            steps(module, optimizer, number, 2 * step)
            training = {"optimizer": group.optimizer_state(module, optimizer)}
            saved.save(step + 1, group.weights(module), training, {})
        apart = max(float((one.full_tensor() - other).abs().max()) for one, other in
                    zip(module.state_dict().values(), alone.state_dict().values(), strict=True))
        told.append(f"{name} {apart < 1e-12}")
    if rank == 0:
        print(chr(10).join(told), flush=True)
    group.wait()

child = os.fork()
work(int(child == 0), Path(sys.argv[1]))
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.slow
def test_every_optimizer_goes_on_in_parts_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    from dlspec.plan.optimizers import Optimizer

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EVERY_OPTIMIZER, str(tmp_path)], capture_output=True, text=True,
        timeout=120, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    names = [name for name, member in Optimizer.members.items() if not member.whole_batch]
    assert done.stdout.splitlines() == [f"{name} True" for name in names]

"""What a checkpoint of several processes costs each: bytes on disk, memory beside training, seconds.

Three ways to save the same network and Adam's moments, cut by FSDP2: each process its part as dlspec does, the same
through `torch.distributed.checkpoint`, and all gathered for the first process to write. Then each reads its part back.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_saver import save
from torch.multiprocessing.spawn import spawn

from dlspec.training.checkpoints import Checkpoints
from dlspec.training.parallel import Replicas, Shards

MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--width", type=int, default=3000, help="of three square layers")
    options = parser.parse_args()
    if not Path("/proc/self/clear_refs").exists():
        sys.exit("memory is read from /proc, which Linux has")
    with tempfile.TemporaryDirectory() as folder:
        spawn(work, (options.processes, options.width, Path(folder)), options.processes)


def work(rank: int, count: int, width: int, folder: Path) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder / 'meeting'}", rank=rank, world_size=count)
    try:
        compare(Shards(torch.device("cpu")), width, folder)
    finally:
        distributed.destroy_process_group()


def compare(group: Shards, width: int, folder: Path) -> None:
    """A table of the most that any process needed, from the first."""
    module = nn.Sequential(*(nn.Linear(width, width) for _ in range(3)))
    group.prepared(module)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.rand(2, width)).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    share = sum(part.values.nbytes for part in group.weights(module).values()) * 3 / MIB
    if group.is_first:
        print(f"{group.count} processes; weights and moments of each: {share:.0f} MiB")
        print(f"{'':<24}{'written':>12}{'memory':>12}{'seconds':>10}")
    ways: dict[str, Callable[[Path], object]] = {
        "each its part": lambda out: in_parts(group, module, optimizer, out),
        "torch's DCP": lambda out: by_dcp(module, optimizer, out),
        "gathered for the first": lambda out: gathered(group, module, optimizer, out),
        "each reads its part": lambda out: read(group, module, optimizer, folder / "0"),
    }
    for number, (name, way) in enumerate(ways.items()):
        out = folder / str(number)
        memory, seconds = measured(group, lambda way=way, out=out: way(out))  # type: ignore[misc]
        if group.is_first:
            print(f"{name:<24}{most_written(out):>8.0f} MiB{max(memory):>8.0f} MiB{max(seconds):>10.2f}")
    group.wait()


def most_written(out: Path) -> float:
    """What the process wrote that wrote most, in MiB."""
    sizes: Counter[str] = Counter()
    for path in out.rglob("*.*"):
        if path.is_file():
            writer = re.search(r"shard-0*(\d+)-|-(\d+)-of-", path.name)
            sizes[(writer[1] or writer[2]) if writer else "1"] += path.stat().st_size
    return max(sizes.values(), default=0) / MIB


def measured(group: Replicas, way: Callable[[], object]) -> tuple[list[float], list[float]]:
    """For each process the memory beyond that of before, in MiB, and the seconds."""
    group.wait()
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is forgotten
    before, began = _memory("VmRSS"), time.perf_counter()
    way()
    found = group.gathered((_memory("VmHWM") - before, time.perf_counter() - began))
    return [one for one, _ in found], [one for _, one in found]


def _memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def state_of(group: Shards, module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return {"optimizer": group.optimizer_state(module, optimizer)}


def in_parts(group: Shards, module: nn.Module, optimizer: torch.optim.Optimizer, out: Path) -> None:
    Checkpoints(out, 1, group).save(1, group.weights(module), state_of(group, module, optimizer), {})


def by_dcp(module: nn.Module, optimizer: torch.optim.Optimizer, out: Path) -> None:
    moments = {
        f"{number}.{name}": value
        for number, some in optimizer.state_dict()["state"].items()
        for name, value in some.items()
    }
    writer = HuggingFaceStorageWriter(str(out), save_distributed=True)
    save(dict(module.state_dict()) | moments, storage_writer=writer)


def gathered(group: Shards, module: nn.Module, optimizer: torch.optim.Optimizer, out: Path) -> None:
    def whole(value: Any) -> Any:
        return value.full_tensor() if hasattr(value, "full_tensor") else value

    weights: dict[str, Tensor] = {name: whole(tensor) for name, tensor in module.state_dict().items()}
    state = optimizer.state_dict()
    kept = {number: {name: whole(one) for name, one in some.items()} for number, some in state["state"].items()}
    if group.is_first:
        Checkpoints(out, 1).save(1, weights, {"optimizer": state | {"state": kept}}, {})
    group.wait()


def read(group: Shards, module: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> None:
    found, notes = Checkpoints(folder, 1, group).latest(whole=False)
    assert found is not None, notes
    group.load_weights(module, found.weights)
    group.load_optimizer(module, optimizer, found.training["optimizer"])


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()

"""Two processes train a detector together though one of them never sees an object."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

WORKER = """
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from dlspec.checking import open_spec
from dlspec.lowering import lower

rank, folder = int(sys.argv[1]), Path(sys.argv[2])
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2, timeout=timedelta(minutes=5))
names = {}
exec(compile(lower(open_spec("maskrcnn_digits").graph("maskrcnn_digits")).source, "detector.py", "exec"), names)
torch.manual_seed(0)
network = names["build"]()
together = torch.nn.parallel.DistributedDataParallel(network)  # as it is: no search for weights without a gradient
optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
torch.manual_seed(rank)
for step in range(3):
    count = 2 * rank  # the first process has no object at all
    boxes = [torch.tensor([[10.0, 10, 30, 40], [60, 50, 80, 90]])[:count]]
    labels, masks = [torch.tensor([3, 7])[:count]], [torch.ones(count, 128, 128, dtype=torch.uint8)]
    optimizer.zero_grad()
    losses = together(torch.rand(1, 1, 128, 128), boxes, labels, masks)
    sum(losses.values()).backward()
    missing = [name for name, weight in network.named_parameters() if weight.grad is None]
    assert not missing, missing
    optimizer.step()
torch.save([weight.detach() for weight in network.parameters()], folder / f"weights-{rank}.pt")
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_a_process_without_an_object_takes_part_in_every_step(tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    processes = [
        subprocess.Popen(
            [sys.executable, str(tmp_path / "worker.py"), str(rank), str(tmp_path)], stderr=subprocess.PIPE, text=True
        )
        for rank in (0, 1)
    ]
    errors = [process.communicate(timeout=400)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    first, second = (torch.load(tmp_path / f"weights-{rank}.pt") for rank in (0, 1))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)
        assert one.isfinite().all()

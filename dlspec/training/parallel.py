"""Several processes on one plan, as `torchrun` starts them: each computes its share of every batch.

A batch is that of the plan, whatever the number of processes, so that a run gives the same losses on one process and
on four, and goes on with another number than it began with. The gradient of a share counts as many times as it has
samples. Weights are whole in every process (DDP), or cut into one part for each (FSDP2, `fully_shard`); checkpoints
hold them whole. The first process writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta

import torch
from torch import Tensor, nn

from dlspec.plan.keys import ResolvedPlan
from dlspec.record import TYPE_CHECKING
from dlspec.training.errors import RunError

if TYPE_CHECKING:
    from typing import Any

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others before the run ends."""


class Group:
    """The processes of a run, from the view of one of them; this one is alone."""

    rank = 0
    count = 1
    is_first = True

    def share(self, rows: Tensor) -> tuple[Tensor, float]:
        """The rows of a batch that are this process's, and how often their mean gradient counts."""
        return rows, 1.0

    def prepared(self, module: nn.Module) -> None:
        """Cut the weights of a module into parts, where the strategy is to."""

    def wrapped(self, module: nn.Module) -> nn.Module:
        """What a training step calls."""
        return module

    def unsynced(self, module: nn.Module, *, last: bool) -> AbstractContextManager[object]:
        """The context of a part of a batch after which gradients are not yet exchanged."""
        return nullcontext()

    def agreed(self, wish: bool) -> bool:
        """Whether any process wishes it."""
        return wish

    def gathered(self, value: Any) -> list[Any]:
        """What every process has, in their order."""
        return [value]

    def wait(self) -> None:
        """Until every process is here."""

    def settle(self, module: nn.Module) -> None:
        """Give every process the running statistics of the first."""

    def weights(self, module: nn.Module) -> dict[str, Tensor]:
        """The whole weights by path."""
        return dict(module.state_dict())

    def load_weights(self, module: nn.Module, weights: dict[str, Tensor]) -> None:
        module.load_state_dict(weights)

    def optimizer_state(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """The optimizer's state, whole, its parameters by number."""
        return optimizer.state_dict()

    def load_optimizer(self, module: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        optimizer.load_state_dict(state)


ALONE = Group()


class Replicas(Group):
    """Processes with whole weights each: DistributedDataParallel."""

    def __init__(self, device: torch.device) -> None:
        import torch.distributed as dist

        self.dist = dist
        self.rank, self.count = dist.get_rank(), dist.get_world_size()
        self.is_first = self.rank == 0
        self.device = device

    def share(self, rows: Tensor) -> tuple[Tensor, float]:
        own = rows[self.rank :: self.count]
        if not len(own):
            return rows[:1], 0.0  # it takes part in the exchange, and adds nothing
        return own, self.count * len(own) / len(rows)

    def wrapped(self, module: nn.Module) -> nn.Module:
        if not any(parameter.requires_grad for parameter in module.parameters()):
            return module
        return nn.parallel.DistributedDataParallel(module)

    def unsynced(self, module: nn.Module, *, last: bool) -> AbstractContextManager[object]:
        return (
            module.no_sync() if isinstance(module, nn.parallel.DistributedDataParallel) and not last else nullcontext()
        )

    def agreed(self, wish: bool) -> bool:
        said = torch.tensor(int(wish), device=self.device)
        self.dist.all_reduce(said, self.dist.ReduceOp.MAX)
        return bool(said)

    def gathered(self, value: Any) -> list[Any]:
        found: list[Any] = [None] * self.count
        self.dist.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        self.dist.barrier()

    def settle(self, module: nn.Module) -> None:
        for buffer in module.buffers():
            self.dist.broadcast(buffer, 0)


class Shards(Replicas):
    """Processes with a part of every weight each: FSDP2."""

    def prepared(self, module: nn.Module) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        fully_shard(module, mesh=init_device_mesh(self.device.type, (self.count,)))

    def wrapped(self, module: nn.Module) -> nn.Module:
        return module

    def unsynced(self, module: nn.Module, *, last: bool) -> AbstractContextManager[object]:
        module.set_requires_gradient_sync(last)  # type: ignore[operator]  # fully_shard gives the module this method
        return nullcontext()

    def weights(self, module: nn.Module) -> dict[str, Tensor]:
        return {name: _whole(tensor) for name, tensor in module.state_dict().items()}

    def load_weights(self, module: nn.Module, weights: dict[str, Tensor]) -> None:
        for name, own in module.state_dict().items():
            _local(own).copy_(_local(_part(weights[name], own)))

    def optimizer_state(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        state = optimizer.state_dict()
        kept = {number: {name: _whole(value) for name, value in one.items()} for number, one in state["state"].items()}
        return state | {"state": kept}

    def load_optimizer(self, module: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        kept = {
            number: {name: _part(value, parameters[number]) for name, value in one.items()}
            for number, one in state["state"].items()
        }
        optimizer.load_state_dict(state | {"state": kept})


def _whole(value: Any) -> Any:
    """A tensor that lies in parts put together, in every process; anything else as it is."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def _local(tensor: Any) -> Tensor:
    """The part of a tensor that lies here."""
    part: Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return part


def _part(value: Any, like: Any) -> Any:
    """A whole tensor cut as another of its shape is. Every process has read it whole, so none need be sent any."""
    if not hasattr(like, "placements") or not isinstance(value, Tensor) or value.shape != like.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def launched() -> int:
    """How many processes this one was started with; 1 for none."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def restarted() -> bool:
    """Whether `torchrun --max-restarts` has started the processes again."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


@contextmanager
def opened(plan: ResolvedPlan, device: torch.device) -> Iterator[Group]:
    """The processes of a run while it lasts; raises RunError where the plan's strategy and the start do not agree."""
    count = launched()
    if plan.strategy in ("ddp", "fsdp") and count < 2:
        hint = "start several: `torchrun --nproc-per-node 2 -m dlspec train …`"
        raise RunError(f"the strategy `{plan.strategy}` takes several processes, and there is one", hint, code="E0708")
    if plan.strategy == "single" and count > 1:
        hint = "leave out `strategy`, or start it without `torchrun`"
        raise RunError(f"the strategy `single` takes one process, and {count} were started", hint, code="E0708")
    if plan.strategy == "fsdp" and plan.ema is not None:
        raise RunError("the strategy `fsdp` keeps no running mean of the weights", "leave out `ema`", code="E0708")
    if count < 2:
        yield ALONE
        return
    import torch.distributed as dist
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    # A group that was started again must not read the addresses of the one before (pytorch/pytorch#135712).
    store, rank, size = next(iter(rendezvous("env://", timeout=PATIENCE)))
    again = PrefixStore(f"start-{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    backend = "nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=again, rank=rank, world_size=size, timeout=PATIENCE)
    try:
        yield (Shards if plan.strategy == "fsdp" else Replicas)(device)
    finally:
        dist.destroy_process_group()


def own_device(device: torch.device) -> torch.device:
    """The device of this process, of several like it in a machine."""
    if device.type == "cuda" and launched() > 1:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return device


def lost(error: Exception) -> RunError | None:
    """What to say where another process was lost; None for any other error."""
    if launched() < 2 or not isinstance(error, RuntimeError):
        return None
    text = str(error)
    signs = ("Connection closed by peer", "Connection reset by peer", "timed out", "Timed out", "NCCL", "gloo")
    if not any(sign in text for sign in signs):
        return None
    told = f"another of the {launched()} processes was lost: {text.splitlines()[0]}"
    return RunError(told, "go on with `--resume`, with as many processes as there are")

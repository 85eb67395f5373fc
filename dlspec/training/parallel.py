"""Several processes on one plan, as `torchrun` starts them: each computes its share of every batch.

A batch is that of the plan, whatever the number of processes, so that a run gives the same losses on one process and
on four, and goes on with another number than it began with. The gradient of a share counts as many times as it has
samples. Weights are whole in every process (DDP), and the first writes checkpoints; or they are cut into one part for
each (FSDP2, `fully_shard`), which it writes and reads alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta

import torch
from torch import Tensor, nn

from dlspec.plan.keys import ResolvedPlan
from dlspec.record import TYPE_CHECKING
from dlspec.training.errors import RunError
from dlspec.training.parts import Part, first_axis

if TYPE_CHECKING:
    from typing import Any

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others before the run ends."""
REPORTING = timedelta(days=7)
"""How long the others wait for the first to report; a launcher ends them if it dies."""


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

    def summed(self, value: Tensor) -> Tensor:
        """The sum over all processes, float64."""
        return value

    def gathered(self, value: Any) -> list[Any]:
        """What every process has, in their order."""
        return [value]

    def wait(self) -> None:
        """Until every process is here."""

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """While the first alone fits stages and reports, which may take longer than others wait for anything else."""
        yield

    def await_report(self) -> None:
        """Until the first has reported, or failed to."""

    def settle(self, module: nn.Module) -> None:
        """Give every process the running statistics of the first."""

    whole = True
    """Whether weights are whole in every process."""

    def weights(self, module: nn.Module) -> dict[str, Any]:
        """The weights by path, each a `Part` where the others have the rest of it."""
        return dict(module.state_dict())

    def load_weights(self, module: nn.Module, weights: Mapping[str, Any]) -> None:
        module.load_state_dict(weights)

    def optimizer_state(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        """The optimizer's state, its parameters by number."""
        return optimizer.state_dict()

    def load_optimizer(self, module: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        load_exactly(optimizer, state)


def load_exactly(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load a state, in the types that it was saved in: torch gives NAdam's running product that of the weights."""
    optimizer.load_state_dict(state)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for number, some in state["state"].items():
        held = optimizer.state[parameters[number]]
        for name, value in some.items():
            if isinstance(value, Tensor) and value.dtype != held[name].dtype:
                held[name] = value.to(held[name].device)


ALONE = Group()


class Replicas(Group):
    """Processes with whole weights each: DistributedDataParallel."""

    opened = 0
    """How many groups this process was in; each has a name of its own in the store that all share."""

    def __init__(self, device: torch.device, store: Any = None) -> None:
        import torch.distributed as dist

        self.dist, self.store = dist, store
        Replicas.opened += 1
        self.report = f"reported-{Replicas.opened}"
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

    def summed(self, value: Tensor) -> Tensor:
        total = value.to(self.device, copy=True)
        self.dist.all_reduce(total)
        return total.to(value.device)

    def gathered(self, value: Any) -> list[Any]:
        found: list[Any] = [None] * self.count
        self.dist.all_gather_object(found, value)
        return found

    def wait(self) -> None:
        self.dist.barrier()

    @contextmanager
    def reporting(self) -> Iterator[None]:
        try:
            yield
        finally:
            if self.store is not None:
                self.store.set(self.report, "done")

    def await_report(self) -> None:
        if self.store is not None:
            self.store.wait([self.report], REPORTING)

    def settle(self, module: nn.Module) -> None:
        for buffer in module.buffers():
            self.dist.broadcast(buffer, 0)


class Shards(Replicas):
    """Processes with a part of every weight each: FSDP2."""

    def prepared(self, module: nn.Module) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh(self.device.type, (self.count,))
        for block in blocks(module):
            fully_shard(block, mesh=mesh)
        fully_shard(module, mesh=mesh)

    def wrapped(self, module: nn.Module) -> nn.Module:
        return module

    def unsynced(self, module: nn.Module, *, last: bool) -> AbstractContextManager[object]:
        module.set_requires_gradient_sync(last)  # type: ignore[operator]  # fully_shard gives the module this method
        return nullcontext()

    whole = False

    def weights(self, module: nn.Module) -> dict[str, Any]:
        return {name: self._own(tensor) for name, tensor in module.state_dict().items()}

    def load_weights(self, module: nn.Module, weights: Mapping[str, Any]) -> None:
        for name, own in module.state_dict().items():
            _local(own).copy_(weights[name][self._block(own)])

    def optimizer_state(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        state = optimizer.state_dict()
        kept = {number: {name: self._own(one) for name, one in some.items()} for number, some in state["state"].items()}
        return state | {"state": kept}

    def load_optimizer(self, module: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        kept = {
            number: {name: self._cut(one, parameters[number]) for name, one in some.items()}
            for number, some in state["state"].items()
        }
        load_exactly(optimizer, state | {"state": kept})

    def _block(self, tensor: Any) -> tuple[slice, ...]:
        """What of a tensor is this process's; all of one that is not cut."""
        if not hasattr(tensor, "placements"):
            return tuple(slice(0, size) for size in tensor.shape)
        return first_axis(tensor.shape, self.rank, self.count)

    def _own(self, value: Any) -> Any:
        """The part of a tensor that lies here; anything else as it is."""
        if not hasattr(value, "placements"):
            return value
        return Part(_local(value), tuple(axis.start for axis in self._block(value)))

    def _cut(self, value: Any, parameter: Any) -> Any:
        """What an optimizer keeps for a weight, cut as the weight is."""
        if not hasattr(value, "shape") or value.shape != parameter.shape or not hasattr(parameter, "placements"):
            return value
        from torch.distributed.tensor import DTensor

        own = value[self._block(parameter)]
        own = (own.clone() if isinstance(value, Tensor) else own).to(parameter.device)
        return DTensor.from_local(
            own, parameter.device_mesh, parameter.placements, shape=parameter.shape, stride=parameter.stride()
        )


def blocks(module: nn.Module) -> list[nn.Module]:
    """The parts of a generated network whose weights are put together by themselves when their turn comes, so that no
    process ever holds all: the innermost blocks that a spec has a name for. The rest of the network comes at once.
    """
    named = [one for one in module.modules() if one is not module and not type(one).__module__.startswith("torch.")]
    inner = [one for one in named if not any(other is not one and other in named for other in one.modules())]
    return [one for one in inner if any(parameter.requires_grad for parameter in one.parameters())]


def _local(tensor: Any) -> Tensor:
    """The part of a tensor that lies here."""
    part: Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return part


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
    if plan.strategy == "fsdp" and plan.optimizer.whole_batch:
        message = f"the strategy `fsdp` cuts weights into parts, and `{plan.optimizer.name}` takes them as one"
        raise RunError(message, "take `ddp`, or another optimizer", code="E0708")
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
        yield (Shards if plan.strategy == "fsdp" else Replicas)(device, again)
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

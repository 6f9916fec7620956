"""Several processes train one network: the first leads (rolls out, reports, saves), the others follow.

Started by torchrun or ``accelerate launch``, which set RANK, WORLD_SIZE and the rest. What all must do
together is registered with ``together``: called by the leader, it runs in every process with the same
arguments. Alone, everything here is free.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

T = TypeVar("T")
WAIT = timedelta(days=7)  # followers wait while the leader rolls out and evaluates


class Team:
    """The processes that train one network together, as ``torchrun`` started them; one where it did not.

    The first one (rank 0) leads: it rolls out, reports and saves, and the others follow what it asks for.
    """

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        if self.size > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=WAIT)
        self.rank = dist.get_rank() if self.size > 1 else 0
        self._works: list[Callable[..., Any]] = []

    @property
    def is_rank0(self) -> bool:
        return self.rank == 0

    def together(self, work: Callable[..., T]) -> Callable[..., T]:
        """``work``, run by everybody when the leader calls it; its value is the leader's."""
        if self.size == 1:
            return work
        self._works.append(work)
        number = len(self._works) - 1

        def lead(*arguments: Any) -> T:
            self.broadcast((number, arguments))
            return work(*arguments)

        return lead

    def follow(self) -> None:
        """A follower's whole training: do what the leader asks for until it is done."""
        while (order := self.broadcast(None)) is not None:
            number, arguments = order
            self._works[number](*arguments)

    @contextmanager
    def led(self) -> Iterator[None]:
        """The leader's part; whatever ends it, the followers are told."""
        try:
            yield
        finally:
            if self.size > 1:
                self.broadcast(None)

    def broadcast(self, value: T) -> T:
        """The leader's ``value``, in every process."""
        if self.size == 1:
            return value
        box = [value if self.is_rank0 else None]
        dist.broadcast_object_list(box, src=0)
        return box[0]  # type: ignore[return-value]  # only the leader's None comes out as None

    def broadcast_weights(self, network: nn.Module) -> None:
        """Everybody has the leader's weights."""
        if self.size > 1:
            for tensor in network.state_dict().values():
                dist.broadcast(tensor, src=0)

    def shard_batches(self, prepared_batches: Sequence[T]) -> tuple[list[T], int]:
        """This process's micro-batches, and how many of them count: everybody gets as many, since a
        sharded pass needs all processes, so the last ones may be repeats whose loss must weigh nothing."""
        each = -(-len(prepared_batches) // self.size)
        mine = list(prepared_batches[self.rank :: self.size])
        return mine + [prepared_batches[0]] * (each - len(mine)), len(mine)

    def sum_gradients(self, parameters: Sequence[Tensor]) -> None:
        if self.size > 1:
            for parameter in parameters:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                dist.all_reduce(parameter.grad)

    def sum(self, values: dict[str, float]) -> dict[str, float]:
        """Sums over all processes; all have the same keys in the same order."""
        if self.size == 1:
            return values
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        row = torch.tensor(list(values.values()), dtype=torch.float64, device=device)
        dist.all_reduce(row)
        return dict(zip(values, row.tolist(), strict=True))

    def everyones(self, value: Tensor) -> list[Tensor]:
        """What every process has, in the order of their ranks, here."""
        if self.size == 1:
            return [value]
        boxes: list[Any] = [None] * self.size
        dist.all_gather_object(boxes, value.cpu())
        return [box.to(value.device) for box in boxes]


def sharded_copy(network: Any) -> Any:
    """FSDP: a copy in float32 whose every decoder layer is split over all processes.

    A copy, because rolling out needs whole weights in the leader; gradients are summed, not averaged.
    """
    from torch.distributed.fsdp import fully_shard

    replica = copy.deepcopy(network).float()
    for layer in replica.get_decoder().layers:
        fully_shard(layer)
    fully_shard(replica)
    for module in replica.modules():
        if isinstance(module, torch.distributed.fsdp.FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # gloo has no scaled sum
    return replica


def whole(value: Any) -> Any:
    """A sharded tensor on the CPU in one piece, in every process; others as they are. All must call it."""
    return value.full_tensor().detach().cpu() if isinstance(value, DTensor) else value


def like(weight: Tensor, value: Any) -> Any:
    """A whole ``value`` of ``weight``'s shape, split over the processes as the weight is."""
    if not isinstance(weight, DTensor) or value.shape != weight.shape:
        return value
    return distribute_tensor(value.to(weight.device), weight.device_mesh, weight.placements)


def whole_weights(replica: Any) -> dict[str, Tensor]:
    """The weights of a sharded network, on the leader's CPU (empty elsewhere). All must call it."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    # Declared for optimisers' states too; a model's state holds tensors alone.
    return cast(dict[str, Tensor], get_model_state_dict(replica, options=options))

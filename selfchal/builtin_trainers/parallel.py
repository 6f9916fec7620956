"""Several processes train one network: the first leads (rolls out, reports, saves), the others follow.

Started by torchrun or ``accelerate launch``, which set RANK, WORLD_SIZE and the rest. What all must do
together is registered with ``together``: called by the leader, it runs in every process with the same
arguments. Alone, everything here is free. How the network is split over them is in ``sharding``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from selfchal.processes import broadcast_order, count_processes, join_processes

T = TypeVar("T")


class Team:
    """The processes that train one network together, as ``torchrun`` started them; one where it did not.

    The first one (rank 0) leads: it rolls out, reports and saves, and the others follow what it asks for.
    """

    def __init__(self) -> None:
        """Raises TrainingError where the environment holds only half of what a launcher sets."""
        self.size, self.rank = count_processes(), join_processes()
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
        """The leader's ``value``, in every process. On CPUs: waiting for it keeps no GPU busy."""
        return broadcast_order(value)  # type: ignore[no-any-return]  # what went in comes out

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
        row = torch.tensor(list(values.values()), dtype=torch.float64)
        dist.all_reduce(row)
        return dict(zip(values, row.tolist(), strict=True))

    def everyones(self, value: Tensor) -> list[Tensor]:
        """What every process has, in the order of their ranks, here."""
        if self.size == 1:
            return [value]
        boxes: list[Any] = [None] * self.size
        dist.all_gather_object(boxes, value.cpu())
        return [box.to(value.device) for box in boxes]

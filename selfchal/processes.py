"""The processes of one run, as torchrun or ``accelerate launch`` started them: how many, which, and orders.

Orders travel by gloo, on CPUs, so that no GPU waits inside NCCL while another process works. Light: torch
comes in when there are several.
"""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import count
from typing import Any

from selfchal.core.errors import TrainingError

WAIT = timedelta(days=7)  # the other processes wait while the first one rolls out and evaluates
_meetings = count()  # every process counts the same ones
_LAUNCHERS_SET = ("RANK", "MASTER_ADDR", "MASTER_PORT")


def is_launched() -> bool:
    """Whether a launcher started several processes, as far as the environment says."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def count_processes() -> int:
    """1 without a launcher. Raises TrainingError where only half of what a launcher sets is there."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    missing = [name for name in _LAUNCHERS_SET if name not in os.environ]
    if is_launched() and missing:
        raise TrainingError(
            f"WORLD_SIZE is {size} in the environment, and {', '.join(missing)} not: start with "
            f"`torchrun --nproc-per-node {size} -m selfchal …`, or unset WORLD_SIZE to run in one process"
        )
    return size


def join_processes() -> int:
    """This process's rank among them all, once they have met; 0 where it is alone."""
    if count_processes() == 1:
        return 0
    import torch
    import torch.distributed as dist
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    if not dist.is_initialized():
        backend = "gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
            backend = "cpu:gloo,cuda:nccl"
        store, rank, size = next(rendezvous("env://", timeout=WAIT))
        meeting = PrefixStore(f"meeting {next(_meetings)}", store)  # no addresses of an earlier one
        dist.init_process_group(backend, store=meeting, rank=rank, world_size=size, timeout=WAIT)
    return dist.get_rank()


def leave_processes() -> None:
    """Close the connections between the processes, at an orderly end; a later ``join_processes`` meets again.

    A process that ends with them open may be aborted by a thread of theirs that still runs.
    """
    if count_processes() == 1:
        return
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def broadcast_order(order: Any) -> Any:
    """The first process's ``order``, any plain data, in every process. All must call it."""
    if count_processes() == 1:
        return order
    rank = join_processes()
    import torch
    import torch.distributed as dist

    box = [order if rank == 0 else None]
    dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    return box[0]

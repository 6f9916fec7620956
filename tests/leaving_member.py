"""What torchrun starts in a test: two meetings of the same processes, one after the other."""

from __future__ import annotations

import torch.distributed as dist

from selfchal.processes import broadcast_order, join_processes, leave_processes


def main() -> None:
    for order in ("first", "second"):
        rank = join_processes()
        assert broadcast_order(order if rank == 0 else None) == order
        leave_processes()
        assert not dist.is_initialized(), "connections are closed"
    leave_processes()  # once more does nothing


if __name__ == "__main__":
    main()

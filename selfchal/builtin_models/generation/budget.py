"""How much memory conversations may take while they are sampled, and what to do where there was too little.

On a GPU it is what is free at the time; on a CPU a fraction of the machine's memory, for other programs
live there too.
"""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass

import torch

CPU_FRACTION = 0.25  # of the machine's memory
GPU_FRACTION = 0.8  # of what is free: the passes themselves need some, and free memory lies in pieces
CACHED_FRACTION = 0.25  # of it at most, for conversations that may go on
COPIES = 2  # rows are copied where a batch grows or is packed anew


@dataclass(frozen=True)
class MemoryBudget:
    """Of one network: ``token_bytes`` are kept of each token of a conversation."""

    device: torch.device
    token_bytes: int

    def measure(self, held: int = 0) -> int:
        """Bytes for conversations now, with the ``held`` that they have already."""
        if self.device.type != "cuda":
            return int(CPU_FRACTION * _read_machine_bytes())
        free, _ = torch.cuda.mem_get_info(self.device)
        kept = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return int(GPU_FRACTION * (free + kept)) + held

    def count_rows(self, columns: int, held: int = 0) -> int:
        """How many conversations of so many tokens can be continued together; one at least is tried."""
        return max(1, self.measure(held) // (COPIES * columns * max(1, self.token_bytes)))

    def bound_cache(self, rows: int, context: int) -> int:
        """Bytes for the caches of ended turns: enough for so many whole conversations, if there is memory."""
        return min(rows * context * self.token_bytes, int(CACHED_FRACTION * self.measure()))

    def release(self) -> None:
        """Give what no tensor holds any more back, after memory ran out."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def is_out_of_memory(error: RuntimeError) -> bool:
    """A GPU has an error of its own for it; a CPU says so in words."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _read_machine_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

"""The options of RFT and distillation. Defaults are the paper's (arXiv 2506.01716, table 6)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from selfchal.builtin_trainers.options import OfflineOptions, ParallelOptions


class RftConfig(ParallelOptions, OfflineOptions):
    """Roll every task out once, fine-tune on the episodes that are kept."""

    group_size: int = Field(15, ge=1, le=10_000)
    """Episodes a task; the paper has 12,000 episodes of 800 tasks."""
    keep: Literal["successes", "all"] = "successes"
    """successes: rejection fine-tuning. all: failed episodes too, as the paper distils a teacher."""
    per_task: int | None = Field(4, ge=1)
    """At most so many different kept episodes a task, so that what it can do already does not drown
    what it did once; null: all of them, repeats too, as in the paper."""
    learning_rate: float = Field(1e-5, gt=0)
    """AdamW's peak rate. Tiny models take far larger ones (the embedded one about 1e-3)."""

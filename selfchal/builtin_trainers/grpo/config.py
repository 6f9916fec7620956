"""The options of GRPO. Defaults are the paper's (arXiv 2506.01716, table 6) where it gives one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from selfchal.builtin_trainers.options import ClippedOptions


class GrpoConfig(ClippedOptions):
    """``steps`` updates, each on the episodes of ``tasks_per_step`` tasks, ``group_size`` a task."""

    resample: int = Field(1, ge=0)
    """Dynamic sampling: how many times groups without signal (all rewards equal) are replaced by
    groups of further tasks before the update is made with what there is. 0: never."""

    advantage: Literal["normalised", "centred"] = "normalised"
    """normalised: (reward - group mean) / group deviation. centred: reward - group mean (Dr. GRPO)."""
    loss: Literal["token", "sequence", "constant"] = "token"
    """token: mean over all agent tokens of the batch (DAPO). sequence: mean over each episode's tokens,
    then over episodes (the original). constant: sum over tokens / (episodes * length_budget) (Dr. GRPO)."""
    length_budget: int = Field(1024, ge=1)
    """The constant of ``loss: constant``, in agent tokens an episode."""

    def count_episodes(self, tasks: int) -> int:
        """At most: as if every group were replaced as often as it may be."""
        return (1 + self.resample) * super().count_episodes(tasks)

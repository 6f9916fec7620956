"""The options of GRPO. Defaults are the paper's (arXiv 2506.01716, table 6) where it gives one."""

from __future__ import annotations

from pydantic import Field

from selfchal.builtin_trainers.options import ClippedOptions
from selfchal.builtin_trainers.policy_loss.seams import AdvantageName


class GrpoConfig(ClippedOptions):
    """``steps`` updates, each on the episodes of ``tasks_per_step`` tasks, ``group_size`` a task."""

    resample: int = Field(1, ge=0)
    """Dynamic sampling: how many times groups without signal (all rewards equal) are replaced by
    groups of further tasks before the update is made with what there is. 0: never."""

    advantage: AdvantageName = "normalised"
    """What an episode is worth beside its group. normalised: (reward - mean) / deviation. centred: reward -
    mean (Dr. GRPO). leave_one_out: reward - mean of the others (RLOO). Or package.module:function of your
    own."""

    def count_episodes(self, tasks: int) -> int:
        """At most: as if every group were replaced as often as it may be."""
        return (1 + self.resample) * super().count_episodes(tasks)

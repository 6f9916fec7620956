"""The options of KTO. The paper (arXiv 2506.01716) has none; defaults are DPO's where they share one."""

from __future__ import annotations

from pydantic import Field

from selfchal.builtin_trainers.options import OfflineOptions, ParallelOptions


class UnpairedOptions(OfflineOptions):
    """Roll every task out once, then make passed episodes likelier and failed ones unlikelier, unpaired."""

    beta: float = Field(0.1, gt=0)
    """How strongly the policy is held to the one that made the episodes; lower moves further."""
    balanced: bool = True
    """Passed and failed episodes weigh alike as a whole, however many there are of each. false: each episode
    weighs alike."""
    learning_rate: float = Field(2e-7, gt=0)
    """AdamW's peak rate. Tiny models take far larger ones."""


class KtoConfig(ParallelOptions, UnpairedOptions):
    """Roll every task out once, then make passed episodes likelier and failed ones unlikelier, unpaired."""

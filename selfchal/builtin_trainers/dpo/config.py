"""The options of DPO. Defaults are the paper's (arXiv 2506.01716, table 6)."""

from __future__ import annotations

from pydantic import Field

from selfchal.builtin_trainers.options import OfflineOptions, ParallelOptions


class PreferenceOptions(OfflineOptions):
    """Roll every task out once, prefer each task's passed episodes to its failed ones."""

    group_size: int = Field(15, ge=2, le=10_000)
    """Episodes a task; one with no success, or no failure, among them gives no pair."""
    beta: float = Field(0.1, gt=0)
    """How strongly the policy is held to the one that made the episodes; lower moves further."""
    learning_rate: float = Field(2e-7, gt=0)
    """AdamW's peak rate. Tiny models take far larger ones."""


class DpoConfig(ParallelOptions, PreferenceOptions):
    """Roll every task out once, prefer each task's passed episodes to its failed ones."""

"""The options of DPO by TRL: those of ``dpo`` for one process, and TRL's own."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from selfchal.builtin_trainers.dpo.config import PreferenceOptions


class TrlDpoConfig(PreferenceOptions):
    """For TRL's other losses (IPO, hinge, robust, ...); it trains in one process."""

    trl: dict[str, Any] = Field(default_factory=dict)
    """Any further field of TRL's DPOConfig (loss_type, label_smoothing, ld_alpha, ...)."""

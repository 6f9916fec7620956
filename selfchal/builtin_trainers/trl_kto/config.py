"""The options of KTO by TRL: those of ``kto`` for one process, and TRL's own."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from selfchal.builtin_trainers.kto.config import UnpairedOptions


class TrlKtoConfig(UnpairedOptions):
    """For TRL's other losses and kernels; it trains in one process."""

    trl: dict[str, Any] = Field(default_factory=dict)
    """Any further field of TRL's KTOConfig (loss_type, use_liger_kernel, ...)."""

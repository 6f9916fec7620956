"""The options of GRPO by TRL. Defaults are the paper's (arXiv 2506.01716, table 6) where it gives one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from selfchal.builtin_trainers.options import CheckpointOptions, OptimizerOptions, RolloutOptions


class TrlGrpoConfig(RolloutOptions, OptimizerOptions, CheckpointOptions):
    """For TRL's kernels, DeepSpeed and loss variants. ``grpo`` also resamples groups without signal, corrects
    for the sampler's probabilities and explains a run without signal."""

    micro_batch: int | None = Field(None, ge=1)
    """Episodes a forward pass, a divisor of tasks times group_size; null: all of them."""
    loss_type: Literal["dapo", "grpo", "dr_grpo", "bnpo", "cispo", "sapo", "luspo"] = "dapo"
    """As in TRL's GRPOConfig."""
    clip_low: float = Field(0.1, gt=0, lt=1)
    """TRL's epsilon."""
    clip_high: float = Field(0.1, gt=0)
    """TRL's epsilon_high."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """bfloat16: the forward pass under autocast; the others: as the model is loaded."""
    trl: dict[str, Any] = Field(default_factory=dict)
    """Any further field of TRL's GRPOConfig (deepspeed, fsdp, use_liger_kernel, entropy_coef, ...)."""

"""The options of GRPO by TRL. Defaults are the paper's (arXiv 2506.01716, table 6) where it gives one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class TrlGrpoConfig(BaseModel):
    """For TRL's kernels, DeepSpeed and loss variants. ``grpo`` also resamples silent groups, corrects for
    the sampler's probabilities and explains a run without signal."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    steps: int = Field(70, ge=1)
    """Updates (batches of rollouts)."""
    tasks_per_step: int = Field(32, ge=1)
    """Tasks rolled out for one update; fewer where there are not that many tasks."""
    group_size: int = Field(8, ge=2)
    """Episodes a task: the group whose mean reward is the baseline."""
    micro_batch: int | None = Field(None, ge=1)
    """Episodes a forward pass, a divisor of tasks times group_size; null: all of them."""
    loss_type: Literal["dapo", "grpo", "dr_grpo", "bnpo", "cispo", "sapo", "luspo"] = "dapo"
    """As in TRL's GRPOConfig."""
    clip_low: float = Field(0.1, gt=0, lt=1)
    """TRL's epsilon."""
    clip_high: float = Field(0.1, gt=0)
    """TRL's epsilon_high."""

    learning_rate: float = Field(1e-6, gt=0)
    """AdamW's peak rate. Tiny models take far larger ones (the embedded one about 4e-4)."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the rate falls to 0 over ``steps`` after the warm-up."""
    warmup_steps: int = Field(0, ge=0)
    """Updates over which the rate rises linearly from 0."""
    weight_decay: float = Field(0.0, ge=0)
    """AdamW's decoupled weight decay."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are scaled down to this L2 norm."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: the forward pass under autocast."""
    trl: dict[str, Any] = Field(default_factory=dict)
    """Any further field of TRL's GRPOConfig (deepspeed, fsdp, use_liger_kernel, entropy_coef, ...)."""

    checkpoint_every: int = Field(10, ge=1)
    """Updates between checkpoints, which are also the candidates for the best one."""
    validation_samples: int = Field(2, ge=0)
    """Episodes a validation task at each checkpoint. The weights kept are those with the highest mean
    validation reward, the later of equals. 0: no validation, the last weights are kept."""

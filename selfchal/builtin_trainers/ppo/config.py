"""The options of PPO. Defaults are the paper's (arXiv 2506.01716, table 6) where it gives one."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PpoConfig(BaseModel):
    """``steps`` updates, each on the episodes of ``tasks_per_step`` tasks, ``group_size`` a task."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    steps: int = Field(70, ge=1)
    """Updates (batches of rollouts). The paper's figure 3 ends after about 70."""
    tasks_per_step: int = Field(32, ge=1)
    """Tasks rolled out for one update; fewer where there are not that many tasks."""
    group_size: int = Field(8, ge=1)
    """Episodes a task. The critic is the baseline, so one would do."""
    epochs: int = Field(1, ge=1)
    """Optimiser steps on each batch of rollouts. With 1 the ratio is 1 and the policy clip never acts."""
    patience: int = Field(5, ge=1)
    """Updates in a row whose rewards are all equal before training stops and says why."""

    gamma: float = Field(1.0, gt=0, le=1)
    """Discount from one of the agent's tokens to its next."""
    gae_lambda: float = Field(1.0, ge=0, le=1)
    """Below 1 trusts the critic more: less variance, more bias. 1: reward to go minus value."""
    clip_low: float = Field(0.1, gt=0, lt=1)
    """The ratio is clipped to [1 - clip_low, 1 + clip_high]."""
    clip_high: float = Field(0.1, gt=0)
    """As in DAPO it may be larger than clip_low."""
    value_clip: float = Field(0.2, gt=0)
    """The critic moves at most this far from its old value before its loss stops pulling."""
    importance_cap: float | None = Field(2.0, gt=0)
    """Tokens are weighted by min(trainer's / sampler's probability, this), since the sampling engine's
    numbers differ from the trainer's. null: no correction."""
    kl: float = Field(0.0, ge=0)
    """Weight of the KL to the policy that training began with; the paper has 0.001. Above 0 a frozen copy
    is held in memory, unless the model has a LoRA adapter: then it is switched off instead."""
    kl_in: Literal["reward", "loss"] = "reward"
    """reward: a penalty on each token, which the critic sees. loss: a term of the loss."""
    entropy_bonus: float = Field(0.0, ge=0)
    """Weight of the mean entropy of the agent's tokens, subtracted from the loss."""

    learning_rate: float = Field(1e-6, gt=0)
    """AdamW's peak rate for the policy. Tiny models take far larger ones (the embedded one about 4e-4)."""
    critic_learning_rate: float | None = Field(None, gt=0)
    """The critic's; null: ten times the policy's, as in the paper."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the rates fall to 0 over ``steps`` after the warm-up."""
    warmup_steps: int = Field(0, ge=0)
    """Updates over which the rates rise linearly from 0."""
    weight_decay: float = Field(0.0, ge=0)
    """AdamW's decoupled weight decay."""
    max_grad_norm: float = Field(1.0, gt=0)
    """The policy's and the critic's gradients are each scaled down to this L2 norm."""

    micro_batch_tokens: int = Field(16384, ge=1)
    """Padded tokens of one forward pass; more is faster and takes more memory. One episode at least."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: the forward pass under autocast. The optimiser always steps on float32 weights."""
    parallel: Literal["replicate", "shard"] = "replicate"
    """Under torchrun or accelerate launch. replicate: every process holds the whole network and a share
    of each batch. shard: FSDP, parameters and optimiser state are split over the processes."""

    checkpoint_every: int = Field(10, ge=1)
    """Updates between checkpoints, which are also the candidates for the best one."""
    validation_samples: int = Field(2, ge=0)
    """Episodes a validation task at each checkpoint. The weights kept are those with the highest mean
    validation reward, the later of equals. 0: no validation, the last weights are kept."""

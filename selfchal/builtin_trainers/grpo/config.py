"""The options of GRPO. Defaults are the paper's (arXiv 2506.01716, table 6) where it gives one."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class GrpoConfig(BaseModel):
    """``steps`` updates, each on the episodes of ``tasks_per_step`` tasks, ``group_size`` a task."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    steps: int = Field(70, ge=1)
    """Updates (batches of rollouts). The paper's figure 3 ends after about 70."""
    tasks_per_step: int = Field(32, ge=1)
    """Tasks rolled out for one update; fewer where there are not that many tasks."""
    group_size: int = Field(8, ge=2)
    """Episodes a task: the group whose mean reward is the baseline."""
    epochs: int = Field(1, ge=1)
    """Optimiser steps on each batch of rollouts. With 1 the ratio is 1 and the clip never acts."""
    resample: int = Field(1, ge=0)
    """Dynamic sampling: how many times groups without signal (all rewards equal) are replaced by
    groups of further tasks before the update is made with what there is. 0: never."""
    patience: int = Field(5, ge=1)
    """Updates in a row without any signal before training stops and says why."""

    advantage: Literal["normalised", "centred"] = "normalised"
    """normalised: (reward - group mean) / group deviation. centred: reward - group mean (Dr. GRPO)."""
    loss: Literal["token", "sequence", "constant"] = "token"
    """token: mean over all agent tokens of the batch (DAPO). sequence: mean over each episode's tokens,
    then over episodes (the original). constant: sum over tokens / (episodes * length_budget) (Dr. GRPO)."""
    length_budget: int = Field(1024, ge=1)
    """The constant of ``loss: constant``, in agent tokens an episode."""
    clip_low: float = Field(0.1, gt=0, lt=1)
    """The ratio is clipped to [1 - clip_low, 1 + clip_high]."""
    clip_high: float = Field(0.1, gt=0)
    """DAPO's asymmetric clip is clip_low 0.2, clip_high 0.28."""
    importance_cap: float | None = Field(2.0, gt=0)
    """Tokens are weighted by min(trainer's / sampler's probability, this), since the sampling engine's
    numbers differ from the trainer's. null: no correction."""
    kl: float = Field(0.0, ge=0)
    """Weight of the KL to the policy that training began with. Above 0 a frozen copy is held in memory,
    unless the model has a LoRA adapter: then the adapter is switched off instead, at no memory."""
    entropy_bonus: float = Field(0.0, ge=0)
    """Weight of the mean entropy of the agent's tokens, subtracted from the loss."""

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

"""The options that trainers share. A trainer's Config inherits those it has, and adds its own.

A Config says an option again where its default or its meaning differs. Light: nothing here needs torch.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """An unknown option is an error; what stands below an option is its documentation."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class OptimizerOptions(Options):
    """AdamW, its learning rate over the updates, and the size of its steps."""

    learning_rate: float = Field(1e-6, gt=0)
    """AdamW's peak rate. Tiny models take far larger ones (the embedded one about 4e-4)."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the rate falls to 0 over all updates after the warm-up."""
    warmup_steps: int = Field(0, ge=0)
    """Updates over which the rate rises linearly from 0."""
    weight_decay: float = Field(0.0, ge=0)
    """AdamW's decoupled weight decay."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are scaled down to this L2 norm."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: the forward pass under autocast. The optimiser always steps on float32 weights."""


class RolloutOptions(Options):
    """How many updates are made, each on the episodes of ``tasks_per_step`` tasks, ``group_size`` a task."""

    steps: int = Field(70, ge=1, le=1_000_000)
    """Updates (batches of rollouts). The paper's figure 3 ends after about 70."""
    tasks_per_step: int = Field(32, ge=1, le=10_000)
    """Tasks rolled out for one update; fewer where there are not that many tasks."""
    group_size: int = Field(8, ge=2, le=10_000)
    """Episodes a task: the group whose mean reward is the baseline."""


class CheckpointOptions(Options):
    """When the weights are saved, and which of them are kept in the end."""

    checkpoint_every: int = Field(10, ge=1)
    """Updates between checkpoints, which are also the candidates for the best one."""
    validation_samples: int = Field(2, ge=0, le=10_000)
    """Episodes a validation task at each checkpoint. The weights kept are those with the highest mean
    validation reward, the later of equals. 0: no validation, the last weights are kept."""


class OnPolicyOptions(RolloutOptions, OptimizerOptions, CheckpointOptions):
    """What the on-policy loop (``selfchal.builtin_trainers.on_policy``) needs of every algorithm."""

    epochs: int = Field(1, ge=1)
    """Optimiser steps on each batch of rollouts. With 1 the ratio is 1 and the clip never acts."""
    patience: int = Field(5, ge=1)
    """Updates in a row without any signal before training stops and says why."""
    kl: float = Field(0.0, ge=0)
    """Weight of the KL to the policy that training began with. Above 0 a frozen copy is held in memory,
    unless the model has a LoRA adapter: then the adapter is switched off instead, at no memory."""
    entropy_bonus: float = Field(0.0, ge=0)
    """Weight of the mean entropy of the agent's tokens, subtracted from the loss."""
    micro_batch_tokens: int = Field(16384, ge=1)
    """Padded tokens of one forward pass; more is faster and takes more memory. One episode at least."""
    parallel: Literal["replicate", "shard"] = "replicate"
    """Under torchrun or accelerate launch. replicate: every process holds the whole network and a share
    of each batch. shard: FSDP, parameters and optimiser state are split over the processes."""


class ClippedOptions(OnPolicyOptions):
    """The clipped surrogate that GRPO and PPO share, and the weight of what another engine sampled."""

    clip_low: float = Field(0.1, gt=0, lt=1)
    """The ratio is clipped to [1 - clip_low, 1 + clip_high]."""
    clip_high: float = Field(0.1, gt=0)
    """DAPO's asymmetric clip is clip_low 0.2, clip_high 0.28."""
    importance_cap: float | None = Field(2.0, gt=0)
    """Tokens are weighted by min(trainer's / sampler's probability, this), since the sampling engine's
    numbers differ from the trainer's. null: no correction."""


class OfflineOptions(OptimizerOptions, CheckpointOptions):
    """Every training task is rolled out once; then updates on examples made of the episodes."""

    tasks_per_step: int = Field(32, ge=1, le=10_000)
    """Tasks rolled out at a time; every training task is rolled out once, before the first update."""
    group_size: int = Field(15, ge=1)
    """Episodes a task."""
    steps: int | None = Field(None, ge=1)
    """Updates; null: as many as ``epochs`` passes over the examples take."""
    epochs: int = Field(6, ge=1)
    """Passes over the examples, where ``steps`` does not say how many updates to make."""
    batch_size: int = Field(8, ge=1)
    """Examples an update."""
    micro_batch_tokens: int = Field(16384, ge=1)
    """Padded tokens of one forward pass; more is faster and takes more memory. One example at least."""
    validation_samples: int = Field(2, ge=0, le=10_000)
    """Episodes a validation task at each checkpoint. The weights kept are those with the highest mean
    validation reward, the later of equals. 0, or a teacher: no validation, the last weights are kept."""

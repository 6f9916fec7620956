"""The options that trainers share. A trainer's Config inherits those it has, and adds its own.

A Config says an option again where its default or its meaning differs. Light: nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from selfchal.builtin_trainers.policy_loss.seams import (
    AGGREGATION,
    CLIP,
    RATIO,
    AggregationName,
    ClipName,
    RatioName,
    find_seam_obstacle,
)


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
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What matrices are multiplied in; the optimiser always steps on float32 weights. auto: as the model is
    loaded, bfloat16 on a GPU, float32 on a CPU. bfloat16: also where the weights are float32. float32: with
    ``parallel: shard`` true float32, many times as slow on a GPU; otherwise as auto."""


class ParallelOptions(Options):
    """How passes, and the processes that torchrun or ``accelerate launch`` started, divide the work."""

    packing: bool = False
    """Episodes stand behind one another in one row of ``micro_batch_tokens``, without padding. Faster with
    flash attention, which needs a GPU, bfloat16 and the package flash-attn; slower with any other."""

    parallel: Literal["replicate", "shard"] = "replicate"
    """replicate: every process holds the whole network and a part of each batch. shard: FSDP2; weights, the
    reference's too, gradients and the optimiser's state are split over the processes."""
    offload: bool = False
    """With ``parallel: shard``: weights, gradients and the optimiser's state are held in the host's memory,
    and steps are made there. Slow; for what does not fit otherwise."""

    @field_validator("offload")
    @classmethod
    def refuse_where_nothing_is_split(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("parallel") == "replicate":
            raise ValueError("would be ignored: it belongs to parallel: shard; leave it out")
        return value


class RolloutOptions(Options):
    """How many updates are made, each on the episodes of ``tasks_per_step`` tasks, ``group_size`` a task."""

    steps: int = Field(70, ge=1, le=1_000_000)
    """Updates (batches of rollouts). The paper's figure 3 ends after about 70."""
    tasks_per_step: int = Field(32, ge=1, le=10_000)
    """Tasks rolled out for one update; fewer where there are not that many tasks."""
    group_size: int = Field(8, ge=2, le=10_000)
    """Episodes a task: the group whose mean reward is the baseline."""

    def count_episodes(self, tasks: int) -> int:
        """Rolled out for the updates where there are so many tasks; validation comes on top."""
        return self.steps * min(tasks, self.tasks_per_step) * self.group_size


class CheckpointOptions(Options):
    """When the weights are saved, and which of them are kept in the end."""

    checkpoint_every: int = Field(10, ge=1)
    """Updates between checkpoints, which are also the candidates for the best one."""
    validation_samples: int = Field(2, ge=0, le=10_000)
    """Episodes a validation task at each checkpoint. The weights kept are those with the highest mean
    validation reward, the later of equals. 0: no validation, the last weights are kept."""


class OnPolicyOptions(ParallelOptions, RolloutOptions, OptimizerOptions, CheckpointOptions):
    """What the on-policy loop (``selfchal.builtin_trainers.on_policy``) needs of every algorithm."""

    epochs: int = Field(1, ge=1)
    """Passes over each batch of rollouts. With 1, and 1 of the ``minibatches``, the ratio is 1 and the clip
    never acts."""
    minibatches: int = Field(1, ge=1)
    """Parts that the episodes of a batch are dealt into at random, each with an optimiser step of its own in
    every pass. Log-probabilities are compared with those before the first of these steps."""
    patience: int = Field(5, ge=1)
    """Updates in a row without any signal before training stops and says why."""
    kl: float = Field(0.0, ge=0)
    """Weight of the KL to the policy that training began with. Above 0 a frozen copy is held in memory,
    unless the model has a LoRA adapter: then the adapter is switched off instead, at no memory."""
    entropy_bonus: float = Field(0.0, ge=0)
    """Weight of the mean entropy of the agent's tokens, subtracted from the loss."""
    micro_batch_tokens: int = Field(16384, ge=1)
    """Padded tokens of one forward pass; more is faster and takes more memory. One episode at least."""


class ClippedOptions(OnPolicyOptions):
    """Three of the four seams of the loss, which GRPO and PPO share (``advantage`` is GRPO's own), and the
    weight of what another engine sampled. See docs/trainers.md#four-seams."""

    ratio: RatioName = "token"
    """token: how much likelier each token has become since the update began. sequence: the geometric mean
    over an episode's tokens (GSPO, with a clip of about 0.0003). Or package.module:function of your own."""
    clip: ClipName = "ppo"
    """ppo: the worse of the plain and the clipped ratio. cispo: the ratio is a weight that is cut above, so
    that every token goes on learning. none: the policy gradient itself. Or package.module:function."""
    clip_low: float = Field(0.1, gt=0, lt=1)
    """The ratio is clipped to [1 - clip_low, 1 + clip_high]. It acts where one batch is stepped on more than
    once: with ``epochs`` or ``minibatches`` above 1."""
    clip_high: float = Field(0.1, gt=0)
    """DAPO's asymmetric clip is clip_low 0.2, clip_high 0.28."""
    aggregation: AggregationName = "token"
    """token: the mean over all of the agent's tokens (DAPO). sequence: the mean over each episode's tokens,
    then over episodes (GRPO, GSPO). constant: the sum over tokens / (episodes * length_budget) (Dr. GRPO).
    Or package.module:function of your own."""
    length_budget: int = Field(1024, ge=1)
    """The constant of ``aggregation: constant``, in agent tokens an episode."""
    importance_cap: float | None = Field(2.0, gt=0)
    """Tokens are weighted by the trainer's / the sampler's probability, since the sampling engine's numbers
    differ from the trainer's; ``importance`` says what happens beyond this. null: no correction."""
    importance: Literal["truncate", "mask"] = "truncate"
    """truncate: the weight is at most ``importance_cap``. mask: a token whose weight is above it, or below
    1 / importance_cap, is not learnt from."""
    overlong_filter: bool = False
    """Episodes that ended because the context was full are not learnt from; they count in their group's mean
    (DAPO)."""

    @field_validator("clip_low", "clip_high", "length_budget", "importance")
    @classmethod
    def refuse_what_is_ignored(cls, value: Any, info: ValidationInfo) -> Any:
        """An option that those before it make meaningless is an error, unless it has its default."""
        name = str(info.field_name)
        if value != cls.model_fields[name].default and (reason := _explain_ignored(name, info.data)):
            raise ValueError(f"would be ignored: {reason}; leave it out")
        return value


def _explain_ignored(name: str, others: Mapping[str, Any]) -> str:
    clip, aggregation = others.get("clip"), others.get("aggregation")
    if name == "clip_low" and clip in ("cispo", "none"):
        return f"clip: {clip} has no lower bound"
    if name == "clip_high" and clip == "none":
        return "clip: none clips nothing"
    if name == "length_budget" and aggregation in ("token", "sequence"):
        return f"aggregation: {aggregation} has no constant"
    if name == "importance" and others.get("importance_cap", 1) is None:
        return "importance_cap: null corrects nothing"
    return ""


def find_loss_obstacle(options: ClippedOptions) -> str:
    """Why a function of the loss that another package is to bring cannot be had; empty when all can."""
    return find_seam_obstacle(
        (RATIO, options.ratio), (CLIP, options.clip), (AGGREGATION, options.aggregation)
    )


def find_staleness_obstacle(options: ClippedOptions) -> str:
    """Why what older weights sampled cannot be learnt from with these options; empty where it can."""
    if options.importance_cap is None:
        return "importance_cap: null leaves uncorrected what older weights sampled; give it a number, as 2.0"
    return ""


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

    def count_episodes(self, tasks: int) -> int:
        """Rolled out for the updates where there are so many tasks; validation comes on top."""
        return tasks * self.group_size

"""What a trainer's section means for the memory of a GPU. Light: numbers alone."""

from __future__ import annotations

from selfchal.builtin_trainers.dpo.config import DpoConfig
from selfchal.builtin_trainers.kto.config import KtoConfig
from selfchal.builtin_trainers.options import OfflineOptions, OnPolicyOptions
from selfchal.builtin_trainers.rft.config import RftConfig
from selfchal.builtin_trainers.trl_grpo.config import TrlGrpoConfig
from selfchal.memory.plan import TrainerPlan


def plan_on_policy(config: OnPolicyOptions, *, critic: bool = False) -> TrainerPlan:
    """Of grpo and ppo; ``critic``: a second network learns beside the policy."""
    return TrainerPlan(
        pass_tokens=config.micro_batch_tokens,
        compute_bytes=_count_compute_bytes(config.precision),
        reference=config.kl > 0,
        critic=critic,
        sharded=config.parallel == "shard",
        offloaded=config.offload,
    )


def plan_offline(config: RftConfig | DpoConfig | KtoConfig, *, together: int) -> TrainerPlan:
    """Of the trainers that learn from stored episodes, ``together`` of which make an example. What the first
    weights say of them is asked before the first update, so no reference is held."""
    return TrainerPlan(
        pass_tokens=config.micro_batch_tokens,
        together=together,
        compute_bytes=_count_compute_bytes(config.precision),
        sharded=config.parallel == "shard",
        offloaded=config.offload,
    )


def plan_trl_offline(config: OfflineOptions) -> TrainerPlan:
    """TRL makes the logits of all tokens of a pair at once, in one process."""
    return TrainerPlan(
        pass_tokens=config.micro_batch_tokens,
        together=2,
        compute_bytes=_count_compute_bytes(config.precision),
        reference=True,
        shards=False,
        chunked_logits=False,
    )


def plan_trl_grpo(config: TrlGrpoConfig) -> TrainerPlan:
    """TRL passes whole episodes, and makes the logits of all their tokens at once."""
    return TrainerPlan(
        pass_tokens=1,
        compute_bytes=_count_compute_bytes(config.precision),
        shards=False,
        chunked_logits=False,
    )


def _count_compute_bytes(precision: str) -> int | None:
    return {"bfloat16": 2, "float32": 4}.get(precision)

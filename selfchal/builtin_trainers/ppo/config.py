"""The options of PPO. Defaults are the paper's (arXiv 2506.01716, table 6) where it gives one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from selfchal.builtin_trainers.options import ClippedOptions


class PpoConfig(ClippedOptions):
    """``steps`` updates, each on the episodes of ``tasks_per_step`` tasks, ``group_size`` a task."""

    group_size: int = Field(8, ge=1, le=10_000)
    """Episodes a task. The critic is the baseline, so one would do."""
    patience: int = Field(5, ge=1)
    """Updates in a row whose rewards are all equal before training stops and says why."""
    gamma: float = Field(1.0, gt=0, le=1)
    """Discount from one of the agent's tokens to its next."""
    gae_lambda: float = Field(1.0, ge=0, le=1)
    """Below 1 trusts the critic more: less variance, more bias. 1: reward to go minus value."""
    value_clip: float = Field(0.2, gt=0)
    """The critic moves at most this far from its old value before its loss stops pulling."""
    kl: float = Field(0.0, ge=0)
    """Weight of the KL to the policy that training began with; the paper has 0.001. Above 0 a frozen copy
    is held in memory, unless the model has a LoRA adapter: then it is switched off instead."""
    kl_in: Literal["reward", "loss"] = "reward"
    """reward: a penalty on each token, which the critic sees. loss: a term of the loss."""
    critic: Literal["head", "network"] = "head"
    """head: a small head on the policy's last hidden states, at no memory. network: a copy of the policy with
    weights of its own in float32, for a critic that can represent more than the policy does."""
    critic_warmup: int = Field(0, ge=0)
    """Updates at the start that train the critic alone, so that the policy is not moved by its noise."""
    critic_learning_rate: float | None = Field(None, gt=0)
    """The critic's peak rate; null: ten times the policy's, as in the paper."""
    max_grad_norm: float = Field(1.0, gt=0)
    """The policy's and the critic's gradients are each scaled down to this L2 norm."""

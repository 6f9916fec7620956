"""GRPO in tensors: advantages, the clipped surrogate, its weights, corrections and penalties.

Pure functions. G: episodes of a group. B: episodes of a batch. N: the agent's tokens of a batch, laid
end to end, so that no padding or observation can ever enter a mean.
Sources: GRPO arXiv 2402.03300, Dr. GRPO arXiv 2503.20783, DAPO arXiv 2503.14476.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

STABLE = 1e-4  # keeps a nearly equal group from exploding; as in TRL


def group_advantages(rewards: Tensor, kind: Literal["normalised", "centred"]) -> Tensor:
    """How much better each episode did than its group; exactly 0 for equal rewards."""
    if bool((rewards == rewards[0]).all()):
        return torch.zeros_like(rewards)  # [G]
    centred = rewards - rewards.mean()  # [G]
    if kind == "centred":
        return centred
    return centred / (rewards.std() + STABLE)  # [G], deviation with G - 1


def token_weights(lengths: Tensor, kind: Literal["token", "sequence", "constant"], budget: int) -> Tensor:
    """What each token of an episode weighs in the loss, over the whole batch, so that the sum over
    tokens is the loss however the batch is cut into micro-batches and processes. ``lengths`` [B]."""
    if kind == "token":
        return torch.ones_like(lengths, dtype=torch.float32) / lengths.sum()  # [B]
    if kind == "sequence":
        return 1.0 / (lengths * len(lengths))  # [B]
    return torch.ones_like(lengths, dtype=torch.float32) / (len(lengths) * budget)  # [B]


def clipped_surrogate(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, low: float, high: float
) -> Tensor:
    """The loss of each token: pessimistic between the plain and the clipped importance ratio."""
    ratio = torch.exp(logprobs - old_logprobs)  # [N]
    clipped = ratio.clamp(1 - low, 1 + high)  # [N]
    return -torch.minimum(ratio * advantages, clipped * advantages)  # [N]


def clip_fraction(
    logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, low: float, high: float
) -> Tensor:
    """Which tokens the clip keeps from learning, as 0 and 1."""
    ratio = torch.exp(logprobs - old_logprobs)  # [N]
    above = (ratio > 1 + high) & (advantages > 0)  # [N]
    below = (ratio < 1 - low) & (advantages < 0)  # [N]
    return (above | below).float()  # [N]


def truncated_importance(old_logprobs: Tensor, rollout_logprobs: Tensor, cap: float) -> Tensor:
    """Weight of each token for having been sampled by an engine whose probabilities differ."""
    return torch.exp(old_logprobs - rollout_logprobs).clamp(max=cap).detach()  # [N]


def kl_to_reference(logprobs: Tensor, reference: Tensor) -> Tensor:
    """Schulman's k3 estimate of KL(policy || reference) at each token: unbiased and never negative."""
    log_ratio = reference - logprobs  # [N]
    return torch.exp(log_ratio) - log_ratio - 1  # [N]


def kl_penalty(logprobs: Tensor, old_logprobs: Tensor, reference: Tensor) -> Tensor:
    """The estimate times the importance ratio: only so is its gradient that of KL(policy || reference)
    (arXiv 2512.02556), even on policy, where the ratio is 1 but its gradient is not 0."""
    return torch.exp(logprobs - old_logprobs) * kl_to_reference(logprobs, reference)  # [N]

"""What corrects and restrains the policy's loss: the sampler's probabilities, and the policy at the start.

Pure functions. N: the agent's tokens of a micro-batch, laid end to end.
"""

from __future__ import annotations

import torch
from torch import Tensor


def truncate_importance(old_logprobs: Tensor, rollout_logprobs: Tensor, cap: float) -> Tensor:
    """Weight of each token for having been sampled by an engine whose probabilities differ: their ratio, at
    most ``cap``."""
    return torch.exp(old_logprobs - rollout_logprobs).clamp(max=cap).detach()  # [N]


def mask_importance(old_logprobs: Tensor, rollout_logprobs: Tensor, cap: float) -> Tensor:
    """The same, but 0 where the engines are further apart than ``cap`` in either direction: such a token says
    little about the policy (masked importance sampling, as in IcePop)."""
    ratios = torch.exp(old_logprobs - rollout_logprobs).detach()  # [N]
    return ratios * ((ratios <= cap) & (ratios >= 1 / cap))  # [N]


def kl_to_reference(logprobs: Tensor, reference: Tensor) -> Tensor:
    """Schulman's k3 estimate of KL(policy || reference) at each token: unbiased and never negative."""
    log_ratio = reference - logprobs  # [N]
    return torch.exp(log_ratio) - log_ratio - 1  # [N]


def kl_penalty(logprobs: Tensor, old_logprobs: Tensor, reference: Tensor) -> Tensor:
    """The estimate times the importance ratio: only so is its gradient that of KL(policy || reference)
    (arXiv 2512.02556), even on policy, where the ratio is 1 but its gradient is not 0."""
    return torch.exp(logprobs - old_logprobs) * kl_to_reference(logprobs, reference)  # [N]

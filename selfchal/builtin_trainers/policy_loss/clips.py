"""The seam ``clip``: what the ratio may do to the loss of a token.

Pure functions. N: the agent's tokens of a micro-batch, laid end to end. ``ratios`` [N] and ``logprobs`` [N]
have a gradient, ``advantages`` [N] have none. The ratio's bounds are 1 - ``low`` and 1 + ``high``.
"""

from __future__ import annotations

import torch
from torch import Tensor


def clip_pessimistically(
    ratios: Tensor,
    logprobs: Tensor,
    advantages: Tensor,
    low: float,
    high: float,
) -> Tensor:
    """The worse of plain and clipped ratio, times the advantage: PPO (arXiv 1707.06347, equation 7)."""
    clipped = ratios.clamp(1 - low, 1 + high)  # [N]
    return -torch.minimum(ratios * advantages, clipped * advantages)  # [N]


def clip_weight(
    ratios: Tensor,
    logprobs: Tensor,
    advantages: Tensor,
    low: float,
    high: float,
) -> Tensor:
    """The ratio is a weight without a gradient, cut above, so that every token goes on learning: CISPO
    (arXiv 2506.13585, equation 4, with no lower bound, as there)."""
    weights = ratios.clamp(max=1 + high).detach()  # [N]
    return -weights * advantages * logprobs  # [N]


def leave_unclipped(
    ratios: Tensor,
    logprobs: Tensor,
    advantages: Tensor,
    low: float,
    high: float,
) -> Tensor:
    """The ratio times the advantage: the policy gradient itself, as in REINFORCE and RLOO."""
    return -ratios * advantages  # [N]


def find_clipped(ratios: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    """Which tokens are beyond the bound that their advantage pushes them over, as 0 and 1."""
    above = (ratios > 1 + high) & (advantages > 0)  # [N]
    below = (ratios < 1 - low) & (advantages < 0)  # [N]
    return (above | below).float()  # [N]

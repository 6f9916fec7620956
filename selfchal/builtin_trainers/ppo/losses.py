"""PPO in tensors: token rewards, generalised advantage estimation, the critic's loss.

Pure functions. b: episodes of a micro-batch, k: the most agent tokens of one, N: all agent tokens of a
batch laid end to end. An episode's agent tokens count as one sequence, whatever the environment said
between them: time steps are the agent's decisions. The clipped policy loss is GRPO's.
Sources: PPO arXiv 1707.06347, GAE arXiv 1506.02438.
"""

from __future__ import annotations

import torch
from torch import Tensor

STABLE = 1e-8


def token_rewards(rewards: Tensor, lengths: Tensor, penalty: Tensor) -> Tensor:
    """The sparse reward on each episode's last agent token, less ``penalty`` on every one.

    ``rewards`` [b], ``lengths`` [b] in agent tokens, ``penalty`` [b, k], 0 after an episode's end.
    """
    sparse = -penalty  # [b, k]
    sparse[torch.arange(len(rewards)), lengths - 1] += rewards  # [b, k]
    return sparse


def gae(rewards: Tensor, values: Tensor, gamma: float, lambda_: float) -> Tensor:
    """Advantages [b, k] of ``rewards`` [b, k] and ``values`` [b, k], which are 0 after an episode's end,
    as is what follows its last token: an episode is over, not cut."""
    advantages = torch.zeros_like(rewards)  # [b, k]
    next_advantage = torch.zeros_like(rewards[:, 0])  # [b] advantage of the next token
    next_value = torch.zeros_like(rewards[:, 0])  # [b]
    for step in reversed(range(rewards.shape[1])):
        surprise = rewards[:, step] + gamma * next_value - values[:, step]  # [b]
        next_advantage = surprise + gamma * lambda_ * next_advantage  # [b]
        advantages[:, step] = next_advantage
        next_value = values[:, step]
    return advantages


def whitened(advantages: Tensor) -> Tensor:
    """Zero mean and unit deviation over all agent tokens of the batch [N]; one alone is left 0."""
    centred = advantages - advantages.mean()  # [N]
    return centred / (centred.square().mean().sqrt() + STABLE)  # [N]


def explained_variance(values: Tensor, returns: Tensor) -> Tensor:
    """How much of the returns' variance the critic foretold, over all agent tokens [N]: 1 all of it, 0 no
    more than their mean would, below 0 less. 0 where the returns are all equal."""
    unexplained, variance = (returns - values).var(correction=0), returns.var(correction=0)  # []
    return torch.where(variance > STABLE, 1 - unexplained / variance.clamp(min=STABLE), 0.0)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, clip: float) -> Tensor:
    """Half the squared error of each token, pessimistic between the value and the one near ``old_values``."""
    near = old_values + (values - old_values).clamp(-clip, clip)  # [N]
    return 0.5 * torch.maximum((values - returns).square(), (near - returns).square())  # [N]

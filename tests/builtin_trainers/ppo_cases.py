"""What PPO's loss functions must give, worked out by hand; run on the module and on its mutants."""

from __future__ import annotations

import math
from types import ModuleType

import torch
from torch import Tensor


def close(value: Tensor, expected: list[float] | list[list[float]]) -> None:
    torch.testing.assert_close(value, torch.tensor(expected), rtol=1e-6, atol=1e-6)


def sparse_reward(losses: ModuleType) -> None:
    penalty = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.0]])
    dense = losses.token_rewards(torch.tensor([1.0, 0.5]), torch.tensor([3, 2]), penalty)
    close(dense, [[-0.1, -0.2, 0.7], [-0.4, 0.0, 0.0]])


def estimation(losses: ModuleType) -> None:
    rewards = torch.tensor([[0.0, 0.0, 1.0], [0.5, 0.0, 0.0]])
    values = torch.tensor([[0.2, 0.4, 0.6], [0.1, 0.0, 0.0]])
    # surprises 0.16, 0.14, 0.4 and 0.4; gamma * lambda = 0.72
    close(losses.gae(rewards, values, 0.9, 0.8), [[0.46816, 0.428, 0.4], [0.4, 0.0, 0.0]])


def whitening(losses: ModuleType) -> None:
    close(losses.whitened(torch.tensor([1.0, 2.0, 3.0])), [-math.sqrt(1.5), 0.0, math.sqrt(1.5)])
    close(losses.whitened(torch.tensor([0.0, 0.0, 0.0, 4.0])), [-math.sqrt(1 / 3)] * 3 + [math.sqrt(3)])
    close(losses.whitened(torch.tensor([4.0])), [0.0])


def critic(losses: ModuleType) -> None:
    values, old_logprobs = torch.tensor([1.0, 0.6, 0.1]), torch.tensor([0.5, 0.5, 0.5])
    returns = torch.tensor([2.0, 0.0, 0.0])
    # kept within 0.2 of the old value: 0.7, 0.6, 0.3; the worse square counts
    close(losses.value_loss(values, old_logprobs, returns, 0.2), [1.69 / 2, 0.36 / 2, 0.09 / 2])


def foretold(losses: ModuleType) -> None:
    returns = torch.tensor([0.0, 1.0, 1.0, 0.0])
    close(losses.explained_variance(torch.tensor([0.25, 0.75, 0.75, 0.25]), returns)[None], [0.75])
    close(
        losses.explained_variance(returns + 3, returns)[None], [1.0]
    )  # an offset is not a matter of variance
    close(losses.explained_variance(1 - returns, returns)[None], [-3.0])
    close(losses.explained_variance(torch.tensor([0.1, 0.4]), torch.tensor([0.5, 0.5]))[None], [0.0])


CHECKS = [sparse_reward, estimation, whitening, critic, foretold]

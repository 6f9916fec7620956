"""What GRPO's loss functions must give, worked out by hand; run on the module and on its mutants."""

from __future__ import annotations

import math
from types import ModuleType

import torch
from torch import Tensor

SURROGATE = {  # (ratio, advantage): loss and whether clipped, with low 0.2 and high 0.28
    (1.5, 2.0): (-2.56, 1.0),
    (1.5, -2.0): (3.0, 0.0),
    (0.5, 2.0): (-1.0, 0.0),
    (0.5, -2.0): (1.6, 1.0),
    (1.05, 2.0): (-2.1, 0.0),
    (0.9, -3.0): (2.7, 0.0),
}


def close(value: Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(value, torch.tensor(expected), rtol=1e-6, atol=1e-6)


def advantages(losses: ModuleType) -> None:
    sigma = math.sqrt((2.25 + 3 * 0.25) / 3)  # of 3, 1, 1, 1 with n - 1
    rewards = torch.tensor([3.0, 1.0, 1.0, 1.0])
    close(
        losses.group_advantages(rewards, "normalised"), [1.5 / (sigma + 1e-4)] + [-0.5 / (sigma + 1e-4)] * 3
    )
    close(losses.group_advantages(rewards, "centred"), [1.5, -0.5, -0.5, -0.5])
    for kind in ("normalised", "centred"):
        assert losses.group_advantages(torch.full((7,), 0.1), kind).abs().max() == 0


def weights(losses: ModuleType) -> None:
    lengths = torch.tensor([2, 3])
    close(losses.token_weights(lengths, "token", 10), [1 / 5, 1 / 5])
    close(losses.token_weights(lengths, "sequence", 10), [1 / 4, 1 / 6])
    close(losses.token_weights(lengths, "constant", 10), [1 / 20, 1 / 20])


def surrogate(losses: ModuleType) -> None:
    ratio = torch.tensor([case[0] for case in SURROGATE])
    advantage = torch.tensor([case[1] for case in SURROGATE])
    old_logprobs = torch.linspace(-2, -1, len(ratio))
    logprobs = old_logprobs + ratio.log()
    close(
        losses.clipped_surrogate(logprobs, old_logprobs, advantage, 0.2, 0.28),
        [loss for loss, _ in SURROGATE.values()],
    )
    close(
        losses.clip_fraction(logprobs, old_logprobs, advantage, 0.2, 0.28),
        [cut for _, cut in SURROGATE.values()],
    )


def importance(losses: ModuleType) -> None:
    old_logprobs = torch.tensor([0.6, 0.2]).log().requires_grad_()
    weight = losses.truncated_importance(old_logprobs, torch.tensor([0.3, 0.4]).log(), 1.5)
    close(weight, [1.5, 0.5])
    assert not weight.requires_grad


def divergence(losses: ModuleType) -> None:
    logprobs, reference = torch.tensor([0.5, 0.2]).log(), torch.tensor([0.25, 0.6]).log()
    expected = [0.5 - math.log(0.5) - 1, 3 - math.log(3) - 1]
    close(losses.kl_to_reference(logprobs, reference), expected)
    old_logprobs = torch.tensor([0.4, 0.1]).log()
    close(losses.kl_penalty(logprobs, old_logprobs, reference), [1.25 * expected[0], 2 * expected[1]])


CHECKS = [advantages, weights, surrogate, importance, divergence]

"""What the functions of the loss must give, worked out by hand; run on each module and on its mutants."""

from __future__ import annotations

import math
from types import ModuleType

import torch
from torch import Tensor

CLIPPED = {  # (ratio, advantage): loss and whether clipped, with low 0.2 and high 0.28
    (1.5, 2.0): (-2.56, 1.0),
    (1.5, -2.0): (3.0, 0.0),
    (0.5, 2.0): (-1.0, 0.0),
    (0.5, -2.0): (1.6, 1.0),
    (1.05, 2.0): (-2.1, 0.0),
    (0.9, -3.0): (2.7, 0.0),
}


def close(value: Tensor, expected: list[float]) -> None:
    torch.testing.assert_close(value, torch.tensor(expected), rtol=1e-6, atol=1e-6)


def advantages(module: ModuleType) -> None:
    sigma = math.sqrt((2.25 + 3 * 0.25) / 3)  # of 3, 1, 1, 1 with n - 1
    rewards = torch.tensor([3.0, 1.0, 1.0, 1.0])
    close(module.normalise(rewards), [1.5 / (sigma + 1e-4)] + [-0.5 / (sigma + 1e-4)] * 3)
    close(module.centre(rewards), [1.5, -0.5, -0.5, -0.5])
    close(module.leave_one_out(rewards), [2.0, -2 / 3, -2 / 3, -2 / 3])


def ratios(module: ModuleType) -> None:
    log_ratios = torch.tensor([2.0, 0.5, 4.0, 1.0, 2.0]).log()
    rows = torch.tensor([5, 5, 2, 2, 2])  # a micro-batch holds some of the update's episodes, longest first
    close(module.by_token(log_ratios, rows), [2.0, 0.5, 4.0, 1.0, 2.0])
    close(module.by_sequence(log_ratios, rows), [1.0, 1.0, 2.0, 2.0, 2.0])


def clips(module: ModuleType) -> None:
    ratio = torch.tensor([case[0] for case in CLIPPED])
    advantage = torch.tensor([case[1] for case in CLIPPED])
    logprobs = torch.linspace(-2, -1, len(ratio), requires_grad=True)
    bounds = (0.2, 0.28)
    losses = [loss for loss, _ in CLIPPED.values()]
    close(module.clip_pessimistically(ratio, logprobs, advantage, *bounds), losses)
    close(module.find_clipped(ratio, advantage, *bounds), [cut for _, cut in CLIPPED.values()])
    plain = [-r * a for r, a in CLIPPED]
    close(module.leave_unclipped(ratio, logprobs, advantage, *bounds), plain)
    weighted = module.clip_weight(ratio.requires_grad_(), logprobs, advantage, *bounds)
    weights = [-min(r, 1.28) * a for r, a in CLIPPED]
    close(weighted.detach(), [w * float(lp) for w, lp in zip(weights, logprobs.tolist(), strict=True)])
    weighted.sum().backward()
    assert logprobs.grad is not None
    close(logprobs.grad, weights)
    assert ratio.grad is None


def aggregations(module: ModuleType) -> None:
    lengths = torch.tensor([2, 3])
    close(module.weigh_by_token(lengths, 10), [1 / 5, 1 / 5])
    close(module.weigh_by_sequence(lengths, 10), [1 / 4, 1 / 6])
    close(module.weigh_constantly(lengths, 10), [1 / 20, 1 / 20])


def importance(module: ModuleType) -> None:
    old_logprobs = torch.tensor([0.6, 0.2, 0.2, 0.1]).log().requires_grad_()
    rollout_logprobs = torch.tensor([0.3, 0.4, 0.25, 0.1]).log()
    truncated = module.truncate_importance(old_logprobs, rollout_logprobs, 1.5)
    close(truncated, [1.5, 0.5, 0.8, 1.0])
    masked = module.mask_importance(old_logprobs, rollout_logprobs, 1.5)
    close(masked, [0.0, 0.0, 0.8, 1.0])
    at_the_bounds = torch.tensor([0.5, 2.0]).log()
    close(module.mask_importance(at_the_bounds, torch.zeros(2), 2.0 + 1e-6), [0.5, 2.0])
    assert not truncated.requires_grad
    assert not masked.requires_grad


def divergence(module: ModuleType) -> None:
    logprobs, reference = torch.tensor([0.5, 0.2]).log(), torch.tensor([0.25, 0.6]).log()
    expected = [0.5 - math.log(0.5) - 1, 3 - math.log(3) - 1]
    close(module.kl_to_reference(logprobs, reference), expected)
    old_logprobs = torch.tensor([0.4, 0.1]).log()
    close(module.kl_penalty(logprobs, old_logprobs, reference), [1.25 * expected[0], 2 * expected[1]])

"""What older weights sampled, corrected: the gradient is that of the present policy, by adding up all tokens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from selfchal.builtin_trainers.batch import MicroBatch
from selfchal.builtin_trainers.forward import Scores
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.policy_loss.loss import compute_policy_loss
from selfchal.builtin_trainers.ppo.config import PpoConfig

pytestmark = pytest.mark.torch

TOKENS = 7
DRAW = torch.Generator().manual_seed(3)
PRESENT, BEHAVIOUR, START, WORTH = (
    torch.randn(TOKENS, generator=DRAW, dtype=torch.float64) for _ in range(4)
)


def make_batch(rollout_logprobs: Tensor) -> MicroBatch:
    """Every token once, each an episode of its own."""
    rows = torch.arange(TOKENS)
    each = torch.ones(TOKENS, 1).bool()
    return MicroBatch(rows, rows[:, None], each, rows, rollout_logprobs, rows, each.sum(1))


def find_gradient(
    sampled_by: Tensor, options: Any, *, earlier: Tensor | None = None, stale: bool = True
) -> Tensor:
    """Of the loss that is expected where tokens are sampled by this policy's logits, at ``PRESENT``."""
    logits = PRESENT.clone().requires_grad_()
    logprobs = torch.log_softmax(logits, 0)
    behaviour = torch.log_softmax(sampled_by, 0)
    scores = Scores(logprobs, torch.zeros(TOKENS), torch.zeros(TOKENS, 1))
    before = logprobs.detach() if earlier is None else torch.log_softmax(earlier, 0)
    reference = torch.log_softmax(START, 0) if options.kl else None
    found = compute_policy_loss(scores, make_batch(behaviour), before, reference, WORTH, options, stale=stale)
    (behaviour.exp() * (found.per_token + found.penalties)).sum().backward()
    assert logits.grad is not None
    return logits.grad


@pytest.mark.parametrize("clip", ["ppo", "cispo", "none"])
@pytest.mark.parametrize("config", [GrpoConfig, PpoConfig])
def test_it_is_the_gradient_of_the_present_policy(config: Any, clip: str) -> None:
    options = config(importance_cap=1e6, clip=clip)
    expected = find_gradient(PRESENT, options)
    torch.testing.assert_close(find_gradient(BEHAVIOUR, options), expected, rtol=1e-9, atol=1e-12)
    uncorrected = config(importance_cap=None, clip=clip)
    assert not torch.allclose(find_gradient(BEHAVIOUR, uncorrected), expected, atol=1e-2)


def test_so_is_that_of_the_kl() -> None:
    options = GrpoConfig(importance_cap=1e6, kl=0.7)
    expected = find_gradient(PRESENT, options)
    torch.testing.assert_close(find_gradient(BEHAVIOUR, options), expected, rtol=1e-9, atol=1e-12)
    in_turn = find_gradient(BEHAVIOUR, options, stale=False)
    assert not torch.allclose(in_turn, expected, atol=1e-2), "in turn only an engine's rounding is corrected"


@pytest.mark.parametrize("importance", ["truncate", "mask"])
def test_a_second_step_is_bounded_by_the_policy_before_the_update(importance: Any) -> None:
    """Decoupled: min(p/q A, clip(p/q) A) times the bounded q/b, with p the present, q the policy before the
    update and b the one that sampled."""
    options = GrpoConfig(importance_cap=1.5, importance=importance, epochs=2, clip_low=0.2, clip_high=0.28)
    earlier = PRESENT + 0.3 * START
    logits = PRESENT.clone().requires_grad_()
    p = torch.softmax(logits, 0)
    q, b = torch.softmax(earlier, 0), torch.softmax(BEHAVIOUR, 0)
    weight = q / b
    bounded = (
        weight.clamp(max=1.5)
        if importance == "truncate"
        else weight * ((weight <= 1.5) & (weight >= 1 / 1.5))
    )
    surrogate = torch.minimum(p / q * WORTH, (p / q).clamp(0.8, 1.28) * WORTH)
    (b * -surrogate * bounded).sum().backward()
    found = find_gradient(BEHAVIOUR, options, earlier=earlier)
    torch.testing.assert_close(found, logits.grad, rtol=1e-9, atol=1e-12)

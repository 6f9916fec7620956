"""REINFORCE with a running baseline: what an episode is worth, and the loss of a micro-batch.

The gradient is that of -(reward - baseline) * log-probability (Williams 1992). The baseline of an update
comes from earlier updates alone, so that it does not depend on the episodes whose rewards it is subtracted
from. What an episode is worth is all that is new here: the other seams of the loss are the loop's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfchal import Group
from selfchal.on_policy import (
    BatchLoss,
    MicroBatch,
    PolicyBatch,
    Preparation,
    Scores,
    TokenWeights,
    agent_tokens,
    compute_policy_loss,
    is_left_out,
    judged,
    weigh_tokens,
)
from selfchal_reinforce import ReinforceConfig

# With all advantages below this the policy always fails or always passes, and the baseline says so already.
# AdamW would still make full steps: it scales even the smallest gradient up.
NEGLIGIBLE = 0.01


class RunningMean(nn.Module):
    """An exponential running mean of numbers, 0 before the first one.

    It is a module, and its numbers are buffers, so that the loop saves it in every checkpoint.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("total", torch.zeros((), dtype=torch.float64))
        self.register_buffer("weight", torch.zeros((), dtype=torch.float64))

    def read(self) -> float:
        """The mean so far. The division undoes the bias towards 0 at first, as for Adam's moments."""
        return float(self.total / self.weight) if self.weight else 0.0

    def add(self, value: float) -> None:
        self.total.mul_(self.decay).add_((1 - self.decay) * value)
        self.weight.mul_(self.decay).add_(1 - self.decay)


@dataclass(frozen=True)
class PreparedBatch:
    """A micro-batch and what its tokens are worth, compared with the policy before the first step."""

    batch: MicroBatch
    advantages: Tensor  # [N]
    old_logprobs: Tensor  # [N]
    ref_logprobs: Tensor | None  # [N] None where ``kl`` is 0
    weights: TokenWeights  # of the update's episodes
    counts: bool


@dataclass(frozen=True)
class ReinforceAlgorithm:
    """See ``selfchal.on_policy.Algorithm``."""

    options: ReinforceConfig
    baseline: RunningMean
    resample: int = 0

    @property
    def modules(self) -> Sequence[tuple[nn.Module, float]]:
        """The baseline has nothing to train, so that its learning rate has no meaning."""
        return [(self.baseline, 0.0)]

    def choose(self, groups: Sequence[Group]) -> PolicyBatch | None:
        """The judged episodes, each worth its reward minus the baseline; then the baseline moves on."""
        found = [episode for episode in judged(groups) if agent_tokens(episode)]
        episodes = [episode for episode in found if not is_left_out(episode, self.options)]
        if not episodes:
            return None
        rewards = torch.tensor([episode.reward for episode in episodes], dtype=torch.float32)  # [B]
        advantages = rewards - self.baseline.read()  # [B]
        self.baseline.add(float(rewards.mean()))
        return PolicyBatch(episodes, advantages) if advantages.abs().max() >= NEGLIGIBLE else None

    def prepare(self, preparation: Preparation, batch: PolicyBatch) -> list[PreparedBatch]:
        """Every token of an episode is worth the same, minus its part of the KL where ``kl`` is set."""
        assert batch.advantages is not None, "``choose`` gives them"
        advantages = batch.advantages.to(preparation.device)  # [B]
        lengths = torch.tensor([agent_tokens(episode) for episode in batch.episodes])  # [B]
        weights = weigh_tokens(lengths, None, self.options).to(preparation.device)
        batches, counting = preparation.micro_batches(batch.episodes)
        prepared = []
        for number, micro in enumerate(batches):
            worth = advantages[micro.row_of_token]  # [N]
            old_logprobs = preparation.score(micro).logprobs  # [N]
            ref_logprobs = preparation.score_reference(micro)  # [N]
            if ref_logprobs is not None:
                worth = worth - self.options.kl * (old_logprobs - ref_logprobs)
            counts = number < counting
            prepared.append(PreparedBatch(micro, worth, old_logprobs, ref_logprobs, weights, counts))
        return prepared

    def loss(self, scores: Scores, prepared: PreparedBatch, tokens: int) -> BatchLoss:
        """-advantage * ratio, weighted. ``tokens`` is not asked for: the weights hold the denominator."""
        found = compute_policy_loss(
            scores,
            prepared.batch,
            prepared.old_logprobs,
            prepared.ref_logprobs,
            prepared.advantages,
            self.options,
            kl_in_loss=False,
        )
        loss = found.weigh(prepared.weights, prepared.batch.row_of_token)
        return BatchLoss(loss, found.sums, {"loss": loss.detach()})

"""REINFORCE with a running baseline: what an episode is worth, and the loss of a micro-batch.

The loss is -(reward - baseline) * log-probability (Williams 1992). The baseline of an update comes from
earlier updates alone, so that it does not depend on the episodes whose rewards it is subtracted from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfchal.core.episode import Group
from selfchal.on_policy import BatchLoss, MicroBatch, PolicyBatch, Preparation, Scores, agent_tokens, judged
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
    """A micro-batch and what each of its tokens is worth."""

    batch: MicroBatch
    advantages: Tensor  # [N]
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
        """All judged episodes, each worth its reward minus the baseline; then the baseline moves on."""
        episodes = [episode for episode in judged(groups) if agent_tokens(episode)]
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
        batches, counting = preparation.micro_batches(batch.episodes)
        prepared = []
        for number, micro in enumerate(batches):
            worth = advantages[micro.row_of_token]  # [N]
            ref_logprobs = preparation.score_reference(micro)  # [N]
            if ref_logprobs is not None:
                worth = worth - self.options.kl * (preparation.score(micro).logprobs - ref_logprobs)
            prepared.append(PreparedBatch(micro, worth, number < counting))
        return prepared

    def loss(self, scores: Scores, prepared: PreparedBatch, tokens: int) -> BatchLoss:
        """The mean of -advantage * log-probability over the agent's tokens of the whole batch."""
        per_token = -prepared.advantages * scores.logprobs  # [N]
        if self.options.entropy_bonus:
            per_token = per_token - self.options.entropy_bonus * scores.entropies
        logprob_diff = scores.logprobs.detach() - prepared.batch.rollout_logprobs  # [N]
        sums = {
            "loss": per_token.detach().sum(),
            "entropy": scores.entropies.detach().sum(),
            "logprob_diff": logprob_diff.abs().sum(),
        }
        return BatchLoss(per_token.sum() / tokens, sums)

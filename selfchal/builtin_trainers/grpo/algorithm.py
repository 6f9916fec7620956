"""GRPO: compare each episode with its group, step on the clipped surrogate.

What it is not: no critic, no reference model unless ``kl`` asks for one, no replay of old episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfchal.builtin_trainers.batch import MicroBatch, agent_tokens
from selfchal.builtin_trainers.forward import Scores
from selfchal.builtin_trainers.grpo import losses
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.on_policy import BatchLoss, PolicyBatch, Preparation
from selfchal.builtin_trainers.rollouts import has_signal
from selfchal.builtin_trainers.surrogate import clipped_policy_loss
from selfchal.core.episode import Episode, Group


@dataclass(frozen=True)
class PreparedBatch:
    """A micro-batch with everything about it that is fixed during the epochs; all [N]."""

    batch: MicroBatch
    advantages: Tensor
    weights: Tensor
    old_logprobs: Tensor | None  # the trainer's before the first epoch; None: of this very pass
    ref_logprobs: Tensor | None
    counts: bool


@dataclass(frozen=True)
class GrpoAlgorithm:
    """See ``selfchal.builtin_trainers.on_policy.Algorithm``."""

    options: GrpoConfig
    modules: Sequence[tuple[nn.Module, float]] = ()

    @property
    def resample(self) -> int:
        return self.options.resample

    def choose(self, groups: Sequence[Group]) -> PolicyBatch | None:
        """The judged episodes that can change anything: of groups without signal only where KL or entropy
        count."""
        if not any(map(has_signal, groups)):
            return None
        episodes: list[Episode] = []
        advantages: list[Tensor] = []
        for group in groups:
            judged = [e for e in group.episodes if e.reward is not None and agent_tokens(e)]
            if not judged:
                continue
            rewards = torch.tensor([e.reward for e in judged], dtype=torch.float32)  # [G]
            worth = losses.group_advantages(rewards, self.options.advantage)  # [G]
            if worth.any() or self.options.kl or self.options.entropy_bonus:
                episodes += judged
                advantages.append(worth)
        return PolicyBatch(episodes, torch.cat(advantages) if advantages else torch.zeros(0))

    def prepare(self, preparation: Preparation, batch: PolicyBatch) -> list[PreparedBatch]:
        options, device = self.options, preparation.device
        lengths = torch.tensor([agent_tokens(e) for e in batch.episodes])  # [B]
        weights = losses.token_weights(lengths, options.loss, options.length_budget).to(device)  # [B]
        assert batch.advantages is not None, "``choose`` gives them"
        advantages = batch.advantages.to(device)  # [B]
        batches, counting = preparation.micro_batches(batch.episodes)
        prepared = []
        for number, micro in enumerate(batches):
            old_logprobs = preparation.score(micro).logprobs if options.epochs > 1 else None  # [N]
            ref = preparation.score_reference(micro)  # [N]
            rows = micro.row_of_token
            prepared.append(
                PreparedBatch(micro, advantages[rows], weights[rows], old_logprobs, ref, number < counting)
            )
        return prepared

    def loss(self, scores: Scores, prepared: PreparedBatch, tokens: int) -> BatchLoss:
        """``tokens`` is not asked for: the weights hold the denominator."""
        old_logprobs = prepared.old_logprobs  # [N]
        if old_logprobs is None:
            old_logprobs = scores.logprobs.detach()
        per_token, sums = clipped_policy_loss(
            scores,
            old_logprobs,
            prepared.batch.rollout_logprobs,
            prepared.ref_logprobs,
            prepared.advantages,
            self.options,
            kl_in_loss=True,
        )
        loss = (per_token * prepared.weights).sum()
        return BatchLoss(loss, sums, {"loss": loss.detach()})

"""GRPO: compare each episode with its group, step on the policy loss.

What it is not: no critic, no reference model unless ``kl`` asks for one, no replay of old episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfchal.builtin_trainers.batch import MicroBatch, agent_tokens
from selfchal.builtin_trainers.forward import Scores
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.on_policy import BatchLoss, PolicyBatch, Preparation
from selfchal.builtin_trainers.policy_loss.loss import (
    TokenWeights,
    compute_advantages,
    compute_policy_loss,
    is_left_out,
    weigh_tokens,
)
from selfchal.builtin_trainers.rollouts import has_signal
from selfchal.core.episode import Episode, Group


@dataclass(frozen=True)
class PreparedBatch:
    """A micro-batch with everything about it that is fixed during the epochs."""

    batch: MicroBatch
    advantages: Tensor  # [N]
    weights: TokenWeights
    old_logprobs: Tensor | None  # [N] the trainer's before the first step; None: of this very pass
    ref_logprobs: Tensor | None  # [N]
    counts: bool
    stale: bool


@dataclass(frozen=True)
class GrpoAlgorithm:
    """See ``selfchal.builtin_trainers.on_policy.Algorithm``."""

    options: GrpoConfig
    modules: Sequence[tuple[nn.Module, float]] = ()

    @property
    def resample(self) -> int:
        return self.options.resample

    def choose(self, groups: Sequence[Group]) -> PolicyBatch | None:
        """The judged episodes of groups with a signal, and all others where KL or entropy count."""
        if not any(map(has_signal, groups)):
            return None
        options = self.options
        episodes: list[Episode] = []
        advantages: list[Tensor] = []
        learns: list[bool] = []
        for group in groups:
            judged = [e for e in group.episodes if e.reward is not None and agent_tokens(e)]
            if not judged:
                continue
            rewards = torch.tensor([e.reward for e in judged], dtype=torch.float32)  # [G]
            worth = compute_advantages(rewards, options.advantage)  # [G]
            if not (worth.any() or options.kl or options.entropy_bonus):
                continue
            kept = [row for row, e in enumerate(judged) if not is_left_out(e, options)]
            episodes += [judged[row] for row in kept]
            advantages.append(worth[kept])
            learns += [bool(worth.any())] * len(kept)
        if not any(learns):
            return None
        return PolicyBatch(episodes, torch.cat(advantages), torch.tensor(learns))

    def prepare(self, preparation: Preparation, batch: PolicyBatch) -> list[PreparedBatch]:
        options, device = self.options, preparation.device
        lengths = torch.tensor([agent_tokens(e) for e in batch.episodes])  # [B]
        weights = weigh_tokens(lengths, batch.learns, options).to(device)
        assert batch.advantages is not None, "``choose`` gives them"
        advantages = batch.advantages.to(device)  # [B]
        batches, counting = preparation.micro_batches(batch.episodes)
        prepared = []
        for number, micro in enumerate(batches):
            once = options.epochs == 1 and options.minibatches == 1
            old_logprobs = None if once else preparation.score(micro).logprobs  # [N]
            ref = preparation.score_reference(micro)  # [N]
            worth = advantages[micro.row_of_token]  # [N]
            counts = number < counting
            prepared.append(PreparedBatch(micro, worth, weights, old_logprobs, ref, counts, batch.stale))
        return prepared

    def loss(self, scores: Scores, prepared: PreparedBatch, tokens: int) -> BatchLoss:
        """``tokens`` is not asked for: the weights hold the denominator."""
        old_logprobs = prepared.old_logprobs  # [N]
        if old_logprobs is None:
            old_logprobs = scores.logprobs.detach()
        found = compute_policy_loss(
            scores,
            prepared.batch,
            old_logprobs,
            prepared.ref_logprobs,
            prepared.advantages,
            self.options,
            stale=prepared.stale,
        )
        loss = found.weigh(prepared.weights, prepared.batch.row_of_token)
        return BatchLoss(loss, found.sums, {"loss": loss.detach()})

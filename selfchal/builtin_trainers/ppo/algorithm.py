"""PPO: credit each token by GAE, step policy and critic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from selfchal.builtin_trainers.batch import MicroBatch, agent_tokens
from selfchal.builtin_trainers.forward import Scores
from selfchal.builtin_trainers.on_policy import BatchLoss, PolicyBatch, Preparation
from selfchal.builtin_trainers.policy_loss.loss import (
    TokenWeights,
    compute_policy_loss,
    is_left_out,
    weigh_tokens,
)
from selfchal.builtin_trainers.ppo import losses
from selfchal.builtin_trainers.ppo.config import PpoConfig
from selfchal.builtin_trainers.ppo.critic import HeadCritic, NetworkCritic
from selfchal.builtin_trainers.rollouts import judged
from selfchal.core.episode import Episode, Group


@dataclass(frozen=True)
class PreparedBatch:
    """A micro-batch with everything about it that is fixed during the epochs; all [N]."""

    batch: MicroBatch
    old_logprobs: Tensor  # the trainer's before the first epoch
    old_values: Tensor
    advantages: Tensor
    returns: Tensor
    ref_logprobs: Tensor | None
    weights: TokenWeights  # of the update's episodes
    counts: bool = True
    stale: bool = False
    explained_variance: float = 0.0  # by the critic before the first step, over the whole batch


@dataclass(frozen=True)
class PpoAlgorithm:
    """See ``selfchal.builtin_trainers.on_policy.Algorithm``."""

    options: PpoConfig
    critic: HeadCritic | NetworkCritic
    resample: int = 0

    @property
    def modules(self) -> Sequence[tuple[nn.Module, float]]:
        return [(self.critic, self.options.critic_learning_rate or 10 * self.options.learning_rate)]

    def choose(self, groups: Sequence[Group]) -> PolicyBatch | None:
        """The judged episodes. None where all rewards are equal: whitened advantages would be the noise of
        the critic."""
        found = [episode for episode in judged(groups) if agent_tokens(episode)]
        episodes = [episode for episode in found if not is_left_out(episode, self.options)]
        return PolicyBatch(episodes) if len({episode.reward for episode in episodes}) > 1 else None

    def prepare(self, preparation: Preparation, batch: PolicyBatch) -> list[PreparedBatch]:
        """Advantages are whitened over the batches of all processes."""
        batches, counting = preparation.micro_batches(batch.episodes)
        lengths = torch.tensor([agent_tokens(episode) for episode in batch.episodes])  # [B]
        weights = weigh_tokens(lengths, None, self.options).to(preparation.device)
        if preparation.step <= self.options.critic_warmup:
            weights = TokenWeights(torch.zeros_like(weights.policy), torch.zeros_like(weights.penalties))
        with torch.no_grad():
            prepared = [self._estimate(preparation, micro, batch.episodes, weights) for micro in batches]
        counted = prepared[:counting]
        everyones = _gather(preparation, [part.advantages for part in counted])
        white = losses.whitened(torch.cat(everyones)).split([len(part) for part in everyones])
        parts = white[preparation.team.rank].split([len(part.advantages) for part in counted])
        explained = _explain_variance(preparation, counted)
        whitened = [
            replace(part, advantages=advantages, explained_variance=explained, stale=batch.stale)
            for part, advantages in zip(counted, parts, strict=True)
        ]
        return whitened + [replace(part, counts=False) for part in prepared[counting:]]

    def _estimate(
        self,
        preparation: Preparation,
        batch: MicroBatch,
        episodes: Sequence[Episode],
        weights: TokenWeights,
    ) -> PreparedBatch:
        """Advantages by GAE, not yet whitened, and the returns that they stand for."""
        options = self.options
        scores = preparation.score(batch)
        values = self.critic(scores, batch)  # [N]
        ref_logprobs = preparation.score_reference(batch)  # [N]
        penalty = torch.zeros_like(values)  # [N]
        if ref_logprobs is not None and options.kl_in == "reward":
            penalty = options.kl * (scores.logprobs - ref_logprobs)  # [N]
        lengths = batch.lengths  # [b]
        rewards = torch.tensor([episodes[row].reward for row in batch.rows.tolist()], device=values.device)

        def by_episode(flat: Tensor) -> Tensor:
            return pad_sequence(list(flat.split(lengths.tolist())), batch_first=True)  # [b, k]

        dense = losses.token_rewards(rewards, lengths, by_episode(penalty))  # [b, k]
        advantages = losses.gae(dense, by_episode(values), options.gamma, options.gae_lambda)  # [b, k]
        inside = torch.arange(advantages.shape[1], device=values.device) < lengths[:, None]  # [b, k]
        flat = advantages[inside]  # [N]
        return PreparedBatch(batch, scores.logprobs, values, flat, flat + values, ref_logprobs, weights)

    def loss(self, scores: Scores, prepared: PreparedBatch, tokens: int) -> BatchLoss:
        """The policy's loss, and the critic's, a mean over the batch's tokens; they share no weight."""
        found = compute_policy_loss(
            scores,
            prepared.batch,
            prepared.old_logprobs,
            prepared.ref_logprobs,
            prepared.advantages,
            self.options,
            kl_in_loss=self.options.kl_in == "loss",
            stale=prepared.stale,
        )
        values = self.critic(scores, prepared.batch)  # [N]
        errors = losses.value_loss(values, prepared.old_values, prepared.returns, self.options.value_clip)
        policy = found.weigh(prepared.weights, prepared.batch.row_of_token)
        critic = errors.sum()
        sums = found.sums | {
            "value": prepared.old_values.sum(),
            "value_error": (prepared.old_values - prepared.returns).square().sum(),
            "value_loss": critic.detach(),
            "explained_variance": torch.tensor(prepared.explained_variance * len(prepared.returns)),
        }
        return BatchLoss(policy + critic / tokens, sums, {"loss": policy.detach()})


def _gather(preparation: Preparation, parts: Sequence[Tensor]) -> list[Tensor]:
    """The tokens' numbers of all processes: each process's end to end."""
    return preparation.team.everyones(torch.cat([*parts, torch.zeros(0, device=preparation.device)]))


def _explain_variance(preparation: Preparation, counted: Sequence[PreparedBatch]) -> float:
    values = torch.cat(_gather(preparation, [part.old_values for part in counted]))
    returns = torch.cat(_gather(preparation, [part.returns for part in counted]))
    return float(losses.explained_variance(values, returns))

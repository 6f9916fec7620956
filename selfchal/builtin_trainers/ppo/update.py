"""One PPO update: judged episodes in, one optimiser step an epoch, what happened out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from selfchal.builtin_trainers.batch import MicroBatch, agent_tokens, micro_batches
from selfchal.builtin_trainers.forward import Scores, score
from selfchal.builtin_trainers.grpo.losses import (
    clip_fraction,
    clipped_surrogate,
    kl_penalty,
    kl_to_reference,
    truncated_importance,
)
from selfchal.builtin_trainers.optim import Optimizer, Reference, rate_fraction
from selfchal.builtin_trainers.parallel import Team
from selfchal.builtin_trainers.ppo import losses
from selfchal.builtin_trainers.ppo.config import PpoConfig
from selfchal.builtin_trainers.ppo.critic import values_of
from selfchal.core.episode import Episode


@dataclass(frozen=True)
class PreparedBatch:
    """A micro-batch with everything about it that is fixed during the epochs; all [N]."""

    batch: MicroBatch
    old_logprobs: Tensor  # the trainer's log-probabilities before the first epoch
    old_values: Tensor
    advantages: Tensor
    returns: Tensor
    reference: Tensor | None
    counts: bool = True  # False: a repeat that only keeps the other processes company


def prepare(
    network: nn.Module,
    head: nn.Module,
    episodes: Sequence[Episode],
    config: PpoConfig,
    reference: Reference | None,
    team: Team,
) -> list[PreparedBatch]:
    """Score this process's micro-batches with the present weights and estimate their advantages,
    whitened over the batches of all processes."""
    device = next(network.parameters()).device
    batches, counting = team.shard_batches(micro_batches(episodes, config.micro_batch_tokens))
    with torch.no_grad():
        prepared_batches = [
            _estimate(network, head, b.to(device), episodes, config, reference) for b in batches
        ]
    own = [prepared.advantages for prepared in prepared_batches[:counting]]
    everyones = team.everyones(torch.cat([*own, torch.zeros(0, device=device)]))
    white = losses.whitened(torch.cat(everyones)).split([len(part) for part in everyones])[team.rank]
    parts = white.split([len(part) for part in own])
    return [
        replace(prepared, advantages=part)
        for prepared, part in zip(prepared_batches[:counting], parts, strict=True)
    ] + [replace(prepared, counts=False) for prepared in prepared_batches[counting:]]


def _estimate(
    network: nn.Module,
    head: nn.Module,
    batch: MicroBatch,
    episodes: Sequence[Episode],
    config: PpoConfig,
    reference: Reference | None,
) -> PreparedBatch:
    bfloat16 = config.precision == "bfloat16"
    scores = score(network, batch, bfloat16=bfloat16)
    values = values_of(head, scores.hidden)  # [N]
    ref_logprobs = None
    penalty = torch.zeros_like(values)  # [N]
    if reference is not None:
        with reference() as frozen:
            ref_logprobs = score(frozen, batch, bfloat16=bfloat16).logprobs  # [N]
        if config.kl_in == "reward":
            penalty = config.kl * (scores.logprobs - ref_logprobs)  # [N]
    lengths = batch.predicts.sum(1)  # [b]
    rewards = torch.tensor([episodes[row].reward for row in batch.rows.tolist()], device=values.device)

    def by_episode(flat: Tensor) -> Tensor:
        return pad_sequence(list(flat.split(lengths.tolist())), batch_first=True)  # [b, k]

    dense = losses.token_rewards(rewards, lengths, by_episode(penalty))  # [b, k]
    advantages = losses.gae(dense, by_episode(values), config.gamma, config.gae_lambda)  # [b, k]
    inside = torch.arange(advantages.shape[1], device=values.device) < lengths[:, None]  # [b, k]
    flat = advantages[inside]  # [N]
    return PreparedBatch(batch, scores.logprobs, values, flat, flat + values, ref_logprobs)


def batch_loss(
    scores: Scores, values: Tensor, prepared: PreparedBatch, config: PpoConfig
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Sums over this micro-batch's tokens of the policy's and the critic's loss, and of the metrics."""
    logprobs, clips = scores.logprobs, (config.clip_low, config.clip_high)
    per_token = clipped_surrogate(logprobs, prepared.old_logprobs, prepared.advantages, *clips)  # [N]
    logprob_diff = prepared.old_logprobs - prepared.batch.rollout_logprobs  # [N]
    if config.importance_cap is not None:
        per_token = per_token * truncated_importance(
            prepared.old_logprobs, prepared.batch.rollout_logprobs, config.importance_cap
        )
    now = logprobs.detach()
    sums = {
        "entropy": scores.entropies.detach().sum(),
        "logprob_diff": logprob_diff.abs().sum(),
        "logprob_ratio": logprob_diff.exp().sum(),
        "clip_fraction": clip_fraction(now, prepared.old_logprobs, prepared.advantages, *clips).sum(),
        "kl_rollout": kl_to_reference(prepared.batch.rollout_logprobs, now).sum(),
        "value": prepared.old_values.sum(),
        "value_error": (prepared.old_values - prepared.returns).square().sum(),
    }
    if prepared.reference is not None:
        sums["kl"] = kl_to_reference(now, prepared.reference).sum()
        if config.kl_in == "loss":
            per_token = per_token + config.kl * kl_penalty(
                logprobs, prepared.old_logprobs, prepared.reference
            )
    if config.entropy_bonus:
        per_token = per_token - config.entropy_bonus * scores.entropies
    critic = losses.value_loss(values, prepared.old_values, prepared.returns, config.value_clip)  # [N]
    return per_token.sum(), critic.sum(), sums


def update(
    optimizer: Optimizer,
    head: nn.Module,
    config: PpoConfig,
    reference: Reference | None,
    episodes: Sequence[Episode],
    step: int,
) -> dict[str, float]:
    """``epochs`` optimiser steps on one batch; means over the agent's tokens for the metrics.

    Raises TrainingError where a gradient is not finite.
    """
    network = optimizer.network.train()
    prepared_batches = prepare(network, head, episodes, config, reference, optimizer.team)
    tokens = sum(map(agent_tokens, episodes))
    sums: dict[str, float] = defaultdict(float)
    norm = 0.0
    for _ in range(config.epochs):
        for prepared in prepared_batches:
            scores = score(
                network,
                prepared.batch,
                bfloat16=config.precision == "bfloat16",
                entropy_gradient=config.entropy_bonus > 0,
            )
            values = values_of(head, scores.hidden)
            policy, critic, parts = batch_loss(scores, values, prepared, config)
            ((policy + critic) * prepared.counts / tokens).backward()
            for name, value in {**parts, "loss": policy.detach(), "value_loss": critic.detach()}.items():
                sums[name] += float(value) * prepared.counts
        norm += optimizer.step(step)
    network.eval()
    totals = optimizer.team.sum(sums)
    return {
        **{name: total / config.epochs / tokens for name, total in totals.items()},
        "grad_norm": norm / config.epochs,
        "learning_rate": config.learning_rate * rate_fraction(config, step),
    }

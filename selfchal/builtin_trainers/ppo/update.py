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
    clipped_share,
    clipped_surrogate,
    kl_penalty,
    kl_to_reference,
    truncated_importance,
)
from selfchal.builtin_trainers.learner import Reference, Stepper, rate
from selfchal.builtin_trainers.parallel import Team
from selfchal.builtin_trainers.ppo import losses
from selfchal.builtin_trainers.ppo.config import PpoConfig
from selfchal.builtin_trainers.ppo.critic import values_of
from selfchal.core.episode import Episode


@dataclass(frozen=True)
class Piece:
    """A micro-batch with everything about it that is fixed during the epochs; all [N]."""

    batch: MicroBatch
    old: Tensor  # the trainer's log-probabilities before the first epoch
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
) -> list[Piece]:
    """Score this process's micro-batches with the present weights and estimate their advantages,
    whitened over the batches of all processes."""
    device = next(network.parameters()).device
    batches, counting = team.portion(micro_batches(episodes, config.micro_batch_tokens))
    with torch.no_grad():
        pieces = [_estimated(network, head, b.to(device), episodes, config, reference) for b in batches]
    own = [piece.advantages for piece in pieces[:counting]]
    everyones = team.everyones(torch.cat([*own, torch.zeros(0, device=device)]))
    white = losses.whitened(torch.cat(everyones)).split([len(part) for part in everyones])[team.rank]
    parts = white.split([len(part) for part in own])
    return [replace(piece, advantages=part) for piece, part in zip(pieces[:counting], parts, strict=True)] + [
        replace(piece, counts=False) for piece in pieces[counting:]
    ]


def _estimated(
    network: nn.Module,
    head: nn.Module,
    batch: MicroBatch,
    episodes: Sequence[Episode],
    config: PpoConfig,
    reference: Reference | None,
) -> Piece:
    bfloat16 = config.precision == "bfloat16"
    scores = score(network, batch, bfloat16=bfloat16)
    values = values_of(head, scores.hidden)  # [N]
    anchor = None
    penalty = torch.zeros_like(values)  # [N]
    if reference is not None:
        with reference() as frozen:
            anchor = score(frozen, batch, bfloat16=bfloat16).logprobs  # [N]
        if config.kl_in == "reward":
            penalty = config.kl * (scores.logprobs - anchor)  # [N]
    lengths = batch.predicts.sum(1)  # [b]
    rewards = torch.tensor([episodes[row].reward for row in batch.rows.tolist()], device=values.device)

    def by_episode(flat: Tensor) -> Tensor:
        return pad_sequence(list(flat.split(lengths.tolist())), batch_first=True)  # [b, k]

    dense = losses.token_rewards(rewards, lengths, by_episode(penalty))  # [b, k]
    advantages = losses.gae(dense, by_episode(values), config.gamma, config.gae_lambda)  # [b, k]
    inside = torch.arange(advantages.shape[1], device=values.device) < lengths[:, None]  # [b, k]
    flat = advantages[inside]  # [N]
    return Piece(batch, scores.logprobs, values, flat, flat + values, anchor)


def piece_loss(
    scores: Scores, values: Tensor, piece: Piece, config: PpoConfig
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Sums over this micro-batch's tokens of the policy's and the critic's loss, and of the metrics."""
    logprobs, clips = scores.logprobs, (config.clip_low, config.clip_high)
    per_token = clipped_surrogate(logprobs, piece.old, piece.advantages, *clips)  # [N]
    mismatch = piece.old - piece.batch.sampled  # [N]
    if config.importance_cap is not None:
        per_token = per_token * truncated_importance(piece.old, piece.batch.sampled, config.importance_cap)
    now = logprobs.detach()
    sums = {
        "entropy": scores.entropies.detach().sum(),
        "mismatch": mismatch.abs().sum(),
        "mismatch_ratio": mismatch.exp().sum(),
        "clipped": clipped_share(now, piece.old, piece.advantages, *clips).sum(),
        "kl_sampler": kl_to_reference(piece.batch.sampled, now).sum(),
        "value": piece.old_values.sum(),
        "value_error": (piece.old_values - piece.returns).square().sum(),
    }
    if piece.reference is not None:
        sums["kl"] = kl_to_reference(now, piece.reference).sum()
        if config.kl_in == "loss":
            per_token = per_token + config.kl * kl_penalty(logprobs, piece.old, piece.reference)
    if config.entropy_bonus:
        per_token = per_token - config.entropy_bonus * scores.entropies
    critic = losses.value_loss(values, piece.old_values, piece.returns, config.value_clip)  # [N]
    return per_token.sum(), critic.sum(), sums


def update(
    stepper: Stepper,
    head: nn.Module,
    config: PpoConfig,
    reference: Reference | None,
    episodes: Sequence[Episode],
    step: int,
) -> dict[str, float]:
    """``epochs`` optimiser steps on one batch; means over the agent's tokens for the metrics.

    Raises TrainingError where a gradient is not finite.
    """
    network = stepper.network.train()
    pieces = prepare(network, head, episodes, config, reference, stepper.team)
    tokens = sum(map(agent_tokens, episodes))
    sums: dict[str, float] = defaultdict(float)
    norm = 0.0
    for _ in range(config.epochs):
        for piece in pieces:
            scores = score(
                network,
                piece.batch,
                bfloat16=config.precision == "bfloat16",
                entropy_gradient=config.entropy_bonus > 0,
            )
            values = values_of(head, scores.hidden)
            policy, critic, parts = piece_loss(scores, values, piece, config)
            ((policy + critic) * piece.counts / tokens).backward()
            for name, value in {**parts, "loss": policy.detach(), "value_loss": critic.detach()}.items():
                sums[name] += float(value) * piece.counts
        norm += stepper.step(step)
    network.eval()
    totals = stepper.team.sum(sums)
    return {
        **{name: total / config.epochs / tokens for name, total in totals.items()},
        "grad_norm": norm / config.epochs,
        "learning_rate": config.learning_rate * rate(config, step),
    }

"""One GRPO update: judged groups in, one optimiser step an epoch, what happened out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfchal.builtin_trainers.batch import MicroBatch, agent_tokens, micro_batches
from selfchal.builtin_trainers.forward import Scores, score
from selfchal.builtin_trainers.grpo import losses
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.optim import Optimizer, Reference, rate_fraction
from selfchal.builtin_trainers.parallel import Team
from selfchal.core.episode import Episode, Group


@dataclass(frozen=True)
class PolicyBatch:
    """Episodes with what each is worth: B of them."""

    episodes: list[Episode]
    advantages: Tensor  # [B]


def policy_batch(groups: Sequence[Group], config: GrpoConfig) -> PolicyBatch:
    """The judged episodes that can change anything: silent groups count only for KL and entropy."""
    episodes: list[Episode] = []
    advantages: list[Tensor] = []
    for group in groups:
        judged = [e for e in group.episodes if e.reward is not None and agent_tokens(e)]
        if not judged:
            continue
        rewards = torch.tensor([e.reward for e in judged], dtype=torch.float32)
        worth = losses.group_advantages(rewards, config.advantage)  # [G]
        if worth.any() or config.kl or config.entropy_bonus:
            episodes += judged
            advantages.append(worth)
    return PolicyBatch(episodes, torch.cat(advantages) if advantages else torch.zeros(0))


@dataclass(frozen=True)
class PreparedBatch:
    """A micro-batch with everything about it that is fixed during the epochs; all [N]."""

    batch: MicroBatch
    advantages: Tensor
    weights: Tensor
    old_logprobs: (
        Tensor | None
    )  # the trainer's log-probabilities before the first epoch; None: of this very pass
    reference: Tensor | None
    counts: bool  # False: a repeat that only keeps the other processes company


def prepare(
    network: nn.Module, batch_data: PolicyBatch, config: GrpoConfig, reference: Reference | None, team: Team
) -> list[PreparedBatch]:
    """This process's micro-batches."""
    device = next(network.parameters()).device
    lengths = torch.tensor([agent_tokens(e) for e in batch_data.episodes])
    weights = losses.token_weights(lengths, config.loss, config.length_budget).to(device)  # [B]
    advantages = batch_data.advantages.to(device)  # [B]
    bfloat16 = config.precision == "bfloat16"
    prepared_batches = []
    batches, counting = team.shard_batches(micro_batches(batch_data.episodes, config.micro_batch_tokens))
    for number, cpu_batch in enumerate(batches):
        batch = cpu_batch.to(device)
        old_logprobs = ref_logprobs = None
        with torch.no_grad():
            if config.epochs > 1:
                old_logprobs = score(network, batch, bfloat16=bfloat16).logprobs
            if reference is not None:
                with reference() as frozen:
                    ref_logprobs = score(frozen, batch, bfloat16=bfloat16).logprobs
        rows = batch.row_of_token
        prepared_batches.append(
            PreparedBatch(
                batch, advantages[rows], weights[rows], old_logprobs, ref_logprobs, number < counting
            )
        )
    return prepared_batches


def batch_loss(
    scores: Scores, prepared: PreparedBatch, config: GrpoConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """This micro-batch's part of the loss, and sums over its tokens for the metrics."""
    logprobs = scores.logprobs
    old_logprobs = logprobs.detach() if prepared.old_logprobs is None else prepared.old_logprobs
    per_token = losses.clipped_surrogate(
        logprobs, old_logprobs, prepared.advantages, config.clip_low, config.clip_high
    )  # [N]
    logprob_diff = old_logprobs - prepared.batch.rollout_logprobs  # [N]
    if config.importance_cap is not None:
        per_token = per_token * losses.truncated_importance(
            old_logprobs, prepared.batch.rollout_logprobs, config.importance_cap
        )
    sums = {
        "entropy": scores.entropies.detach().sum(),
        "logprob_diff": logprob_diff.abs().sum(),
        "logprob_ratio": logprob_diff.exp().sum(),
        "clip_fraction": losses.clip_fraction(
            logprobs.detach(), old_logprobs, prepared.advantages, config.clip_low, config.clip_high
        ).sum(),
        "kl_rollout": losses.kl_to_reference(prepared.batch.rollout_logprobs, logprobs.detach()).sum(),
    }
    if prepared.reference is not None:
        per_token = per_token + config.kl * losses.kl_penalty(logprobs, old_logprobs, prepared.reference)
        sums["kl"] = losses.kl_to_reference(logprobs.detach(), prepared.reference).sum()
    if config.entropy_bonus:
        per_token = per_token - config.entropy_bonus * scores.entropies
    return (per_token * prepared.weights).sum(), sums


def update(
    optimizer: Optimizer, config: GrpoConfig, reference: Reference | None, batch_data: PolicyBatch, step: int
) -> dict[str, float]:
    """``epochs`` optimiser steps on one batch; means over the agent's tokens for the metrics.

    Raises TrainingError where a gradient is not finite.
    """
    network = optimizer.network.train()
    prepared_batches = prepare(network, batch_data, config, reference, optimizer.team)
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
            loss, parts = batch_loss(scores, prepared, config)
            (loss * prepared.counts).backward()
            for name, value in {"loss": loss.detach(), **parts}.items():
                sums[name] += float(value) * prepared.counts
        norm += optimizer.step(step)
    network.eval()
    tokens = sum(map(agent_tokens, batch_data.episodes))
    totals = optimizer.team.sum(sums)
    return {
        **{name: total / config.epochs / (1 if name == "loss" else tokens) for name, total in totals.items()},
        "grad_norm": norm / config.epochs,
        "learning_rate": config.learning_rate * rate_fraction(config, step),
    }

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
from selfchal.builtin_trainers.learner import Reference, Stepper, rate
from selfchal.builtin_trainers.parallel import Team
from selfchal.core.episode import Episode, Group


@dataclass(frozen=True)
class Lesson:
    """Episodes with what each is worth: B of them."""

    episodes: list[Episode]
    advantages: Tensor  # [B]


def lesson(groups: Sequence[Group], config: GrpoConfig) -> Lesson:
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
    return Lesson(episodes, torch.cat(advantages) if advantages else torch.zeros(0))


@dataclass(frozen=True)
class Piece:
    """A micro-batch with everything about it that is fixed during the epochs; all [N]."""

    batch: MicroBatch
    advantages: Tensor
    weights: Tensor
    old: Tensor | None  # the trainer's log-probabilities before the first epoch; None: of this very pass
    reference: Tensor | None
    counts: bool  # False: a repeat that only keeps the other processes company


def prepare(
    network: nn.Module, taught: Lesson, config: GrpoConfig, reference: Reference | None, team: Team
) -> list[Piece]:
    """This process's micro-batches."""
    device = next(network.parameters()).device
    lengths = torch.tensor([agent_tokens(e) for e in taught.episodes])
    weights = losses.token_weights(lengths, config.loss, config.length_budget).to(device)  # [B]
    advantages = taught.advantages.to(device)  # [B]
    bfloat16 = config.precision == "bfloat16"
    pieces = []
    batches, counting = team.portion(micro_batches(taught.episodes, config.micro_batch_tokens))
    for place, cpu_batch in enumerate(batches):
        batch = cpu_batch.to(device)
        old = anchor = None
        with torch.no_grad():
            if config.epochs > 1:
                old = score(network, batch, bfloat16=bfloat16).logprobs
            if reference is not None:
                with reference() as frozen:
                    anchor = score(frozen, batch, bfloat16=bfloat16).logprobs
        rows = batch.row_of_token
        pieces.append(Piece(batch, advantages[rows], weights[rows], old, anchor, place < counting))
    return pieces


def piece_loss(scores: Scores, piece: Piece, config: GrpoConfig) -> tuple[Tensor, dict[str, Tensor]]:
    """This micro-batch's part of the loss, and sums over its tokens for the metrics."""
    logprobs = scores.logprobs
    old = logprobs.detach() if piece.old is None else piece.old
    per_token = losses.clipped_surrogate(
        logprobs, old, piece.advantages, config.clip_low, config.clip_high
    )  # [N]
    mismatch = old - piece.batch.sampled  # [N]
    if config.importance_cap is not None:
        per_token = per_token * losses.truncated_importance(old, piece.batch.sampled, config.importance_cap)
    sums = {
        "entropy": scores.entropies.detach().sum(),
        "mismatch": mismatch.abs().sum(),
        "mismatch_ratio": mismatch.exp().sum(),
        "clipped": losses.clipped_share(
            logprobs.detach(), old, piece.advantages, config.clip_low, config.clip_high
        ).sum(),
        "kl_sampler": losses.kl_to_reference(piece.batch.sampled, logprobs.detach()).sum(),
    }
    if piece.reference is not None:
        per_token = per_token + config.kl * losses.kl_penalty(logprobs, old, piece.reference)
        sums["kl"] = losses.kl_to_reference(logprobs.detach(), piece.reference).sum()
    if config.entropy_bonus:
        per_token = per_token - config.entropy_bonus * scores.entropies
    return (per_token * piece.weights).sum(), sums


def update(
    stepper: Stepper, config: GrpoConfig, reference: Reference | None, taught: Lesson, step: int
) -> dict[str, float]:
    """``epochs`` optimiser steps on one batch; means over the agent's tokens for the metrics.

    Raises TrainingError where a gradient is not finite.
    """
    network = stepper.network.train()
    pieces = prepare(network, taught, config, reference, stepper.team)
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
            loss, parts = piece_loss(scores, piece, config)
            (loss * piece.counts).backward()
            for name, value in {"loss": loss.detach(), **parts}.items():
                sums[name] += float(value) * piece.counts
        norm += stepper.step(step)
    network.eval()
    tokens = sum(map(agent_tokens, taught.episodes))
    totals = stepper.team.sum(sums)
    return {
        **{name: total / config.epochs / (1 if name == "loss" else tokens) for name, total in totals.items()},
        "grad_norm": norm / config.epochs,
        "learning_rate": config.learning_rate * rate(config, step),
    }

"""The loss of the policy, token by token: the seams put together, with corrections, penalties and metrics."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from selfchal.builtin_trainers.batch import MicroBatch
from selfchal.builtin_trainers.forward import Scores
from selfchal.builtin_trainers.options import ClippedOptions
from selfchal.builtin_trainers.policy_loss import corrections
from selfchal.builtin_trainers.policy_loss.clips import find_clipped
from selfchal.builtin_trainers.policy_loss.seams import (
    ADVANTAGE,
    AGGREGATION,
    CLIP,
    RATIO,
    find_function,
)
from selfchal.core.episode import End, Episode

IMPORTANCE = {"truncate": corrections.truncate_importance, "mask": corrections.mask_importance}


@dataclass(frozen=True)
class PolicyLoss:
    """The loss of each token of a micro-batch, and sums over its tokens for the metrics."""

    per_token: Tensor  # [N] what the advantages ask for
    penalties: Tensor  # [N] KL and entropy, for every token; 0 where neither is asked for
    sums: dict[str, Tensor]  # each []

    def weigh(self, weights: TokenWeights, rows: Tensor) -> Tensor:
        """A micro-batch's part of the loss []. ``rows`` [N]: which of the update's episodes a token is of."""
        return (self.per_token * weights.policy[rows] + self.penalties * weights.penalties[rows]).sum()


@dataclass(frozen=True)
class TokenWeights:
    """What a token of each of the update's B episodes weighs."""

    policy: Tensor  # [B] 0 for episodes that are there for the penalties alone
    penalties: Tensor  # [B]

    def to(self, device: torch.device) -> TokenWeights:
        return TokenWeights(self.policy.to(device), self.penalties.to(device))


def is_left_out(episode: Episode, options: ClippedOptions) -> bool:
    """Is the episode not learnt from, because it ended where the context was full?"""
    return options.overlong_filter and episode.end is End.LENGTH


def compute_policy_loss(
    scores: Scores,
    batch: MicroBatch,
    old_logprobs: Tensor,
    ref_logprobs: Tensor | None,
    advantages: Tensor,
    options: ClippedOptions,
    *,
    kl_in_loss: bool = True,
    stale: bool = False,
) -> PolicyLoss:
    """``old_logprobs`` [N]: the trainer's before the first step of the update. ``ref_logprobs`` [N]: of the
    policy that training began with. ``advantages`` [N]. ``stale``: older weights may have sampled the tokens,
    so the estimate of the KL is corrected too.

    The ratio is that to the policy before the update, and the importance weight that from the one which
    sampled: together the ratio to the sampling policy, of which the clip bounds what this update does
    (arXiv 2110.00641).

    Raises PluginError for a function that is not there.
    """
    logprobs, rollout_logprobs = scores.logprobs, batch.rollout_logprobs  # [N]
    bounds = (options.clip_low, options.clip_high)
    ratios = find_function(RATIO, options.ratio)(logprobs - old_logprobs, batch.row_of_token)  # [N]
    clip = find_function(CLIP, options.clip)
    per_token = clip(ratios, logprobs, advantages, *bounds)  # [N]
    importance: Tensor | None = None  # [N]
    if options.importance_cap is not None:
        weigh = IMPORTANCE[options.importance]
        importance = weigh(old_logprobs, rollout_logprobs, options.importance_cap)
        per_token = per_token * importance
    now, logprob_diff = logprobs.detach(), old_logprobs - rollout_logprobs  # [N]
    sums = {
        "entropy": scores.entropies.detach().sum(),
        "logprob_diff": logprob_diff.abs().sum(),
        "logprob_ratio": logprob_diff.exp().sum(),
        "clip_fraction": find_clipped(ratios.detach(), advantages, *bounds).sum(),
        "kl_rollout": corrections.kl_to_reference(rollout_logprobs, now).sum(),
    }
    penalties = torch.zeros_like(per_token)  # [N]
    if ref_logprobs is not None:
        sums["kl"] = corrections.kl_to_reference(now, ref_logprobs).sum()
        if kl_in_loss:
            penalty = corrections.kl_penalty(logprobs, old_logprobs, ref_logprobs)  # [N]
            if stale and importance is not None:
                penalty = penalty * importance
            penalties = penalties + options.kl * penalty
    if options.entropy_bonus:
        penalties = penalties - options.entropy_bonus * scores.entropies
    return PolicyLoss(per_token, penalties, sums)


def compute_advantages(rewards: Tensor, name: str) -> Tensor:
    """What each episode of a group is worth [G], by its ``rewards`` [G]; exactly 0 where they are equal."""
    if bool((rewards == rewards[0]).all()):
        return torch.zeros_like(rewards)  # [G]
    found: Tensor = find_function(ADVANTAGE, name)(rewards)  # [G]
    return found


def weigh_tokens(lengths: Tensor, learns: Tensor | None, options: ClippedOptions) -> TokenWeights:
    """What a token of each episode weighs. ``lengths`` [B] in the agent's tokens; ``learns`` [B]: whether the
    episode's advantages count (None: all of them do).

    The policy's loss is a mean over those that do, and each penalty a mean over all: so the gradient of the
    policy's loss is the same whether penalties bring in further episodes or not.
    """
    weigh = find_function(AGGREGATION, options.aggregation)
    penalties: Tensor = weigh(lengths, options.length_budget)  # [B]
    if learns is None or bool(learns.all()):
        return TokenWeights(penalties, penalties)
    policy = torch.zeros_like(penalties)  # [B]
    if bool(learns.any()):
        policy[learns] = weigh(lengths[learns], options.length_budget)
    return TokenWeights(policy, penalties)

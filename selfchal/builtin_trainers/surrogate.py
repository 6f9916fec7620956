"""The clipped policy loss of GRPO and PPO, token by token, with its corrections, penalties and metrics."""

from __future__ import annotations

from torch import Tensor

from selfchal.builtin_trainers.forward import Scores
from selfchal.builtin_trainers.grpo import losses
from selfchal.builtin_trainers.options import ClippedOptions


def clipped_policy_loss(
    scores: Scores,
    old_logprobs: Tensor,
    rollout_logprobs: Tensor,
    ref_logprobs: Tensor | None,
    advantages: Tensor,
    options: ClippedOptions,
    *,
    kl_in_loss: bool,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of each token [N], and sums over the tokens for the metrics.

    ``old_logprobs`` [N]: the trainer's before the first epoch. ``rollout_logprobs`` [N]: the sampling
    engine's. ``ref_logprobs`` [N]: of the policy that training began with. ``advantages`` [N].
    """
    logprobs, clip = scores.logprobs, (options.clip_low, options.clip_high)
    now = logprobs.detach()  # [N]
    per_token = losses.clipped_surrogate(logprobs, old_logprobs, advantages, *clip)  # [N]
    logprob_diff = old_logprobs - rollout_logprobs  # [N]
    if options.importance_cap is not None:
        per_token = per_token * losses.truncated_importance(
            old_logprobs, rollout_logprobs, options.importance_cap
        )
    sums = {
        "entropy": scores.entropies.detach().sum(),
        "logprob_diff": logprob_diff.abs().sum(),
        "logprob_ratio": logprob_diff.exp().sum(),
        "clip_fraction": losses.clip_fraction(now, old_logprobs, advantages, *clip).sum(),
        "kl_rollout": losses.kl_to_reference(rollout_logprobs, now).sum(),
    }
    if ref_logprobs is not None:
        sums["kl"] = losses.kl_to_reference(now, ref_logprobs).sum()
        if kl_in_loss:
            per_token = per_token + options.kl * losses.kl_penalty(logprobs, old_logprobs, ref_logprobs)
    if options.entropy_bonus:
        per_token = per_token - options.entropy_bonus * scores.entropies
    return per_token, sums

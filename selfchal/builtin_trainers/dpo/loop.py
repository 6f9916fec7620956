"""DPO (arXiv 2305.18290) on multi-turn episodes: what passed is preferred to what failed at the same task."""

from __future__ import annotations

import random
from collections.abc import Sequence

from selfchal.builtin_trainers import offline, trl_adapter
from selfchal.builtin_trainers.checkpoint import TrainState, restore_best
from selfchal.builtin_trainers.dpo.config import DpoConfig
from selfchal.builtin_trainers.rollouts import explain_zero_signal, rollout_metrics, sampler_for
from selfchal.builtin_trainers.trl_runner import plan_updates
from selfchal.core.episode import Episode, Group
from selfchal.core.errors import TrainingError
from selfchal.core.trainer import Training


def train(config: DpoConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or no task has both passed and failed episodes."""
    state = TrainState(sampler_for(training))
    groups = offline.roll_out_all(training, state.sampler, config)
    pairs = preferences(groups, training.seed)
    if not pairs:
        raise TrainingError(
            f"no task has both a passed and a failed episode: {explain_zero_signal(rollout_metrics(groups))}"
        )
    training.progress.note(f"{len(pairs)} pairs of a passed and a failed episode")

    job, order = plan_updates(training, state, config, len(pairs))
    trl_adapter.prefer(job, config, pairs, order, {"beta": config.beta, **config.trl})

    restore_best(training, state)


def preferences(groups: Sequence[Group], seed: int) -> list[tuple[Episode, Episode]]:
    """Pairs (passed, failed) of one task, every episode in at most one pair."""
    draw, pairs = random.Random(seed), list[tuple[Episode, Episode]]()
    for group in groups:
        usable = [e for e in group.episodes if e.reward is not None and any(e.mask)]
        passed = [e for e in usable if (e.reward or 0.0) >= 1]
        failed = [e for e in usable if (e.reward or 0.0) < 1]
        draw.shuffle(passed)
        draw.shuffle(failed)
        pairs += zip(passed, failed, strict=False)
    return pairs

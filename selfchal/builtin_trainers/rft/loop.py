"""Rejection fine-tuning (paper, section 4.3: one REINFORCE step with reward 0 or 1) and distillation.

Roll every task out once, keep the episodes that passed, learn to write what they wrote.
"""

from __future__ import annotations

from selfchal.builtin_trainers import offline, trl_adapter
from selfchal.builtin_trainers.checkpoint import TrainState, restore_best
from selfchal.builtin_trainers.rft.config import RftConfig
from selfchal.builtin_trainers.rollouts import explain_zero_signal, judged, rollout_metrics, sampler_for
from selfchal.builtin_trainers.trl_runner import plan_updates
from selfchal.core.episode import Episode, Group
from selfchal.core.errors import TrainingError
from selfchal.core.trainer import Training


def train(config: RftConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or no episode to learn from (with the reason)."""
    state = TrainState(sampler_for(training))
    groups = offline.roll_out_all(training, state.sampler, config)
    episodes = [episode for group in groups for episode in kept(group, config)]
    if not episodes:
        raise TrainingError(
            f"there is no episode to learn from: {explain_zero_signal(rollout_metrics(groups))}"
        )
    training.progress.note(f"{len(episodes)} of {len(judged(groups))} episodes are kept to learn from")

    job, order = plan_updates(training, state, config, len(episodes))
    trl_adapter.fine_tune(job, config, [episodes[index] for index in order])

    restore_best(training, state)


def kept(group: Group, config: RftConfig) -> list[Episode]:
    """The episodes of one task to learn from."""
    passed = [e for e in group.episodes if e.reward is not None and any(e.mask)]
    if config.keep == "successes":
        passed = [e for e in passed if (e.reward or 0.0) >= 1]
    if config.per_task is None:
        return passed
    return list({tuple(e.ids): e for e in passed}.values())[: config.per_task]

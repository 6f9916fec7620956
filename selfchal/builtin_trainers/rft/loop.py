"""Rejection fine-tuning (paper, section 4.3: one REINFORCE step with reward 0 or 1) and distillation.

Roll every task out once, keep the episodes that passed, learn to write what they wrote.
"""

from __future__ import annotations

from selfchal.builtin_trainers import offline, trl_adapter
from selfchal.builtin_trainers.checkpoint import Position
from selfchal.builtin_trainers.rft.config import RftConfig
from selfchal.builtin_trainers.rollouts import course_for, judged, rollout_metrics, why_silent
from selfchal.builtin_trainers.trl_runner import Job
from selfchal.core.errors import TrainingError
from selfchal.core.trainer import Training


def train(config: RftConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or no episode to learn from (with the reason)."""
    position = Position(course_for(training))
    groups = offline.roll_out_all(training, position.course, config)
    episodes = judged(groups) if config.keep == "all" else offline.kept_successes(groups)
    episodes = [episode for episode in episodes if any(episode.mask)]
    if not episodes:
        raise TrainingError(f"there is no episode to learn from: {why_silent(rollout_metrics(groups))}")
    training.progress.note(f"{len(episodes)} of {len(judged(groups))} episodes are kept to learn from")

    steps = offline.updates(config, len(episodes))
    training.progress.total(steps)
    order = offline.order(len(episodes), steps * config.batch_size, training.seed)
    job = Job(training, position, config, steps)
    trl_adapter.fine_tune(job, config, [episodes[place] for place in order])

    position.best.restore(training.model.network)
    training.model.weights_changed()

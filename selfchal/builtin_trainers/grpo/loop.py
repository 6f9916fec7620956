"""GRPO from top to bottom: roll out, compare within groups, step, look, keep the best.

What it is not: no critic, no reference model unless ``kl`` asks for one, no replay of old episodes.
"""

from __future__ import annotations

import time
from functools import partial

from selfchal.builtin_trainers.checkpoint import Position, conclude, unpack
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.grpo.update import lesson, update
from selfchal.builtin_trainers.learner import Stepper, frozen_reference
from selfchal.builtin_trainers.parallel import Team
from selfchal.builtin_trainers.rollouts import Course, course_for, gather, has_signal, rollout_metrics
from selfchal.core.trainer import Training


def train(config: GrpoConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or no update ever had a signal (with the reason)."""
    model, progress, team = training.model, training.progress, Team()
    network = model.network
    team.align(network)
    position = Position(course_for(training) if team.leads else Course((), 0))
    reference = frozen_reference(network) if config.kl else None
    checkpoint = team.share(progress.latest() if team.leads else None)
    team.align(network)
    stepper = Stepper(network, config, team, shard=config.parallel == "shard")
    if checkpoint is not None:
        unpack(*checkpoint, position, stepper)
    learn = team.together(partial(update, stepper, config, reference))
    if not team.leads:
        return team.follow()

    progress.total(config.steps)
    with team.led():
        while position.step < config.steps and position.silent < config.patience:
            position.step += 1
            began = time.perf_counter()
            groups = gather(
                training, position.course, config.tasks_per_step, config.group_size, config.resample
            )
            rolled_out = time.perf_counter()
            metrics = rollout_metrics(groups)
            if any(map(has_signal, groups)):
                position.silent, position.learnt = 0, position.learnt + 1
                metrics |= learn(lesson(groups, config), position.step)
                model.weights_changed()
            else:
                position.silent += 1
            metrics["seconds_rollout"] = rolled_out - began
            metrics["seconds_update"] = time.perf_counter() - rolled_out
            conclude(training, position, config, metrics, stepper)

    position.best.restore(network)
    model.weights_changed()
    return None

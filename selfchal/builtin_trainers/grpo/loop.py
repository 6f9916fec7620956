"""GRPO from top to bottom: roll out, compare within groups, step, look, keep the best.

What it is not: no critic, no reference model unless ``kl`` asks for one, no replay of old episodes.
"""

from __future__ import annotations

import logging
import time

from selfchal.builtin_trainers.checkpoint import Position, pack, unpack, validate
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.grpo.update import lesson, update
from selfchal.builtin_trainers.learner import adamw, frozen_reference
from selfchal.builtin_trainers.rollouts import course_for, gather, has_signal, rollout_metrics, why_silent
from selfchal.core.errors import TrainingError
from selfchal.core.trainer import Training

log = logging.getLogger(__name__)


def train(config: GrpoConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or no update ever had a signal (with the reason)."""
    model, progress = training.model, training.progress
    network = model.network
    position = Position(course_for(training))
    optimizer = adamw(network, config)
    reference = frozen_reference(network) if config.kl else None
    if config.gradient_checkpointing:
        network.gradient_checkpointing_enable({"use_reentrant": False})
    if (checkpoint := progress.latest()) is not None:
        unpack(*checkpoint, position, optimizer)
    progress.total(config.steps)

    while position.step < config.steps and position.silent < config.patience:
        position.step += 1
        began = time.perf_counter()
        groups = gather(training, position.course, config.tasks_per_step, config.group_size, config.resample)
        rolled_out = time.perf_counter()
        metrics = rollout_metrics(groups)
        if any(map(has_signal, groups)):
            position.silent, position.learnt = 0, position.learnt + 1
            network.train()
            metrics |= update(network, optimizer, lesson(groups, config), config, position.step, reference)
            network.eval()
            model.weights_changed()
        else:
            position.silent += 1
            log.warning("update %d of %d skipped: %s", position.step, config.steps, why_silent(metrics))
        metrics["seconds_rollout"] = rolled_out - began
        metrics["seconds_update"] = time.perf_counter() - rolled_out

        last = position.step == config.steps or position.silent == config.patience
        if last and not position.learnt:
            raise TrainingError(f"no update had any signal to learn from: {why_silent(metrics)}")
        if last or position.step % config.checkpoint_every == 0:
            metrics |= validate(training, position, config.validation_samples)
            progress.log(position.step, metrics)
            progress.save(position.step, pack(position, optimizer))
        else:
            progress.log(position.step, metrics)

    position.best.restore(network)
    model.weights_changed()

"""PPO from top to bottom: roll out, credit each token by GAE, step policy and critic, look, keep the best."""

from __future__ import annotations

import time

from selfchal.builtin_trainers.batch import agent_tokens
from selfchal.builtin_trainers.checkpoint import Position, conclude, unpack
from selfchal.builtin_trainers.learner import adamw, frozen_reference
from selfchal.builtin_trainers.ppo.config import PpoConfig
from selfchal.builtin_trainers.ppo.critic import value_head
from selfchal.builtin_trainers.ppo.update import update
from selfchal.builtin_trainers.rollouts import course_for, gather, judged, rollout_metrics
from selfchal.core.trainer import Training


def train(config: PpoConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or no update ever had a signal (with the reason)."""
    model, progress = training.model, training.progress
    network = model.network
    head = value_head(network, training.seed)
    position = Position(course_for(training))
    optimizer = adamw(network, config)
    critic_rate = config.critic_learning_rate or 10 * config.learning_rate
    optimizer.add_param_group({"params": list(head.parameters()), "lr": critic_rate, "peak": critic_rate})
    reference = frozen_reference(network) if config.kl else None
    if config.gradient_checkpointing:
        network.gradient_checkpointing_enable({"use_reentrant": False})
    if (checkpoint := progress.latest()) is not None:
        unpack(*checkpoint, position, optimizer, head)
    progress.total(config.steps)

    while position.step < config.steps and position.silent < config.patience:
        position.step += 1
        began = time.perf_counter()
        groups = gather(training, position.course, config.tasks_per_step, config.group_size, resample=0)
        rolled_out = time.perf_counter()
        metrics = rollout_metrics(groups)
        episodes = [episode for episode in judged(groups) if agent_tokens(episode)]
        if len({episode.reward for episode in episodes}) > 1:
            position.silent, position.learnt = 0, position.learnt + 1
            network.train()
            metrics |= update(network, head, optimizer, episodes, config, position.step, reference)
            network.eval()
            model.weights_changed()
        else:  # whitened advantages of equal rewards would be the critic's noise
            position.silent += 1
        metrics["seconds_rollout"] = rolled_out - began
        metrics["seconds_update"] = time.perf_counter() - rolled_out
        conclude(training, position, config, metrics, optimizer, head)

    position.best.restore(network)
    model.weights_changed()

"""PPO from top to bottom: roll out, credit each token by GAE, step policy and critic, look, keep the best."""

from __future__ import annotations

import time
from functools import partial

from selfchal.builtin_trainers.batch import agent_tokens
from selfchal.builtin_trainers.checkpoint import Position, conclude, unpack
from selfchal.builtin_trainers.learner import Stepper, frozen_reference
from selfchal.builtin_trainers.parallel import Team
from selfchal.builtin_trainers.ppo.config import PpoConfig
from selfchal.builtin_trainers.ppo.critic import value_head
from selfchal.builtin_trainers.ppo.update import update
from selfchal.builtin_trainers.rollouts import Course, course_for, gather, judged, rollout_metrics
from selfchal.core.trainer import Training


def train(config: PpoConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or no update ever had a signal (with the reason)."""
    model, progress, team = training.model, training.progress, Team()
    network = model.network
    team.align(network)
    head = value_head(network, team.share(training.seed))
    position = Position(course_for(training) if team.leads else Course((), 0))
    reference = frozen_reference(network) if config.kl else None
    checkpoint = team.share(progress.latest() if team.leads else None)
    team.align(network)
    stepper = Stepper(network, config, team, shard=config.parallel == "shard")
    stepper.add(head, config.critic_learning_rate or 10 * config.learning_rate)
    if checkpoint is not None:
        unpack(*checkpoint, position, stepper, head)
    learn = team.together(partial(update, stepper, head, config, reference))
    if not team.leads:
        return team.follow()

    progress.total(config.steps)
    with team.led():
        while position.step < config.steps and position.silent < config.patience:
            position.step += 1
            began = time.perf_counter()
            groups = gather(training, position.course, config.tasks_per_step, config.group_size, resample=0)
            rolled_out = time.perf_counter()
            metrics = rollout_metrics(groups)
            episodes = [episode for episode in judged(groups) if agent_tokens(episode)]
            if len({episode.reward for episode in episodes}) > 1:
                position.silent, position.learnt = 0, position.learnt + 1
                metrics |= learn(episodes, position.step)
                model.weights_changed()
            else:  # whitened advantages of equal rewards would be the critic's noise
                position.silent += 1
            metrics["seconds_rollout"] = rolled_out - began
            metrics["seconds_update"] = time.perf_counter() - rolled_out
            conclude(training, position, config, metrics, stepper, head)

    position.best.restore(network)
    model.weights_changed()
    return None

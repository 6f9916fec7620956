"""PPO from top to bottom: roll out, credit each token by GAE, step policy and critic, look, keep the best."""

from __future__ import annotations

import time
from functools import partial

from selfchal.builtin_trainers.batch import agent_tokens
from selfchal.builtin_trainers.checkpoint import TrainState, end_of_step, unpack
from selfchal.builtin_trainers.optim import Optimizer, frozen_reference
from selfchal.builtin_trainers.parallel import Team
from selfchal.builtin_trainers.ppo.config import PpoConfig
from selfchal.builtin_trainers.ppo.critic import value_head
from selfchal.builtin_trainers.ppo.update import update
from selfchal.builtin_trainers.rollouts import (
    TaskSampler,
    collect_groups,
    judged,
    rollout_metrics,
    sampler_for,
)
from selfchal.core.trainer import Training


def train(config: PpoConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or no update ever had a signal (with the reason)."""
    model, progress, team = training.model, training.progress, Team()
    network = model.network
    team.broadcast_weights(network)
    head = value_head(network, team.broadcast(training.seed))
    state = TrainState(sampler_for(training) if team.is_rank0 else TaskSampler((), 0))
    reference = frozen_reference(network) if config.kl else None
    checkpoint = team.broadcast(progress.latest() if team.is_rank0 else None)
    team.broadcast_weights(network)
    optimizer = Optimizer(network, config, team, shard=config.parallel == "shard")
    optimizer.add(head, config.critic_learning_rate or 10 * config.learning_rate)
    if checkpoint is not None:
        unpack(*checkpoint, state, optimizer, head)
    learn = team.together(partial(update, optimizer, head, config, reference))
    if not team.is_rank0:
        return team.follow()

    progress.total(config.steps)
    with team.led():
        while state.step < config.steps and state.zero_signal < config.patience:
            state.step += 1
            began = time.perf_counter()
            groups = collect_groups(
                training, state.sampler, config.tasks_per_step, config.group_size, resample=0
            )
            rolled_out = time.perf_counter()
            metrics = rollout_metrics(groups)
            episodes = [episode for episode in judged(groups) if agent_tokens(episode)]
            if len({episode.reward for episode in episodes}) > 1:
                state.zero_signal, state.learnt = 0, state.learnt + 1
                metrics |= learn(episodes, state.step)
                model.on_weights_updated()
            else:  # whitened advantages of equal rewards would be the critic's noise
                state.zero_signal += 1
            metrics["seconds_rollout"] = rolled_out - began
            metrics["seconds_update"] = time.perf_counter() - rolled_out
            end_of_step(training, state, config, metrics, optimizer, head)

    state.best.restore(network)
    model.on_weights_updated()
    return None

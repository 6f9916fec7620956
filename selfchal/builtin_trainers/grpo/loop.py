"""GRPO from top to bottom: roll out, compare within groups, step, look, keep the best.

What it is not: no critic, no reference model unless ``kl`` asks for one, no replay of old episodes.
"""

from __future__ import annotations

import time
from functools import partial

from selfchal.builtin_trainers.checkpoint import TrainState, end_of_step, unpack
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.grpo.update import policy_batch, update
from selfchal.builtin_trainers.optim import Optimizer, frozen_reference
from selfchal.builtin_trainers.parallel import Team
from selfchal.builtin_trainers.rollouts import (
    TaskSampler,
    collect_groups,
    has_signal,
    rollout_metrics,
    sampler_for,
)
from selfchal.core.trainer import Training


def train(config: GrpoConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or no update ever had a signal (with the reason)."""
    model, progress, team = training.model, training.progress, Team()
    network = model.network
    team.broadcast_weights(network)
    state = TrainState(sampler_for(training) if team.is_rank0 else TaskSampler((), 0))
    reference = frozen_reference(network) if config.kl else None
    checkpoint = team.broadcast(progress.latest() if team.is_rank0 else None)
    team.broadcast_weights(network)
    optimizer = Optimizer(network, config, team, shard=config.parallel == "shard")
    if checkpoint is not None:
        unpack(*checkpoint, state, optimizer)
    learn = team.together(partial(update, optimizer, config, reference))
    if not team.is_rank0:
        return team.follow()

    progress.total(config.steps)
    with team.led():
        while state.step < config.steps and state.zero_signal < config.patience:
            state.step += 1
            began = time.perf_counter()
            groups = collect_groups(
                training, state.sampler, config.tasks_per_step, config.group_size, config.resample
            )
            rolled_out = time.perf_counter()
            metrics = rollout_metrics(groups)
            if any(map(has_signal, groups)):
                state.zero_signal, state.learnt = 0, state.learnt + 1
                metrics |= learn(policy_batch(groups, config), state.step)
                model.on_weights_updated()
            else:
                state.zero_signal += 1
            metrics["seconds_rollout"] = rolled_out - began
            metrics["seconds_update"] = time.perf_counter() - rolled_out
            end_of_step(training, state, config, metrics, optimizer)

    state.best.restore(network)
    model.on_weights_updated()
    return None

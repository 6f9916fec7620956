"""KTO by TRL's KTOTrainer, for its other losses and kernels: the same episodes and weights as ``kto``."""

from __future__ import annotations

from selfchal.builtin_trainers import offline, trl_adapter
from selfchal.builtin_trainers.checkpoint import TrainState, restore_best
from selfchal.builtin_trainers.kto.algorithm import find_both, weigh_sides
from selfchal.builtin_trainers.rollouts import sampler_for
from selfchal.builtin_trainers.trl_kto.config import TrlKtoConfig
from selfchal.builtin_trainers.trl_runner import plan_updates
from selfchal.core.trainer import Training


def train(config: TrlKtoConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or not both passed and failed episodes."""
    state = TrainState(sampler_for(training))
    episodes, passed = find_both(offline.roll_out_all(training, state.sampler, config), training)
    desirable, undesirable = weigh_sides(config, passed, len(episodes))

    job, order = plan_updates(training, state, config, len(episodes))
    sides = {"desirable_weight": desirable, "undesirable_weight": undesirable}
    trl_adapter.tell_apart(job, config, episodes, order, {**config.trl, "beta": config.beta, **sides})

    restore_best(training, state)

"""DPO by TRL's DPOTrainer, for its other losses: the same pairs as ``dpo``."""

from __future__ import annotations

from selfchal.builtin_trainers import offline, trl_adapter
from selfchal.builtin_trainers.checkpoint import TrainState, restore_best
from selfchal.builtin_trainers.dpo.algorithm import find_pairs
from selfchal.builtin_trainers.rollouts import sampler_for
from selfchal.builtin_trainers.trl_dpo.config import TrlDpoConfig
from selfchal.builtin_trainers.trl_runner import plan_updates
from selfchal.core.trainer import Training


def train(config: TrlDpoConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or no task has both passed and failed episodes."""
    state = TrainState(sampler_for(training))
    pairs = find_pairs(offline.roll_out_all(training, state.sampler, config), training)

    job, order = plan_updates(training, state, config, len(pairs))
    trl_adapter.prefer(job, config, pairs, order, {"beta": config.beta, **config.trl})

    restore_best(training, state)

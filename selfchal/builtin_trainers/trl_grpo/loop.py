"""TRL's GRPOTrainer fed by our rollouts, token for token, through its ``rollout_func``.

TRL groups ``group_size`` consecutive prompts; a prompt here is a task's id, and what is rolled out is the
whole multi-turn episode, its observations masked by ``env_mask``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # the pin in pyproject is our answer to its warning

from trl import GRPOConfig, GRPOTrainer

from selfchal.builtin_trainers.checkpoint import TrainState, restore_best
from selfchal.builtin_trainers.rollouts import (
    TaskSampler,
    explain_zero_signal,
    has_signal,
    rollout_metrics,
    sampler_for,
)
from selfchal.builtin_trainers.trl_grpo.config import TrlGrpoConfig
from selfchal.builtin_trainers.trl_runner import Job, OurSchedule, Sizes, preserving_network, run
from selfchal.core.episode import Episode, Group
from selfchal.core.errors import TrainingError
from selfchal.core.trainer import Training
from selfchal.core.updating import pausing_update

REWARD = "episode_reward"


def train(config: TrlGrpoConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or the first batch has no signal at all."""
    state = TrainState(sampler_for(training))
    tasks = min(config.tasks_per_step, len(training.tasks))
    batch = tasks * config.group_size
    micro = config.micro_batch or batch
    if batch % micro:
        raise TrainingError(f"trainer.micro_batch {micro} does not divide the {batch} episodes of an update")
    training.progress.total(config.steps)
    order = TaskSampler(training.tasks, training.seed)
    prompts = [{"prompt": task.id} for _ in range(config.steps) for task in order.next_tasks(tasks)]
    arguments = partial(
        GRPOConfig,
        num_generations=config.group_size,
        loss_type=config.loss_type,
        epsilon=config.clip_low,
        epsilon_high=config.clip_high,
        shuffle_dataset=False,
        **config.trl,
    )
    job = Job(training, state, config, config.steps, rolls_out=True)
    parts = {"reward_funcs": _get_stored_reward, "rollout_func": _make_rollouts(job, config)}
    with preserving_network(training.model.network):
        checkpoint = training.progress.latest()
        run(job, checkpoint, prompts, Sizes(tasks, batch, micro), _Grpo, arguments, **parts)

    restore_best(training, state)


class _Grpo(OurSchedule, GRPOTrainer):  # type: ignore[misc]  # TRL has no types
    pass


def _get_stored_reward(**columns: Any) -> list[float | None]:
    return list(columns[REWARD])


def _make_rollouts(job: Job, config: TrlGrpoConfig) -> Any:
    """The ``rollout_func``: prompts arrive with each task repeated ``group_size`` times in a row."""
    training = job.training
    by_id = {task.id: task for task in training.tasks}

    def roll(prompts: Sequence[str], trainer: Any) -> dict[str, list[Any]]:
        network = training.model.network
        network.eval()
        training.model.on_weights_updated()
        tasks = [by_id[task] for task in prompts[:: config.group_size]]
        seed = job.state.sampler.next_seed()
        with pausing_update(training.model):
            groups = training.collect(tasks, config.group_size, seed=seed)
        network.train()
        job.extra = rollout_metrics(groups)
        if any(map(has_signal, groups)):
            job.state.learnt += 1
        elif not job.state.learnt:
            raise TrainingError(f"no update had any signal to learn from: {explain_zero_signal(job.extra)}")
        shown = [_format_rollout(group, episode) for group in groups for episode in group.episodes]
        firsts = [episode.mask.index(1) for episode, _ in shown]
        pairs = list(zip(shown, firsts, strict=True))
        return {
            "prompt_ids": [episode.ids[:first] for (episode, _), first in pairs],
            "completion_ids": [episode.ids[first:] for (episode, _), first in pairs],
            "logprobs": [episode.logprobs[first:] for (episode, _), first in pairs],
            "env_mask": [
                [own * (reward is not None) for own in episode.mask[first:]]
                for (episode, reward), first in pairs
            ],
            REWARD: [reward for _, reward in shown],
        }

    return roll


def _format_rollout(group: Group, episode: Episode) -> tuple[Episode, float | None]:
    """What TRL gets for an episode: where it could not be judged another one of its group, to be masked
    out, since TRL's groups cannot be smaller."""
    if episode.reward is not None:
        return episode, episode.reward
    judged = (other for other in group.episodes if other.reward is not None)
    return next(judged, episode), None

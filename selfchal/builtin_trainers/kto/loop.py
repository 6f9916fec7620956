"""KTO (arXiv 2402.01306) on multi-turn episodes: each is good or bad by itself, and none lacks a pair."""

from __future__ import annotations

from selfchal.builtin_trainers import offline, trl_adapter
from selfchal.builtin_trainers.checkpoint import TrainState, restore_best
from selfchal.builtin_trainers.kto.config import KtoConfig
from selfchal.builtin_trainers.rollouts import explain_zero_signal, judged, rollout_metrics, sampler_for
from selfchal.builtin_trainers.trl_runner import plan_updates
from selfchal.core.errors import TrainingError
from selfchal.core.trainer import Training


def train(config: KtoConfig, training: Training) -> None:
    """Raises TrainingError where there is no task, or not both passed and failed episodes."""
    state = TrainState(sampler_for(training))
    groups = offline.roll_out_all(training, state.sampler, config)
    episodes = [episode for episode in judged(groups) if any(episode.mask)]
    passed = sum((episode.reward or 0.0) >= 1 for episode in episodes)
    if not 0 < passed < len(episodes):
        raise TrainingError(
            "there are not both passed and failed episodes to tell apart: "
            f"{explain_zero_signal(rollout_metrics(groups))}"
        )
    training.progress.note(f"{passed} passed and {len(episodes) - passed} failed episodes")

    job, order = plan_updates(training, state, config, len(episodes))
    fields = config.trl | weigh_sides(config, passed, len(episodes))
    trl_adapter.tell_apart(job, config, episodes, order, fields)

    restore_best(training, state)


def weigh_sides(config: KtoConfig, passed: int, episodes: int) -> dict[str, float]:
    """TRL's weights of passed and of failed episodes, whose mean over all episodes is 1."""
    if not config.balanced:
        return {"beta": config.beta}
    return {
        "beta": config.beta,
        "desirable_weight": episodes / (2 * passed),
        "undesirable_weight": episodes / (2 * (episodes - passed)),
    }

"""A run's budget that is used up ends a training after its update, with the weights and the checkpoint of that update."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from selfchal.builtin_trainers.plugin import Dpo, Grpo, Kto, Ppo, Rft, TrlGrpo
from tests.builtin_trainers import toy

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("trainer", [Grpo, Ppo, TrlGrpo])
def test_an_on_policy_trainer_ends_after_the_update_and_keeps_the_best(trainer: Any) -> None:
    model = toy.ToyModel()
    progress = toy.ToyProgress(model, over_after=3)
    config = trainer.Config(steps=20, tasks_per_step=8, group_size=8, learning_rate=5e-3, checkpoint_every=10)
    played: list[Any] = []
    trainer(config).train(toy.recording(toy.training(model, progress, validation=4), played))
    assert [step for step, _ in progress.logged] == [1, 2, 3]
    assert [step for step, _, _ in progress.kept] == [3], "a checkpoint that was not due otherwise"
    assert "validation_reward" in progress.logged[-1][1]
    validations = 2 * 4 * config.validation_samples  # of the start, and of that checkpoint
    assert len(played) <= config.count_episodes(8) / 20 * 3 + validations


@pytest.mark.parametrize("trainer", [Rft, Dpo, Kto])
def test_an_offline_trainer_learns_from_what_was_rolled_out_until_then(trainer: Any) -> None:
    model = toy.ToyModel()
    progress = toy.ToyProgress(model, over_after=1)
    config = trainer.Config(steps=2, tasks_per_step=2, group_size=32, batch_size=4, validation_samples=0)
    played: list[Any] = []
    given = replace(toy.training(model, progress, count=8), validation=())
    trainer(config).train(toy.recording(given, played))
    assert len(played) == 2 * 32, "two of the eight tasks"
    assert [step for step, _ in progress.logged] == [1, 2]


@pytest.mark.parametrize("trainer", [Grpo, Ppo, TrlGrpo, Rft, Dpo, Kto])
def test_no_trainer_rolls_out_more_than_it_says(trainer: Any) -> None:
    model = toy.ToyModel()
    config = trainer.Config(steps=3, tasks_per_step=4, group_size=8, validation_samples=0)
    played: list[Any] = []
    trainer(config).train(toy.recording(toy.training(model, toy.ToyProgress(model), count=8), played))
    assert 0 < len(played) <= trainer(config).count_episodes(8)

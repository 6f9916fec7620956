"""Whole trainings on the toy game: every trainer learns it, resumes exactly, and says why it cannot learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from selfchal.builtin_trainers.plugin import Dpo, Grpo, Kto, Ppo, Rft, TrlDpo, TrlGrpo, TrlKto
from selfchal.builtin_trainers.rollouts import TaskSampler
from selfchal.core.episode import Group
from selfchal.core.errors import TrainingError
from selfchal.core.task import Task
from selfchal.core.trainer import Training
from tests.builtin_trainers import toy

pytestmark = pytest.mark.torch

SHARED = {"tasks_per_step": 8, "validation_samples": 2}
GSPO = {"ratio": "sequence", "aggregation": "sequence", "clip_low": 0.01, "clip_high": 0.01, "minibatches": 2}
NETWORK = {"critic": "network", "critic_learning_rate": 3e-3, "minibatches": 2}
LEARNS: list[tuple[Any, dict[str, Any], float]] = [  # options and the pass rate to reach from about 0.1
    (Grpo, {"steps": 30, "group_size": 8, "learning_rate": 5e-3}, 0.8),
    (
        Grpo,
        {"steps": 30, "group_size": 8, "learning_rate": 3e-3, "epochs": 2, "aggregation": "sequence"},
        0.8,
    ),
    (
        Grpo,
        {"steps": 30, "learning_rate": 5e-3, "advantage": "centred", "aggregation": "constant", "kl": 0.01},
        0.8,
    ),
    (Ppo, {"steps": 40, "group_size": 8, "learning_rate": 3e-3, "critic_learning_rate": 5e-3}, 0.7),
    (Grpo, {**GSPO, "steps": 20, "group_size": 8, "learning_rate": 5e-3}, 0.8),
    (Grpo, {"clip": "cispo", "minibatches": 2, "steps": 20, "group_size": 8, "learning_rate": 5e-3}, 0.8),
    (Grpo, {"advantage": "leave_one_out", "clip": "none", "steps": 30, "learning_rate": 5e-3}, 0.8),
    (Ppo, {**NETWORK, "steps": 24, "group_size": 8, "learning_rate": 3e-3, "critic_warmup": 4}, 0.7),
    (TrlGrpo, {"steps": 40, "group_size": 8, "learning_rate": 5e-3}, 0.7),
    (Rft, {"steps": 40, "group_size": 32, "learning_rate": 5e-3, "batch_size": 16}, 0.7),
    (Dpo, {"steps": 60, "group_size": 64, "learning_rate": 1e-3, "batch_size": 16}, 0.4),
    (Kto, {"steps": 40, "group_size": 64, "learning_rate": 2e-3, "batch_size": 16}, 0.4),
]


def names(case: tuple[Any, dict[str, Any], float]) -> str:
    telling = ("advantage", "ratio", "clip", "aggregation", "critic", "kl")
    return "-".join([case[0].name, *(str(v) for k, v in case[1].items() if k in telling)])


@pytest.mark.parametrize("case", LEARNS, ids=names)
def test_learns_the_game(case: tuple[Any, dict[str, Any], float]) -> None:
    trainer, options, goal = case
    model = toy.ToyModel()
    progress = toy.ToyProgress(model)
    assert toy.pass_rate(model.network) < 0.2
    trainer(trainer.Config(**SHARED, **options)).train(toy.training(model, progress, validation=4))
    assert toy.pass_rate(model.network) >= goal
    assert model.announced > 0
    assert all(step == n for n, (step, _) in enumerate(progress.logged, 1))


QUICK: list[Any] = [
    (Grpo, {"epochs": 2, "kl": 0.01, "group_size": 8}),
    (Ppo, {"epochs": 2, "kl": 0.01, "group_size": 8}),
    (Ppo, {**NETWORK, "critic_warmup": 3, "group_size": 8}),
    (Rft, {"batch_size": 4, "micro_batch_tokens": 8, "group_size": 32}),
    (Dpo, {"batch_size": 4, "group_size": 32}),
    (Kto, {"batch_size": 4, "group_size": 32}),
    (TrlGrpo, {"group_size": 8, "micro_batch": 32}),
    (TrlDpo, {"batch_size": 4, "group_size": 32}),
    (TrlKto, {"batch_size": 4, "group_size": 32}),
]


@pytest.mark.parametrize("stop_after", [2, 3, 6])
@pytest.mark.parametrize(("trainer", "options"), QUICK, ids=lambda v: getattr(v, "name", ""))
def test_killed_and_resumed_ends_in_the_very_same_weights(
    trainer: Any, options: dict[str, Any], stop_after: int
) -> None:
    config = trainer.Config(
        steps=6, learning_rate=1e-2, schedule="cosine", warmup_steps=2, checkpoint_every=2, **options
    )

    def run(progress: toy.ToyProgress) -> toy.ToyModel:
        model = toy.ToyModel()
        progress.model = model
        trainer(config).train(toy.training(model, progress, validation=2))
        return model

    undisturbed = toy.ToyProgress(toy.ToyModel())
    expected = run(undisturbed)

    stored: dict[tuple[int, ...], list[Group]] = {}  # the store of a real run: rolled out once, read again
    killed = toy.ToyProgress(toy.ToyModel(), stop_after=stop_after)

    def once(training: Training) -> Training:
        def collect(tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
            key = (seed, samples)
            if key not in stored:
                stored[key] = training.collect(tasks, samples, seed=seed)
            return stored[key]

        return replace(training, collect=collect)

    killed.model = toy.ToyModel()
    with pytest.raises(KeyboardInterrupt):
        trainer(config).train(once(toy.training(killed.model, killed, validation=2)))
    torch.manual_seed(999)  # another process has other random numbers
    killed.stop_after, killed.model = None, toy.ToyModel()
    trainer(config).train(once(toy.training(killed.model, killed, validation=2)))

    for name, value in expected.network.state_dict().items():
        assert torch.equal(value, killed.model.network.state_dict()[name]), name
    assert expected.network.state_dict().keys() == killed.model.network.state_dict().keys()
    before = [(step, metrics["loss"]) for step, metrics in undisturbed.logged if "loss" in metrics]
    after = {step: metrics["loss"] for step, metrics in killed.logged if "loss" in metrics}
    assert [(step, after[step]) for step, _ in before] == before


def rewarding(training: Training, reward: float | None) -> Training:
    def collect(tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        groups = training.collect(tasks, samples, seed=seed)
        for group in groups:
            for episode in group.episodes:
                episode.reward = reward
        return groups

    return replace(training, collect=collect)


@pytest.mark.parametrize("trainer", [Grpo, Ppo, Rft, Dpo, TrlGrpo], ids=lambda trainer: trainer.name)
@pytest.mark.parametrize(
    ("reward", "reason"),
    [
        (0.0, "too hard for the policy"),
        (1.0, "too easy for the policy"),
        (None, "no episode could be judged"),
    ],
)
def test_without_signal_the_reason_is_said(trainer: Any, reward: float | None, reason: str) -> None:
    if trainer is Rft and reward == 1.0:
        pytest.skip("fine-tuning can learn from passed episodes alone")
    model = toy.ToyModel()
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    training = rewarding(toy.training(model, toy.ToyProgress(model)), reward)
    with pytest.raises(TrainingError, match=reason):
        trainer(trainer.Config(steps=20, group_size=4)).train(training)
    assert all(torch.equal(before[name], value) for name, value in model.network.state_dict().items())


@pytest.mark.parametrize("trainer", [Grpo, Ppo, Rft, Dpo, TrlGrpo], ids=lambda trainer: trainer.name)
def test_no_task_is_an_error(trainer: Any) -> None:
    model = toy.ToyModel()
    with pytest.raises(TrainingError, match="no task to train on"):
        trainer(trainer.Config()).train(toy.training(model, toy.ToyProgress(model), count=0))


@pytest.mark.parametrize(("trainer", "options"), QUICK, ids=lambda v: getattr(v, "name", ""))
def test_an_unjudged_episode_has_no_part_in_anything(trainer: Any, options: dict[str, Any]) -> None:
    def weights(spoil: bool) -> list[torch.Tensor]:
        model = toy.ToyModel()
        given = toy.training(model, toy.ToyProgress(model))

        def collect(tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
            groups = given.collect(tasks, samples, seed=seed)
            for group in groups:
                lost = group.episodes[0]
                lost.reward = None
                if spoil:
                    lost.ids, lost.mask, lost.logprobs = [1, 2, 3], [0, 1, 1], [0.0, -9.0, -9.0]
            return groups

        trainer(trainer.Config(steps=2, learning_rate=1e-2, **options)).train(replace(given, collect=collect))
        return list(model.network.state_dict().values())

    assert all(torch.equal(one, other) for one, other in zip(weights(False), weights(True), strict=True))


def test_a_policy_that_learnt_everything_stops_early() -> None:
    model = toy.ToyModel()
    progress = toy.ToyProgress(model)
    options = {"group_size": 8, "learning_rate": 5e-3, "patience": 2}
    Grpo(Grpo.Config(steps=300, **SHARED, **options)).train(toy.training(model, progress, validation=4))
    assert len(progress.logged) < 300
    assert "every episode passed" in progress.notes[-1]
    assert progress.logged[-1][1]["zero_std_groups"] == progress.logged[-1][1]["groups"]


@pytest.mark.parametrize("trainer", [Grpo, Rft], ids=lambda trainer: trainer.name)
def test_a_training_that_only_did_harm_keeps_the_weights_that_it_began_with(trainer: Any) -> None:
    """Training pays for failing; the validation tasks pay for passing, as the world does."""
    model = toy.ToyModel()
    progress = toy.ToyProgress(model)
    before = {name: weight.clone() for name, weight in model.network.state_dict().items()}
    given = toy.training(model, progress, validation=8)

    def collect(tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        groups = given.collect(tasks, samples, seed=seed)
        for episode in (e for group in groups for e in group.episodes):
            if not episode.task.startswith("validation"):
                episode.reward = 1 - (episode.reward or 0.0)
        return groups

    config = trainer.Config(
        steps=9, group_size=8, learning_rate=2e-2, validation_samples=16, checkpoint_every=3
    )
    trainer(config).train(replace(given, collect=collect))
    for name, weight in model.network.state_dict().items():
        assert torch.equal(weight, before[name]), name
    assert progress.logged[-1][1]["best_step"] == 0
    assert any("no checkpoint did better on the validation tasks than the start" in n for n in progress.notes)


def test_the_best_checkpoint_is_kept_by_validation_alone() -> None:
    """The training reward is turned against the game half way; the better, earlier weights are kept."""
    model = toy.ToyModel()
    progress = toy.ToyProgress(model)
    given = toy.training(model, progress, validation=8)
    calls = []

    def collect(tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        groups = given.collect(tasks, samples, seed=seed)
        calls.append(seed)
        if not tasks[0].id.startswith("validation") and len(progress.logged) >= 20:
            for group in groups:
                for episode in group.episodes:
                    episode.reward = 1.0 - (episode.reward or 0.0)
        return groups

    options = {"steps": 60, "group_size": 8, "learning_rate": 5e-3, "resample": 2}
    Grpo(Grpo.Config(**{**SHARED, **options, "checkpoint_every": 10})).train(replace(given, collect=collect))
    validations = [metrics["validation_reward"] for _, metrics in progress.logged if "best_step" in metrics]
    assert progress.logged[-1][1]["best_step"] == 20
    assert validations[-1] < max(validations) / 2
    assert toy.pass_rate(model.network) > 0.8
    assert len(set(calls)) == len(calls)


def test_silent_groups_are_replaced_up_to_the_bound() -> None:
    model = toy.ToyModel()
    given = toy.training(model, toy.ToyProgress(model), count=64)
    sizes: list[int] = []

    def collect(tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        sizes.append(len(tasks))
        groups = given.collect(tasks, samples, seed=seed)
        for index, group in enumerate(groups):
            for episode in group.episodes:
                episode.reward = float(episode.sample == 0) if index % 2 else 0.0
        return groups

    Grpo(Grpo.Config(steps=1, tasks_per_step=16, group_size=4, resample=3)).train(
        replace(given, collect=collect)
    )
    assert sizes == [16, 8, 4, 2]


def test_a_task_sampler_gives_different_tasks_and_wastes_none_for_good() -> None:
    sampler = TaskSampler(toy.tasks(10), seed=1)
    draws = [sampler.next_tasks(4) for _ in range(30)]
    assert all(len({task.id for task in draw}) == 4 for draw in draws)
    assert {task.id for draw in draws for task in draw} == {task.id for task in sampler.tasks}
    assert len(sampler.next_tasks(99)) == 10

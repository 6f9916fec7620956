"""Rollouts that go on during updates: they do, none is older than allowed, and nothing is left behind."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
import torch

from selfchal.builtin_trainers.ahead import BatchesAhead
from selfchal.builtin_trainers.checkpoint import TrainState
from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.plugin import Grpo, Ppo
from selfchal.builtin_trainers.rollouts import TaskSampler
from selfchal.core.episode import Episode, Group
from selfchal.core.errors import ModelError, TrainingError
from selfchal.core.task import Task
from tests.builtin_trainers import toy
from tests.builtin_trainers.slow_ahead import SlowAhead, list_threads
from tests.patience import SOON

pytestmark = pytest.mark.torch


class SlowModel(toy.ToyModel):
    """A model that waits where an update begins; the sampler hears of the update."""

    def __init__(self, wait: Any) -> None:
        super().__init__()
        self.wait, self.ahead, self.updates = wait, None, 0

    def begin_update(self) -> None:
        self.updates += 1
        self.ahead.updating = True  # type: ignore[attr-defined]
        self.wait(self.updates)

    def end_update(self) -> None:
        self.ahead.updating = False  # type: ignore[attr-defined]


def train(trainer: Any, model: Any, ahead: SlowAhead, progress: toy.ToyProgress, **options: Any) -> None:
    config = {"resample": 0} if trainer is Grpo else {}
    config |= {"steps": 6, "group_size": 8, "learning_rate": 1e-2, "checkpoint_every": 3, "patience": 99}
    given = replace(toy.training(model, progress, validation=2), ahead=ahead)
    trainer(trainer.Config(**{**config, **options})).train(given)


@pytest.mark.parametrize("trainer", [Grpo, Ppo])
def test_a_batch_is_rolled_out_while_the_one_before_it_is_learnt_from(trainer: Any) -> None:
    """Each waits until the other has begun, so that nothing but doing both at once comes to an end."""
    updating = [threading.Event() for _ in range(8)]
    rolling = [threading.Event() for _ in range(8)]
    batches = 0

    def wait_for_update(seed: int) -> None:
        nonlocal batches
        batches += 1
        rolling[batches].set()
        assert batches == 1 or updating[batches - 1].wait(SOON), f"update {batches - 1} did not begin"

    def wait_for_batch(update: int) -> None:
        updating[update].set()
        assert update == 6 or rolling[update + 1].wait(SOON), f"batch {update + 1} waited for update {update}"

    model = SlowModel(wait_for_batch)
    ahead = SlowAhead(model, wait=wait_for_update)
    model.ahead = ahead  # type: ignore[assignment]
    progress = toy.ToyProgress(model)
    train(trainer, model, ahead, progress, checkpoint_every=99, tasks_per_step=8)
    assert [step for step, _ in progress.logged] == [1, 2, 3, 4, 5, 6]
    metrics = [row for _, row in progress.logged]
    assert [row["staleness"] for row in metrics] == [0, 1, 1, 1, 1, 1]
    assert [row["staleness_max"] for row in metrics] == [0, 1, 1, 1, 1, 1]
    assert all(row["seconds_idle_update"] >= 0 and row["seconds_idle_rollout"] >= 0 for row in metrics)
    assert list_threads() == []


class TimedAhead:
    """An ``Ahead`` without a network, which takes random times and notices what it must not be asked."""

    def __init__(self, draw: random.Random, staleness: int) -> None:
        self.draw, self.staleness = draw, staleness
        self.updating = self.collecting = False
        self.begun = 0
        self.weights = -1  # the updates behind what is sampled with now
        self.now = 0  # the updates that were made

    def take_weights(self, updates: int) -> None:
        assert not self.updating
        assert not self.collecting
        assert updates == self.now, "the loop counts the updates"
        self.weights = updates

    def collect(self, tasks: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        self.collecting = True
        self.begun += 1
        time.sleep(self.draw.choice([0, 0, 0.001, 0.003]))
        episode = Episode(task=tasks[0].id, sample=0, reward=1.0, weights_version=self.weights)
        self.collecting = False
        return [Group(tasks[0].id, (episode,))]

    def store(self) -> None:
        pass

    def stop(self) -> None:
        pass


@pytest.mark.parametrize("staleness", [1, 2, 3])
@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_timing_nothing_is_older_than_allowed(seed: int, staleness: int) -> None:
    draw = random.Random(f"{seed}/{staleness}")
    ahead = TimedAhead(random.Random(seed), staleness)
    model = toy.ToyModel(network=torch.nn.Linear(1, 1))
    state = TrainState(TaskSampler(toy.tasks(4), 0))
    options = GrpoConfig(steps=15, tasks_per_step=1, group_size=2)
    given = toy.training(model, toy.ToyProgress(model))
    ages, seeds = [], []
    with closing(BatchesAhead(ahead, given, options, 0, state)) as batches:
        for step in range(1, 16):
            state.step, state.learnt = step, ahead.now
            [group], metrics = batches.take(state)
            version = group.episodes[0].weights_version
            assert version is not None
            ages.append(ahead.now - version)
            seeds.append(state.validation_seed)
            assert metrics["staleness_max"] == ages[-1]
            assert ahead.begun <= step + staleness, "more is in flight than can be learnt from in time"
            with batches.updating():
                ahead.updating = True
                time.sleep(draw.choice([0, 0, 0.001, 0.003]))
                ahead.updating, ahead.now = False, ahead.now + 1
            if step % 5 == 0:
                batches.settle(last=step == 15)
                assert not ahead.collecting
    assert max(ages) <= staleness
    assert len(set(seeds)) == 15
    assert list_threads() == []
    if staleness == 1:
        assert ages == [0] + [1] * 14, "which weights sample does not depend on the timing"


def test_stopped_and_resumed_it_ends_in_the_same_weights() -> None:
    """What was stored is taken from there, and what was in flight is played again with the weights of then."""

    def run(stop_after: int | None, stored: dict[int, list[Group]], kept: list[Any]) -> tuple[Any, SlowAhead]:
        model = SlowModel(lambda update: None)
        ahead = SlowAhead(model, stored=stored, wait=lambda seed: time.sleep(0.002 * (seed % 3)))
        model.ahead = ahead  # type: ignore[assignment]
        progress = toy.ToyProgress(model, kept=kept, stop_after=stop_after)
        if stop_after:
            with pytest.raises(KeyboardInterrupt):
                train(Grpo, model, ahead, progress, steps=9)
        else:
            train(Grpo, model, ahead, progress, steps=9)
        assert list_threads() == []
        return model.network.state_dict(), ahead

    whole, alone = run(None, {}, [])
    stored: dict[int, list[Group]] = {}
    kept: list[Any] = []
    run(5, stored, kept)
    assert [step for step, _, _ in kept] == [3]
    resumed, again = run(None, stored, kept)
    assert again.begun, "something was left to play"
    assert len(again.begun) < len(alone.begun)
    assert set(again.begun) <= set(alone.begun)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_an_error_of_the_sampler_ends_the_training() -> None:
    def fail(seed: int) -> None:
        if seed % 1_000_000 > 6:
            raise ModelError("no server is left")

    model = SlowModel(lambda update: None)
    ahead = SlowAhead(model, wait=fail)
    model.ahead = ahead  # type: ignore[assignment]
    progress = toy.ToyProgress(model)
    with pytest.raises(ModelError, match="no server is left"):
        train(Grpo, model, ahead, progress)
    assert progress.logged, "the batches before it were learnt from"
    assert list_threads() == []


def test_an_error_of_an_update_ends_the_sampler() -> None:
    def fail(update: int) -> None:
        if update == 2:
            raise TrainingError("the gradient is not finite")

    model = SlowModel(fail)
    ahead = SlowAhead(model)
    model.ahead = ahead  # type: ignore[assignment]
    with pytest.raises(TrainingError, match="not finite"):
        train(Grpo, model, ahead, toy.ToyProgress(model))
    assert list_threads() == []


def test_the_end_of_a_budget_gives_up_what_is_rolled_out() -> None:
    """The batch under way would take for ever, and is not waited for."""
    model = SlowModel(lambda update: None)
    ahead = SlowAhead(model)
    model.ahead = ahead  # type: ignore[assignment]
    played = 0

    def wait(seed: int) -> None:
        nonlocal played
        played += 1
        if played == 3:
            assert ahead.stopped.wait(SOON), "nobody stopped it"

    ahead.wait = wait
    progress = toy.ToyProgress(model, over_after=2)
    train(Grpo, model, ahead, progress, steps=6)
    assert [step for step, _ in progress.logged] == [1, 2]
    assert [step for step, _, _ in progress.kept] == [2]
    assert list_threads() == []


def test_it_learns_as_in_turn() -> None:
    model = SlowModel(lambda update: None)
    ahead = SlowAhead(model, staleness=2)
    model.ahead = ahead  # type: ignore[assignment]
    before = toy.pass_rate(model.network)
    train(Grpo, model, ahead, toy.ToyProgress(model), steps=60, group_size=16, validation_samples=0)
    assert toy.pass_rate(model.network) > before + 0.3

"""PPO's critic: it learns what the agent's tokens bring, alone at first where that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from selfchal.builtin_trainers.batch import micro_batches
from selfchal.builtin_trainers.forward import score
from selfchal.builtin_trainers.plugin import Ppo
from selfchal.builtin_trainers.ppo.critic import make_critic
from selfchal.core.episode import Group
from selfchal.core.task import Task
from tests.builtin_trainers import toy
from tests.builtin_trainers.episodes import multi_turn

pytestmark = pytest.mark.torch

KINDS: tuple[Any, ...] = ("head", "network")


@pytest.mark.parametrize("kind", KINDS)
def test_it_begins_at_value_zero_and_never_moves_the_policy(kind: Any) -> None:
    network = toy.tiny_llama(seed=1)
    critic = make_critic(kind, network, seed=3)
    (batch,) = micro_batches(multi_turn(1), 1_000)
    values = critic(score(network, batch), batch)
    assert values.shape == batch.targets.shape
    assert not values.any()
    (values - 1).square().sum().backward()
    assert all(parameter.grad is None for parameter in network.parameters())
    assert any(parameter.grad is not None for parameter in critic.parameters())
    own = {id(parameter) for parameter in network.parameters()}
    assert not own & {id(parameter) for parameter in critic.parameters()}


@pytest.mark.parametrize("kind", KINDS)
def test_in_the_warm_up_it_learns_alone(kind: str) -> None:
    """Every other task is won whatever is said, and the first observation tells which."""
    model = toy.ToyModel()
    before = {name: weight.clone() for name, weight in model.network.state_dict().items()}
    progress = toy.ToyProgress(model)
    options = {"critic": kind, "critic_learning_rate": 1e-2, "minibatches": 2, "epochs": 2, "group_size": 4}
    config = Ppo.Config(steps=12, critic_warmup=12, learning_rate=0.1, validation_samples=0, **options)
    given = toy.training(model, progress)

    def collect(chosen: Sequence[Task], samples: int, *, seed: int) -> list[Group]:
        groups = given.collect(chosen, samples, seed=seed)
        for task, group in zip(chosen, groups, strict=True):
            for episode in group.episodes:
                episode.reward = float(task.context["letter"] in (0, 2))
        return groups

    Ppo(config).train(replace(given, collect=collect))
    for name, weight in model.network.state_dict().items():
        assert torch.equal(weight, before[name]), name
    explained = [metrics["explained_variance"] for _, metrics in progress.logged]
    assert explained[0] == 0
    assert explained[-1] > 0.8

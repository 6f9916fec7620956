"""No trainer moves a token that the agent did not write; and the check would see it if one did."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from selfchal.builtin_trainers.plugin import register_trainers
from selfchal.core.episode import Episode
from selfchal.testing.gradient_watch import watch_gradient
from tests.builtin_trainers import toy

pytestmark = pytest.mark.torch

OPTIONS: dict[str, dict[str, Any]] = {
    "grpo": {"steps": 2, "group_size": 16, "kl": 0.1, "entropy_bonus": 0.01, "epochs": 2},
    "ppo": {"steps": 2, "group_size": 16, "kl": 0.1, "kl_in": "loss", "entropy_bonus": 0.01, "epochs": 2},
    "rft": {"steps": 2, "group_size": 16},
    "dpo": {"steps": 2, "group_size": 16},
    "trl_dpo": {"steps": 2, "group_size": 16},
    "kto": {"steps": 2, "group_size": 16},
    "trl_kto": {"steps": 2, "group_size": 16},
    "trl_grpo": {"steps": 2, "group_size": 16},
}


@pytest.mark.parametrize("trainer", register_trainers(), ids=lambda trainer: trainer.name)
def test_only_the_agents_tokens_carry_gradient(trainer: Any) -> None:
    model = toy.ToyModel()
    training = toy.training(model, toy.ToyProgress(model))
    played: list[Episode] = []
    with watch_gradient(model.network, played) as watch:
        config = trainer.Config(learning_rate=1e-3, **OPTIONS[trainer.name])
        trainer(config).train(toy.recording(training, played))
    assert watch.leaks == []
    assert watch.own >= 30


def test_a_loss_on_the_environments_tokens_is_seen() -> None:
    network = toy.tiny_llama()
    episodes = list(toy.play(network, toy.tasks(1), 2, seed=0)[0].episodes)
    ids = torch.tensor([episode.ids for episode in episodes])
    with watch_gradient(network, episodes) as watch:
        network(input_ids=ids, labels=ids).loss.backward()
    assert watch.own == 2 * 2
    assert len(watch.leaks) == 2 * 3  # the letter, the turn and the digit of each

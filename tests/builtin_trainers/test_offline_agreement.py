"""Whole offline trainings beside TRL's on the same episodes: the same losses, and in the end the same weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from selfchal.builtin_trainers.batch import agent_tokens, batch_units
from selfchal.builtin_trainers.offline_loop import Batch, Example
from selfchal.builtin_trainers.plugin import Dpo, Kto, TrlDpo, TrlKto
from selfchal.builtin_trainers.rft.algorithm import RftAlgorithm
from selfchal.builtin_trainers.rft.config import RftConfig
from tests.builtin_trainers import toy
from tests.builtin_trainers.episodes import all_logprobs, multi_turn

pytestmark = pytest.mark.torch

OPTIONS: dict[str, Any] = {
    "steps": 3,
    "batch_size": 8,
    "group_size": 32,
    "learning_rate": 1e-3,
    "schedule": "linear",
    "weight_decay": 0.01,
    "beta": 0.3,
    "validation_samples": 0,
}


def train(trainer: Any, **options: Any) -> tuple[list[float], dict[str, torch.Tensor]]:
    model = toy.ToyModel()
    progress = toy.ToyProgress(model)
    trainer(trainer.Config(**OPTIONS, **options)).train(toy.training(model, progress))
    return [metrics["loss"] for _, metrics in progress.logged], model.network.state_dict()


@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [(Dpo, TrlDpo, {}), (Kto, TrlKto, {}), (Kto, TrlKto, {"balanced": False})],
    ids=["dpo", "kto", "kto unbalanced"],
)
def test_training_is_trls(ours: Any, theirs: Any, options: dict[str, Any]) -> None:
    losses, weights = train(ours, **options)
    trl_losses, trl_weights = train(theirs, **options)
    assert losses == pytest.approx(trl_losses, rel=1e-5)
    assert losses[0] != pytest.approx(losses[-1], rel=1e-3)
    for name, value in trl_weights.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-4, atol=1e-5)


def test_pairs_in_many_passes_are_learnt_from_as_in_one() -> None:
    losses, weights = train(Dpo)
    many_losses, many_weights = train(Dpo, micro_batch_tokens=16)
    assert many_losses == pytest.approx(losses, rel=1e-5)
    for name, value in weights.items():
        torch.testing.assert_close(many_weights[name], value, rtol=1e-4, atol=1e-5)


def test_fine_tuning_is_the_mean_cross_entropy_of_the_agents_tokens() -> None:
    episodes, network = multi_turn(), toy.tiny_llama(seed=1)
    tokens = sum(map(agent_tokens, episodes))
    own = [all_logprobs(network, e)[torch.tensor(e.mask[1:]).bool()].sum() for e in episodes]
    batch, examples = Batch(len(episodes), tokens, 0.0), [Example((e,)) for e in episodes]
    found = RftAlgorithm(RftConfig()).loss(torch.stack(own)[:, None], examples, batch)
    assert float(found.loss) == pytest.approx(-float(sum(own)) / tokens, rel=1e-6)


def test_the_episodes_of_an_example_share_a_pass() -> None:
    episodes = multi_turn()
    pairs = [(episodes[i], episodes[i + 1]) for i in range(0, len(episodes), 2)]
    batches = batch_units(pairs, max_tokens=40)
    assert len(batches) > 1
    assert sorted(row for batch in batches for row in batch.rows.tolist()) == list(range(len(episodes)))
    for batch in batches:
        first, second = batch.rows[::2], batch.rows[1::2]
        assert (first % 2 == 0).all()
        assert torch.equal(second, first + 1)

"""What is handed to TRL: fields of its options that a manifest passes through, and KTO's mixed episodes."""

from __future__ import annotations

from typing import Any

import pytest

from selfchal.builtin_trainers.plugin import TrlDpo, TrlGrpo, TrlKto
from tests.builtin_trainers.episodes import multi_turn

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("trainer", "fields", "said"),
    [
        (TrlDpo, {"loss_type": "ipo", "label_smoothing": 0.1}, ""),
        (TrlKto, {"loss_type": "apo_zero_unpaired"}, ""),
        (TrlGrpo, {"beta": 0.01, "entropy_coef": 0.001}, ""),
        (
            TrlDpo,
            {"los_type": "ipo"},
            "trainer.trl.los_type: TRL's DPOConfig has no such field; did you mean 'loss_type'?",
        ),
        (TrlDpo, {"beta": 0.3}, "trainer.trl.beta: the trainer sets it itself; see its options"),
        (TrlKto, {"undesirable_weight": 2}, "trainer.trl.undesirable_weight: the trainer sets it itself"),
        (TrlGrpo, {"loss_type": "dapo"}, "trainer.trl.loss_type: the trainer sets it itself"),
        (TrlKto, {"max_steps": 3}, "trainer.trl.max_steps: the trainer sets it itself"),
    ],
    ids=str,
)
def test_fields_for_trl_are_looked_up_at_validation(trainer: Any, fields: dict[str, Any], said: str) -> None:
    found = trainer.find_obstacle(trainer.Config(trl=fields))
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_kto_compares_with_what_was_said_in_another_episode_after_the_beginning_of_this_one() -> None:
    from selfchal.builtin_trainers.batch import useful_length
    from selfchal.builtin_trainers.kto.algorithm import mix_episodes

    episodes = multi_turn()
    longest = max(map(useful_length, episodes))
    rests = [tuple(e.ids[e.mask.index(1) : useful_length(e)]) for e in episodes]
    followed = []
    for episode, mixed in zip(episodes, mix_episodes(episodes, seed=4), strict=True):
        begin = episode.mask.index(1)
        assert mixed.ids[:begin] == episode.ids[:begin]
        assert not any(mixed.mask[:begin])
        assert mixed.mask[begin] == 1
        assert len(mixed.ids) == len(mixed.mask) <= longest
        (other,) = [i for i, rest in enumerate(rests) if rest[: longest - begin] == tuple(mixed.ids[begin:])]
        assert episodes[other] is not episode
        followed.append(other)
    assert sorted(followed) == list(range(len(episodes)))

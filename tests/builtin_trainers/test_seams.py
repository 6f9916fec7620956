"""Names for the functions of the loss: those that come with us, those of others, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from selfchal.builtin_trainers.grpo.config import GrpoConfig
from selfchal.builtin_trainers.plugin import Grpo, Ppo
from selfchal.builtin_trainers.ppo.config import PpoConfig

OWN = """
def worst_counts(rewards):
    return rewards - rewards.max()

def too_many(rewards, more):
    return rewards

NUMBER = 3
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_seams.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_seams", raising=False)
    return "own_seams"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"advantage": "normalized"}, "did you mean 'normalised'"),
        ({"ratio": "tokens"}, "did you mean 'token'"),
        ({"clip": "os.system"}, "package.module:function"),
        ({"aggregation": "a b:c"}, "package.module:function"),
        ({"clip": "cispo", "clip_low": 0.2}, "would be ignored: clip: cispo has no lower bound"),
        ({"clip": "none", "clip_high": 0.2}, "would be ignored: clip: none clips nothing"),
        ({"length_budget": 5}, "would be ignored: aggregation: token has no constant"),
        ({"importance_cap": None, "importance": "mask"}, "would be ignored: importance_cap: null"),
    ],
    ids=str,
)
def test_what_is_unknown_or_would_be_ignored_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("(", r"\(")):
        GrpoConfig(**options)


@pytest.mark.parametrize("options", [{"clip": "cispo"}, {"clip": "none"}, {"importance_cap": None}], ids=str)
def test_a_section_that_was_filled_in_is_valid_again(options: dict[str, Any]) -> None:
    """As the manifest of a run's directory is."""
    config = GrpoConfig(**options)
    assert GrpoConfig(**config.model_dump()) == config


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_module:f", "'no_such_module:f' cannot be imported: ModuleNotFoundError"),
        ("own_seams:no_such", "'own_seams:no_such' cannot be imported: AttributeError"),
        ("own_seams:NUMBER", "is no function but 3; it is called with (rewards)"),
        ("own_seams:too_many", "does not take its arguments (missing a required argument: 'more')"),
    ],
)
def test_a_function_of_ones_own_that_cannot_be_called_is_found_at_validation(
    own_module: str, name: str, said: str
) -> None:
    assert said in Grpo.find_obstacle(GrpoConfig(advantage=name))


def test_every_seam_is_looked_at(own_module: str) -> None:
    assert not Grpo.find_obstacle(GrpoConfig(advantage=f"{own_module}:worst_counts"))
    for seam in ("ratio", "clip", "aggregation"):
        assert f"trainer.{seam}" in Ppo.find_obstacle(PpoConfig(**{seam: f"{own_module}:worst_counts"}))


@pytest.mark.torch
def test_a_function_of_ones_own_says_what_episodes_are_worth(own_module: str) -> None:
    from selfchal.builtin_trainers.grpo.algorithm import GrpoAlgorithm
    from tests.builtin_trainers.episodes import groups_of, multi_turn

    episodes = multi_turn()
    batch = GrpoAlgorithm(GrpoConfig(advantage=f"{own_module}:worst_counts")).choose(groups_of(episodes))
    assert batch is not None
    assert batch.advantages is not None
    best = [max(e.reward or 0 for e in group.episodes) for group in groups_of(episodes) for _ in range(4)]
    expected = [(e.reward or 0) - most for e, most in zip(episodes, best, strict=True)]
    assert batch.advantages.tolist() == expected


@pytest.mark.torch
def test_episodes_that_filled_the_context_count_in_the_mean_and_are_not_learnt_from() -> None:
    from selfchal.builtin_trainers.grpo.algorithm import GrpoAlgorithm
    from selfchal.core.episode import End
    from tests.builtin_trainers.episodes import groups_of, multi_turn

    episodes = multi_turn()
    whole = GrpoAlgorithm(GrpoConfig()).choose(groups_of(episodes))
    assert whole is not None
    assert whole.advantages is not None
    episodes[1].end = End.LENGTH
    batch = GrpoAlgorithm(GrpoConfig(overlong_filter=True)).choose(groups_of(episodes))
    assert batch is not None
    assert batch.advantages is not None
    assert episodes[1] not in batch.episodes
    assert batch.advantages.tolist() == [w for i, w in enumerate(whole.advantages.tolist()) if i != 1]

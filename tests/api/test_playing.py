"""One episode, played by a model or by turns that are written down."""

from __future__ import annotations

import pytest

import selfchal
from selfchal.core.episode import End
from selfchal.testing.in_process import InProcessSandbox
from selfchal.testing.scripted import ScriptedModel
from tests.support.shop import COUNT, ShopEnvironment

LOOK = "Action:\nprint(get_user('ann')['orders'])\nEnd Action"


def test_given_turns_are_played_and_rewarded_by_the_tasks_evaluate() -> None:
    episode = selfchal.play(COUNT, ShopEnvironment(), [LOOK, "Answer: 2"], InProcessSandbox())
    assert (episode.end, episode.answer, episode.reward) == (End.ANSWER, "2", 1.0)
    roles = [message.role for message in episode.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant"]
    assert "W102" in episode.messages[3].content
    assert (episode.ids, episode.environment) == ([], "desk")
    assert selfchal.play(COUNT, ShopEnvironment(), ["Answer: 3"], InProcessSandbox()).reward == 0.0


def test_turns_that_run_out_end_the_episode_without_an_answer() -> None:
    episode = selfchal.play(COUNT, ShopEnvironment(), [LOOK], InProcessSandbox())
    assert (episode.end, episode.answer, episode.reward) == (End.STEPS, None, 0.0)


def test_turns_after_the_end_are_left_out() -> None:
    episode = selfchal.play(COUNT, ShopEnvironment(), ["Answer: 2", LOOK], InProcessSandbox())
    assert [message.role for message in episode.messages] == ["system", "user", "assistant"]


def test_a_model_plays_with_token_ids_as_long_as_it_may() -> None:
    model = ScriptedModel(lambda said: "Answer: 2" if "W102" in said else LOOK)
    episode = selfchal.play(COUNT, ShopEnvironment(), model, InProcessSandbox())  # type: ignore[arg-type]  # nameless
    assert (episode.answer, episode.reward) == ("2", 1.0)
    assert len(episode.ids) == len(episode.mask) == len(episode.logprobs) > sum(episode.mask) > 0
    short = selfchal.play(COUNT, ShopEnvironment(), model, InProcessSandbox(), max_steps=1)  # type: ignore[arg-type]
    assert (short.end, short.reward) == (End.STEPS, 0.0)


def test_a_held_out_task_is_graded_by_its_environment() -> None:
    environment = selfchal.open_environment("calculation")
    task = environment.test_tasks("test")[0]
    assert selfchal.play(task, environment, environment.oracle(task)).reward == 1.0
    assert selfchal.play(task, environment, ["Answer: no idea"]).reward == 0.0


def test_a_sandbox_that_fails_gives_no_reward() -> None:
    sandbox = InProcessSandbox()
    sandbox.broken = True
    episode = selfchal.play(COUNT, ShopEnvironment(), [LOOK, "Answer: 2"], sandbox)
    assert (episode.end, episode.reward) == (End.INFRA, None)


@pytest.mark.slow
@pytest.mark.torch
def test_equal_seeds_give_equal_episodes_of_a_model_that_samples() -> None:
    environment = selfchal.open_environment("calculation")
    task = environment.test_tasks("test")[0]
    with selfchal.open_model("seedling") as model:
        episodes = [
            selfchal.play(task, environment, model, max_tokens=32, max_steps=3, temperature=2.0, seed=seed)
            for seed in (1, 1, 2)
        ]
    assert episodes[0].ids == episodes[1].ids != episodes[2].ids

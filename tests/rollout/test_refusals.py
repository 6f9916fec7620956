"""A prompt that an endpoint will not answer costs one episode, whoever speaks through the endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from selfchal.builtin_models.openai_config import OpenAIConfig
from selfchal.builtin_models.openai_model import OpenAIModel
from selfchal.core.arena import Arena
from selfchal.core.episode import End, Episode, Reward
from selfchal.core.model import Sampling
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import Task
from selfchal.core.world import World
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.evaluation import score_of
from selfchal.pipeline.roles import chat_of
from selfchal.rollout.agent import AgentConfig, AgentScene
from selfchal.rollout.rollout import Rollout
from selfchal.simulated_users.model_user import ModelUser
from selfchal.testing.scripted import ScriptedModel
from tests.support.misbehaving import Reply, Request, answer, chat_answer, serving
from tests.support.shop import Shop, ShopEnvironment

FILTERED = answer({"error": {"code": "content_filter", "message": "the prompt was filtered"}}, 400)
TOO_LONG = answer({"error": {"message": "This model's maximum context length is 9 tokens"}}, 400)


@contextmanager
def endpoint(refusal: Reply, when: str, says: str) -> Iterator[OpenAIModel]:
    """A model whose endpoint refuses each conversation with ``when`` in its last message, and else says ``says``."""

    def choose(request: Request) -> Reply:
        return refusal if when in request.body["messages"][-1]["content"] else answer(chat_answer(says))

    with serving(choose=choose) as server:
        model = OpenAIModel(OpenAIConfig(base_url=server.url, model="m"))
        yield model
        model.close()


def play(model: Any, scenes: Sequence[AgentScene]) -> list[Episode]:
    ended: list[int] = []
    episodes = Rollout(model, Sampling(max_tokens=100)).roll(scenes, on_done=ended.append)
    assert ended == list(range(1, len(scenes) + 1))
    return episodes


def scene(sandbox: Sandbox, instruction: str, environment: Any = None, **options: Any) -> AgentScene:
    def grade(world: World, answer: str | None, replies: Sequence[str]) -> Reward:
        return Reward(1.0)

    config = AgentConfig(Arena(environment or ShopEnvironment(), sandbox, Limits(seconds=5)), **options)
    return AgentScene(instruction, instruction, {}, config, grade)


@pytest.mark.parametrize("refusal", [FILTERED, TOO_LONG], ids=["filtered", "too long"])
def test_a_first_prompt_that_is_refused_is_not_judged_and_the_others_go_on(
    refusal: Reply, process_sandbox: Sandbox
) -> None:
    """The agent has done nothing that could be the cause."""
    with endpoint(refusal, when="forbidden", says="Answer: 2") as model:
        episodes = play(model, [scene(process_sandbox, text) for text in ("one", "forbidden", "two")])
    assert [episode.reward for episode in episodes] == [1.0, None, 1.0]
    assert [episode.end for episode in episodes] == [End.ANSWER, End.REFUSED, End.ANSWER]
    assert "refuses this prompt" in episodes[1].reason
    assert sum(episodes[1].mask) == 0
    assert Episode.from_json(episodes[1].to_json()) == episodes[1]
    assert score_of(episodes).unjudged == 1


@pytest.mark.parametrize("refusal", [FILTERED, TOO_LONG], ids=["filtered", "too long"])
def test_an_agent_that_brings_a_refusal_about_has_failed(refusal: Reply, process_sandbox: Sandbox) -> None:
    """Else it could leave the score where it does not know the answer."""
    provoking = "Action:\nprint('forbidden ' * 9)\nEnd Action"
    with endpoint(refusal, when="forbidden", says=provoking) as model:
        [episode] = play(model, [scene(process_sandbox, "Go.")])
    assert (episode.reward, episode.end, episode.steps) == (0.0, End.REFUSED, 1)
    assert "refuses this prompt" in episode.reason
    assert len(episode.ids) == len(episode.mask) == len(episode.logprobs)


class Visited(Shop):
    """A shop whose user is played by a model."""

    def user(self, instruction: str, context: Any, chat: Any) -> ModelUser:
        return ModelUser(instruction, chat, thinks=False)


@pytest.mark.parametrize(
    ("when", "reward", "steps"), [("Hi! How can I help you", None, 0), ("terrible words", 0.0, 1)]
)
def test_a_user_that_is_refused_costs_one_episode(
    when: str, reward: float | None, steps: int, process_sandbox: Sandbox
) -> None:
    """Before the agent has spoken it is not judged; afterwards its own words were part of it."""
    with endpoint(FILTERED, when=when, says="A bad task, please.") as user:
        visited = scene(process_sandbox, "Go.", Visited(), chat=chat_of(user, 50, 1.0))
        other = scene(process_sandbox, "one")
        agent = ScriptedModel(lambda text: "Answer: terrible words")
        episodes = play(agent, [visited, other])
    assert (episodes[0].reward, episodes[0].end, episodes[0].steps) == (reward, End.REFUSED, steps)
    assert "filter" in episodes[0].reason
    assert episodes[1].reward == 1.0


def test_a_model_that_rates_and_is_refused_has_not_said_yes(process_sandbox: Sandbox) -> None:
    """The question holds the agent's words."""
    task = Task("t", "shop", {}, "Do it.", evaluate="", solution="", failures=())
    with endpoint(FILTERED, when="terrible", says="yes") as rater:
        runner = SandboxTaskRunner(Arena(Shop(), process_sandbox, Limits()), chat=chat_of(rater, 5, 0.0))
        kind = runner.reward(task, Shop().open({}), "kind words")
        terrible = runner.reward(task, Shop().open({}), "terrible words")
    assert kind.value == 1.0
    assert terrible.value == 0.0
    assert "filter" in terrible.reason

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from selfchal.core.arena import Arena
from selfchal.core.episode import End, Episode, Reward
from selfchal.core.model import Message
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.world import World
from selfchal.rollout.agent import AgentConfig, AgentScene, system_prompt
from tests.support.shop import Shop, ShopEnvironment

ACT = "Action:\n{}\nEnd Action"


class Talkative(Shop):
    """A shop with a user who says goodbye after the second reply."""

    def user(self, instruction, context, chat):  # type: ignore[no-untyped-def]
        class Guest:
            said = 0

            def open(self) -> str:
                return "Hello"

            def reply(self, said: str) -> str | None:
                self.said += 1
                return None if self.said == 2 else "And?"

        return Guest()


def play(
    sandbox: Sandbox, turns: Sequence[str], environment: Shop | None = None, **options: Any
) -> tuple[Episode, list[Message], AgentScene]:
    agent_config = AgentConfig(Arena(environment or ShopEnvironment(), sandbox, Limits(seconds=2)), **options)

    def grade(world: World, answer: str | None, replies: Sequence[str]) -> Reward:
        return Reward(float(answer == "2" or bool(world.difference())))

    scene = AgentScene("t", "How many orders has ann?", {}, agent_config, grade)
    messages = list(scene.start())
    for turn in turns:
        message = scene.step(turn)
        if message is None:
            break
        messages.append(message)
    episode = Episode("t", 0)
    episode.close(scene.finish(None))
    return episode, messages, scene


def test_it_acts_sees_what_was_printed_and_answers(process_sandbox: Sandbox) -> None:
    turns = [
        ACT.format('orders = get_user("ann")["orders"]\nprint(orders)'),
        ACT.format("print(len(orders))"),
        "Answer: 2",
    ]
    episode, messages, _ = play(process_sandbox, turns)
    assert [m.content for m in messages[2:]] == ["Observation:\n['W101', 'W102']", "Observation:\n2"]
    assert (episode.end, episode.answer, episode.reward) == (End.ANSWER, "2", 1.0)
    assert (episode.steps, episode.tool_calls, episode.invalid_actions) == (3, 1, 0)


def test_errors_are_observations(process_sandbox: Sandbox) -> None:
    _, messages, scene = play(
        process_sandbox, [ACT.format('get_order("W9")'), "neither", ACT.format("while True: pass")]
    )
    refused, reminded, stopped = [m.content for m in messages[2:]]
    assert "there is no 'W9' among the orders" in refused
    assert "Action:" in reminded
    assert "stopped (timeout)" in stopped
    assert scene.invalid == 3


def test_what_the_agent_does_changes_its_own_world_only(process_sandbox: Sandbox) -> None:
    episode, _, scene = play(
        process_sandbox, [ACT.format('cancel_order("W101", "no")'), "Answer: done"], Shop()
    )
    assert episode.reward == 1.0
    assert scene.world.difference()
    assert not Shop().open({}).difference()


def test_running_out_of_steps_earns_nothing(process_sandbox: Sandbox) -> None:
    episode, _, _ = play(process_sandbox, [ACT.format('cancel_order("W101", "no")')] * 3, Shop(), max_steps=2)
    assert (episode.end, episode.reward, episode.steps) == (End.STEPS, 0.0, 2)


def test_long_observations_are_cut(process_sandbox: Sandbox) -> None:
    _, messages, _ = play(process_sandbox, [ACT.format("print('x' * 500)")], observation_chars=100)
    assert messages[-1].content.endswith("[output truncated]")
    assert len(messages[-1].content) < 150


def test_with_a_user_an_answer_is_a_reply_and_the_user_ends_the_episode(process_sandbox: Sandbox) -> None:
    episode, messages, _ = play(process_sandbox, ["Answer: Hi", "Answer: Bye"], Talkative())
    assert [m.content for m in messages[1:]] == ["Hello", "And?"]
    assert (episode.end, episode.replies) == (End.STOP, ["Hi", "Bye"])


def test_a_dead_sandbox_gives_no_reward(process_sandbox: Sandbox) -> None:
    plugin = type(process_sandbox)
    broken = plugin(plugin.Config())
    broken.close()
    episode, _, _ = play(broken, [ACT.format("print(1)"), "Answer: 2"])
    assert (episode.end, episode.reward) == (End.INFRA, None)
    assert episode.reason


@pytest.mark.parametrize("environment", [Shop(), ShopEnvironment()])
def test_the_prompt_names_every_tool_and_how_to_act(environment: Shop) -> None:
    prompt = system_prompt(environment, 15)
    assert all(tool.signature in prompt for tool in environment.tools)
    assert environment.policy in prompt
    assert "End Action" in prompt
    assert "{" not in prompt
    assert "challenger" not in prompt.splitlines()[0]


def native(name: str, **arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def test_native_tool_calls_act_on_the_world_and_show_what_it_shows(process_sandbox: Sandbox) -> None:
    turns = [native("get_user", user_id="ann"), native("get_user", nobody=1), "<tool_call>{", "Answer: 2"]
    episode, messages, scene = play(process_sandbox, turns, action_format="tools")
    seen, refused, reminded = [message.content for message in messages[2:]]
    assert "W101" in seen
    assert seen.startswith("<tool_response>\n")
    assert refused.startswith("<tool_response>\n")
    assert "That is no tool call" in reminded
    assert (episode.end, episode.answer, episode.reward) == (End.ANSWER, "2", 1.0)
    assert (episode.steps, episode.tool_calls, episode.invalid_actions) == (4, 2, 2)
    assert scene.session is None  # no code ran, no sandbox was asked


def test_several_native_calls_of_a_turn_are_all_answered(process_sandbox: Sandbox) -> None:
    both = f"{native('get_user', user_id='ann')}\n{native('get_user', nobody=1)}"
    episode, messages, _ = play(process_sandbox, [both, "Answer: 2"], action_format="tools")
    assert messages[2].content.count("<tool_response>") == 2
    assert (episode.steps, episode.tool_calls, episode.invalid_actions, episode.reward) == (2, 2, 1, 1.0)


def test_turns_in_other_forms_are_counted(process_sandbox: Sandbox) -> None:
    turns = ["```python\nprint(get_user('ann'))\n```", "**Final Answer:** 2"]
    episode, _, _ = play(process_sandbox, turns)
    assert (episode.forgiven_turns, episode.tool_calls, episode.reward) == (2, 1, 1.0)


def test_native_tool_calls_write_and_are_cut(process_sandbox: Sandbox) -> None:
    turns = [native("cancel_order", order_id="W101", reason="no"), "Answer: done"]
    episode, messages, scene = play(
        process_sandbox, turns, Shop(), action_format="tools", observation_chars=10
    )
    assert scene.world.difference()
    assert episode.reward == 1.0
    assert "[output truncated]" in messages[2].content


def test_the_prompt_for_native_calls_has_schemas_and_no_code() -> None:
    prompt = system_prompt(ShopEnvironment(), 15, "tools")
    for tool in ShopEnvironment().tools:
        assert f'"name": "{tool.name}"' in prompt
    assert "<tool_call>" in prompt
    assert "Python" not in prompt

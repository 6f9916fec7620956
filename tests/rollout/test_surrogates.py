"""Lone surrogates, which no encoding can write, come in by every way there is and hurt nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from selfchal.builtin_models.openai_config import OpenAIConfig
from selfchal.builtin_models.openai_model import OpenAIModel
from selfchal.builtin_models.rendering import Renderer
from selfchal.core.arena import Arena
from selfchal.core.episode import End, Episode, Reward
from selfchal.core.model import Generation, Message, Sampling
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import Task
from selfchal.core.world import World
from selfchal.judging import Judge
from selfchal.judging.runner import SandboxTaskRunner
from selfchal.pipeline.store import Store
from selfchal.rollout.agent import AgentConfig, AgentScene
from selfchal.rollout.rollout import Rollout
from selfchal.testing.scripted import ScriptedModel
from selfchal.tools.tool import tool
from tests.builtin_models.tiny import tokenizer
from tests.support import shop
from tests.support.misbehaving import answer, chat_answer, serving
from tests.support.shop import Shop, ShopEnvironment

pytestmark = pytest.mark.torch

LONE = "\ud800"
ACT = "Action:\n{}\nEnd Action"


TOKENIZER = tokenizer()


class Strict(ScriptedModel):
    """Reads what it is told with a real tokenizer, which raises for a lone surrogate."""

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        Renderer(TOKENIZER, frozenset({2})).prompt(tuple(messages))
        return super().render_prompt(messages)

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        Renderer(TOKENIZER, frozenset({2})).encode(generation.text + message.content)
        return super().render_turn(generation, message)


def mumble(world: Any) -> str:
    """Says something odd."""
    return f"odd {LONE} text"


def rename(world: Any, name: str) -> str:
    """Keeps a name, and says it."""
    world.row("users", "ann")["name"] = name
    return name


@pytest.fixture(autouse=True)
def _odd_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(shop.TOOLS, "mumble", tool(mumble, bound=True))
    monkeypatch.setitem(shop.TOOLS, "rename", tool(rename, bound=True, writes=True))


class Guest:
    """A user whose every word is odd."""

    def __init__(self) -> None:
        self.lines = [f"Hello {LONE}", f"{LONE}?"]

    def open(self) -> str:
        return self.lines.pop(0)

    def reply(self, said: str) -> str | None:
        return self.lines.pop(0) if self.lines else None


class Visited(Shop):
    def user(self, instruction: str, context: Any, chat: Any) -> Guest:
        return Guest()


def play(
    sandbox: Sandbox,
    turns: Sequence[str],
    environment: Any = None,
    instruction: str = "Go.",
    action_format: Any = "code",
) -> Episode:
    said = iter(turns)
    arena = Arena(environment or ShopEnvironment(), sandbox, Limits(seconds=5))
    config = AgentConfig(arena, action_format=action_format)

    def grade(world: World, answer: str | None, replies: Sequence[str]) -> Reward:
        world.digest()
        return Reward(1.0, world.canonical_sha256())

    scene = AgentScene("t", instruction, {}, config, grade)
    (episode,) = Rollout(Strict(lambda _: next(said)), Sampling(max_tokens=200)).roll([scene])
    return episode


def store_and_read(episode: Episode, directory: Path) -> str:
    """The episode's JSON after it went into the store and out again, as it can be written to any file."""
    with Store.create(directory / "run", {"run": {"name": "x"}}) as store:
        store.put_episodes("evaluate", "before", [episode])
        [kept] = store.episodes("evaluate")
    return json.dumps(kept.to_json(), ensure_ascii=False).encode().decode()


WAYS: dict[str, Callable[[Sandbox], Episode]] = {
    "a tool, called by code": lambda box: play(box, [ACT.format("print(mumble())"), "Answer: 1"]),
    "a tool, called natively": lambda box: play(
        box, ['<tool_call>{"name": "mumble", "arguments": {}}</tool_call>', "1"], action_format="tools"
    ),
    "a native argument that is kept": lambda box: play(
        box,
        ['<tool_call>{"name": "rename", "arguments": {"name": "\\ud800"}}</tool_call>', "1"],
        action_format="tools",
    ),
    "the answer": lambda box: play(box, [f"Answer: {LONE}"]),
    "an action's text": lambda box: play(box, [ACT.format(f"print('{LONE}')"), "Answer: 1"]),
    "an instruction": lambda box: play(box, ["Answer: 1"], instruction=f"Find {LONE}"),
    "a user": lambda box: play(box, ["Answer: hi", "Answer: bye"], environment=Visited()),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_lone_surrogate_that_reaches_an_agent_is_replaced(
    way: str, process_sandbox: Sandbox, tmp_path: Path
) -> None:
    episode = WAYS[way](process_sandbox)
    assert episode.end in (End.ANSWER, End.STOP)
    assert episode.reward == 1.0
    assert "\ufffd" in store_and_read(episode, tmp_path)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("print(chr(0xD800))", "ud800"),
        ("raise ValueError(chr(0xD800))", "ValueError"),
        ("print(rename(chr(0xD800)))", "a lone surrogate is not text"),
    ],
)
def test_one_that_an_agents_code_makes_is_told_to_the_agent(
    code: str, told: str, process_sandbox: Sandbox, tmp_path: Path
) -> None:
    episode = play(process_sandbox, [ACT.format(code), "Answer: 1"])
    assert episode.reward == 1.0
    assert told in store_and_read(episode, tmp_path)


def test_one_that_a_model_says_is_replaced_whoever_made_the_model() -> None:
    assert Generation((1,), (0.0,), f"a{LONE}b", True).text == "a\ufffdb"
    assert Message("user", f"a{LONE}b").content == "a\ufffdb"
    assert Generation((1,), (0.0,), "\ud83d\ude00", True).text == "\N{GRINNING FACE}", (
        "a pair is its character"
    )


def test_one_from_an_endpoint_is_replaced_and_can_be_said_again() -> None:
    """As a teacher, a challenger or a user, it all comes through ``generate``."""
    with serving(answer(b'{"choices": [{"message": {"content": "a\\ud800b"}, "finish_reason": "stop"}]}'),
                 answer(chat_answer("fine"))) as server:  # fmt: skip
        model = OpenAIModel(OpenAIConfig(base_url=server.url, model="m"))
        prompt = model.render_prompt([Message("user", f"x{LONE}")])
        [said] = model.generate([prompt], Sampling())
        assert said.text == "a\ufffdb"
        assert bytes(said.ids[:-1]).decode() == said.text
        [again] = model.generate(
            [[*prompt, *said.ids, *model.render_turn(said, Message("user", LONE))]], Sampling()
        )
        model.close()
    assert again.text == "fine"
    assert [row["content"] for row in server.requests[1].body["messages"]] == [
        "x\ufffd",
        "a\ufffdb",
        "\ufffd",
    ]


def test_a_task_that_is_full_of_them_is_judged(process_sandbox: Sandbox) -> None:
    task = Task(
        id="t", environment="shop", context={}, instruction=f"Rename ann to {LONE}.",
        evaluate=f"def evaluate():\n    return get_user('ann')['name'] == {LONE!r}",
        solution=f"rename(name={LONE!r})", failures=(f"rename(name='a{LONE}')", "rename(name=chr(0xDC00))", "pass"),
    )  # fmt: skip
    verdict = Judge(SandboxTaskRunner(Arena(ShopEnvironment(), process_sandbox, Limits(seconds=5))))(task)
    json.dumps(verdict.diagnostics, ensure_ascii=False)

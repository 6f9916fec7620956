"""Episodes with the template, the special tokens and the calls of each family of models, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from selfchal.builtin_models.rendering import Renderer
from selfchal.core.arena import Arena
from selfchal.core.episode import End, Episode, Reward
from selfchal.core.model import Generation, Message, Sampling
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.turns import TurnStream
from selfchal.rollout.agent import AgentConfig, AgentScene, system_prompt
from selfchal.rollout.rollout import Rollout
from tests.builtin_models.families import ANSWER, FAMILIES, PAD, Family
from tests.builtin_models.tiny import tokenizer
from tests.support.shop import ShopEnvironment

pytestmark = pytest.mark.torch

TASK = "How many orders has ann?"


@dataclass
class Speaker:
    """A model that writes a family's turns in its own tokens, and is cut in the second."""

    family: Family
    renderer: Renderer
    generations: list[Generation] = field(default_factory=list)
    context_length: int = 100_000

    def render_prompt(self, messages: Sequence[Message]) -> list[int]:
        return list(self.renderer.prompt(tuple(messages)))

    def render_turn(self, generation: Generation, message: Message) -> list[int]:
        return self.renderer.turn(generation, message)

    def encode(self, text: str) -> list[int]:
        return self.renderer.encode(text)

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        family, turn = self.family, len(self.generations)
        text, end = (
            (family.calls, family.call_end or family.end),
            (family.cut, ""),
            (family.answer, family.end),
        )[turn]
        ids = tuple(self.encode(text + end))
        self.generations.append(Generation(ids, (-0.5,) * len(ids), self.renderer.text(ids), bool(end)))
        return self.generations[-1:]

    def stream(self, sampling: Sampling) -> TurnStream:
        return TurnStream(self.generate, sampling)

    def reset_cache(self) -> None:
        pass


def open_renderer(family: Family) -> Renderer:
    made = tokenizer(family.template, (PAD, *family.specials), family.end)
    ends = [family.end, *([family.call_end] if family.call_end else [])]
    return Renderer(made, frozenset(made.convert_tokens_to_ids(ends)))


def play(family: Family, sandbox: Sandbox) -> tuple[Speaker, Episode]:
    """The episode of a shop's agent whose reply to the cut turn is a question."""
    config = AgentConfig(Arena(ShopEnvironment(), sandbox, Limits()), action_format="tools")

    class Talk(AgentScene):
        def step(self, text: str) -> Message | None:
            if self.steps == 1:  # the cut turn would be an answer: somebody asks on
                self.steps += 1
                return Message("user", "Go on?")
            return super().step(text)

    scene = Talk("t", TASK, {}, config, lambda world, answer, replies: Reward(float(answer == ANSWER)))
    speaker = Speaker(family, open_renderer(family))
    (episode,) = Rollout(speaker, Sampling(max_tokens=500)).roll([scene])  # type: ignore[arg-type]  # all that it uses
    return speaker, episode


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = FAMILIES[request.param]
    return found


def test_rules_tools_and_task_stand_in_the_prompt_once(family: Family) -> None:
    renderer = open_renderer(family)
    rules = system_prompt(ShopEnvironment(), 15, "tools")
    prompt = renderer.decode(renderer.prompt((Message("system", rules), Message("user", TASK))))
    assert not renderer.plain_text
    assert (prompt.count(rules), prompt.count(TASK)) == (1, 1)
    assert "get_order" in rules


def test_an_episode_holds_the_sampled_ids_and_its_calls_are_made(
    family: Family, process_sandbox: Sandbox
) -> None:
    speaker, episode = play(family, process_sandbox)
    own = [token for token, mask in zip(episode.ids, episode.mask, strict=True) if mask]
    assert own == [token for generation in speaker.generations for token in generation.ids]
    assert (episode.end, episode.answer, episode.reward) == (End.ANSWER, ANSWER, 1.0)
    assert (episode.tool_calls, episode.invalid_actions, episode.cut_turns) == (2, 0, [1])
    seen = speaker.renderer.decode(episode.ids)
    assert seen.count("<tool_response>") == 2 + system_prompt(ShopEnvironment(), 15, "tools").count(
        "<tool_response>"
    )


def test_between_turns_stands_what_the_template_writes_and_no_end_twice(
    family: Family, process_sandbox: Sandbox
) -> None:
    speaker, episode = play(family, process_sandbox)
    renderer = speaker.renderer
    asked = Message("user", "Go on?")
    cut, ended = speaker.generations[1], speaker.generations[2]
    after_cut, after_end = renderer.turn(cut, asked), renderer.turn(ended, asked)
    assert len(after_end) == len(after_cut) - 1
    assert renderer.decode(after_cut).endswith(renderer.decode(after_end))
    if not family.rewrites:
        assert renderer.append_only
        messages = tuple(Message(m.role, m.content) for m in episode.messages[:-1])
        whole = renderer.decode(renderer.prompt(messages))
        grown = renderer.decode(episode.ids[: len(episode.ids) - len(ended.ids)])
        assert grown.replace(family.call_end or family.end, family.end) == whole

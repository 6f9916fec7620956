"""Conversations in a stream: exact numbers whenever they join, and equal episodes for equal seeds."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch

from selfchal.core.episode import End, SceneResult
from selfchal.core.model import Generation, Message, Model, Sampling
from selfchal.rollout.rollout import Rollout
from tests.builtin_models.conftest import Make
from tests.builtin_models.talks import plain_logprobs, prompts

pytestmark = pytest.mark.torch

SAMPLING = Sampling(max_tokens=24, seed=5)


@dataclass
class Dawdling:
    """A scene of three turns whose answers take a while, another one each time."""

    name: str
    clock: random.Random
    turns: int = 0
    environment: str = "tasks"

    def start(self) -> Sequence[Message]:
        return [Message("user", f"task {self.name}")]

    def step(self, text: str) -> Message | None:
        time.sleep(self.clock.uniform(0, 0.02))
        self.turns += 1
        return Message("user", f"seen {self.turns}") if self.turns < 3 else None

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        return SceneResult(cut or End.ANSWER)


def drain(model: Model, talks: Sequence[Sequence[int]], late: int) -> dict[int, Generation]:
    """All turns, of which every other conversation joins only after so many calls."""
    stream, said = model.stream(SAMPLING), dict[int, Generation]()
    for key, talk in enumerate(talks):
        if not key % 2:
            stream.join(key, talk)
    for call in range(100):
        if call == late:
            for key, talk in enumerate(talks):
                if key % 2:
                    stream.join(key, talk)
        said |= dict(stream.advance())
        if len(said) == len(talks):
            return said
    raise AssertionError("some turn did not end")


@pytest.mark.parametrize("kind", ["lfm2", "llama", "mistral", "mamba"])
@pytest.mark.parametrize("late", [0, 2])
def test_logprobs_are_those_of_a_plain_pass_whenever_a_row_joins(
    make_model: Make, kind: str, late: int
) -> None:
    model = make_model(kind, batch=5)
    talks = prompts(model)
    for key, generation in drain(model, talks, late).items():
        expected = plain_logprobs(model, talks[key], generation.ids)
        assert torch.allclose(torch.tensor(generation.logprobs).double(), expected, atol=1e-4)


def test_equal_prompts_are_answered_differently(make_model: Make) -> None:
    model = make_model()
    said = drain(model, [prompts(model)[0]] * 8, late=1)
    assert len({generation.ids for generation in said.values()}) == 8


def test_a_full_context_ends_at_once(make_model: Make) -> None:
    model = make_model(context=40)
    stream = model.stream(Sampling())
    stream.join(7, list(range(3, 43)))
    assert stream.advance() == [(7, Generation((), (), "", finished=False))]
    assert stream.advance() == []


def test_in_lockstep_slow_scenes_change_nothing(make_model: Make) -> None:
    model = make_model()

    def episodes(seed: int) -> list[tuple[list[int], list[float]]]:
        clock = random.Random(seed)
        scenes = [Dawdling(str(number % 4), clock) for number in range(12)]
        rolled = Rollout(model, SAMPLING, batch=5).roll(scenes, list(range(12)))
        return [(episode.ids, episode.logprobs) for episode in rolled]

    assert episodes(1) == episodes(2)

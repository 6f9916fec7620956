from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from selfchal.core.environment import Chat
from selfchal.core.episode import End, Episode, SceneResult
from selfchal.core.errors import ModelError
from selfchal.core.model import Message, Sampling
from selfchal.rollout.chats import FEWEST_WORKERS, WORKERS_A_CORE, ModelChat, count_workers
from selfchal.rollout.rollout import Rollout
from selfchal.testing.scripted import ScriptedModel


@dataclass
class Asking:
    """A scene with a person in it, whose lines come from ``chat``."""

    name: str
    chat: Chat
    turns: int = 2
    heard: list[str] = field(default_factory=list)
    environment: str = "nowhere"

    def start(self) -> Sequence[Message]:
        return [Message("user", self._ask("open"))]

    def step(self, text: str) -> Message | None:
        if len(self.heard) > self.turns:
            return None
        return Message("user", self._ask(text))

    def _ask(self, text: str) -> str:
        self.heard.append(self.chat([Message("user", f"{self.name}: {text}")]))
        return self.heard[-1]

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        return SceneResult(cut or End.STOP)


def person(say: Callable[[str], str] = lambda text: "go on") -> tuple[ScriptedModel, ModelChat]:
    model = ScriptedModel(say)
    return model, ModelChat(lambda: model, Sampling(1.0, max_tokens=50))


def roll(chat: ModelChat, scenes: int, **options: object) -> list[Episode]:
    engine = Rollout(ScriptedModel(lambda text: "hm"), Sampling(max_tokens=50), **options)  # type: ignore[arg-type]
    return engine.roll([Asking(str(i), chat) for i in range(scenes)])


def test_all_conversations_of_a_batch_hear_their_user_at_once_more_of_them_than_workers() -> None:
    model, chat = person()
    scenes = 3 * count_workers()
    roll(chat, scenes)
    assert [len(batch) for batch in model.batches] == [scenes] * 3


def test_equal_seeds_ask_in_equal_batches_and_other_seeds_are_drawn_each_time() -> None:
    seen: list[tuple[int, tuple[str, ...]]] = []

    class Noting(ScriptedModel):
        def generate(self, prompts, sampling):  # type: ignore[no-untyped-def]
            seen.append((sampling.seed, tuple("".join(map(chr, ids)) for ids in prompts)))
            return super().generate(prompts, sampling)

    model = Noting(lambda text: "go on")
    chat = ModelChat(lambda: model, Sampling(1.0, max_tokens=50))
    for _ in range(2):
        roll(chat, 20, batch=6)
    half = len(seen) // 2
    assert seen[:half] == seen[half:]
    assert len({seed for seed, _ in seen}) == half


def test_without_lockstep_users_answer_while_the_agents_of_others_speak() -> None:
    spoke = threading.Event()

    def say(text: str) -> str:
        assert "slow: hm" not in text or spoke.wait(5)  # while the other scene goes on to its end
        return "go on"

    _, chat = person(say)
    ended: list[int] = []

    class Quick(Asking):
        def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
            spoke.set()
            return super().finish(cut, refusal)

    engine = Rollout(ScriptedModel(lambda text: "hm"), Sampling(max_tokens=50), lockstep=False)
    engine.roll([Asking("slow", chat, 1), Quick("quick", lambda messages: "go on", 5)], on_done=ended.append)
    assert ended == [1, 2]


def test_a_user_is_heard_without_its_thoughts() -> None:
    _, chat = person(lambda text: "<think>I should be brief.</think>My order is late.")
    (episode,) = roll(chat, 1)
    assert episode.messages[0].content == "My order is late."


def test_what_the_users_model_raises_ends_the_roll() -> None:
    def say(text: str) -> str:
        raise ModelError("the endpoint is gone")

    with pytest.raises(ModelError, match="the endpoint is gone"):
        roll(person(say)[1], 3)


@pytest.mark.parametrize("lockstep", [True, False])
def test_an_interrupt_while_users_speak_leaves_no_thread_behind(lockstep: bool) -> None:
    def say(text: str) -> str:
        raise KeyboardInterrupt if lockstep else ModelError("interrupted")

    with pytest.raises((KeyboardInterrupt, ModelError)):
        roll(person(say)[1], 3, lockstep=lockstep)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("scene")]


def test_outside_of_a_roll_the_model_answers_at_once() -> None:
    model, chat = person(lambda text: "yes")
    assert chat([Message("user", "Was it done?")]) == "yes"
    assert len(model.batches) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say which cores a process may use")
@pytest.mark.parametrize("cores", [1, 2, 4, 96])
def test_a_larger_machine_lets_more_scenes_act(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert count_workers() == max(FEWEST_WORKERS, WORKERS_A_CORE * cores)

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from selfchal.core.episode import End, SceneResult
from selfchal.core.errors import ModelError
from selfchal.core.model import Generation, Message, Sampling
from selfchal.rollout.rollout import Rollout
from selfchal.testing.scripted import END, ScriptedModel


@dataclass
class Counting:
    """A scene that asks for ``turns`` turns and then ends."""

    name: str
    turns: int = 1
    heard: list[str] = field(default_factory=list)
    delay: float = 0.0
    environment: str = "nowhere"

    def start(self) -> Sequence[Message]:
        return [Message("system", "s"), Message("user", self.name)]

    def step(self, text: str) -> Message | None:
        time.sleep(self.delay)
        self.heard.append(text)
        return Message("user", f"again {len(self.heard)}") if len(self.heard) < self.turns else None

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        return SceneResult(cut or End.ANSWER)


def engine(model: ScriptedModel, **options: object) -> Rollout:
    return Rollout(model, Sampling(max_tokens=50), **options)  # type: ignore[arg-type]


def test_every_token_is_kept_once_and_only_the_agents_own_carry_the_mask() -> None:
    model = ScriptedModel(lambda text: "hello" if "again" not in text else "bye")
    (episode,) = engine(model).roll([Counting("x", turns=2)])

    own = "".join(chr(i) for i, m in zip(episode.ids, episode.mask, strict=True) if m and i != END)
    assert own == "hellobye"
    assert len(episode.ids) == len(episode.mask) == len(episode.logprobs)
    assert all((p == -0.5) == bool(m) for p, m in zip(episode.logprobs, episode.mask, strict=True))
    everything = "".join(chr(i) for i in episode.ids if i != END)
    assert everything == "<system>s<user>x<assistant>hello<user>again 1<assistant>bye"
    assert [m.role for m in episode.messages] == ["system", "user", "assistant", "user", "assistant"]


def test_episodes_come_back_in_the_order_of_the_scenes_whatever_their_length() -> None:
    scenes = [Counting(str(i), turns=1 + (7 * i) % 5) for i in range(20)]
    episodes = engine(ScriptedModel(lambda text: "hm"), batch=3).roll(scenes, list(range(20)))
    assert [e.task for e in episodes] == [str(i) for i in range(20)]
    assert [e.sample for e in episodes] == list(range(20))
    assert [len(s.heard) for s in scenes] == [s.turns for s in scenes]


def test_finished_scenes_leave_the_batch_and_waiting_ones_join() -> None:
    model = ScriptedModel(lambda text: "hm")
    engine(model, batch=2).roll([Counting("a", 3), Counting("b", 1), Counting("c", 1), Counting("d", 1)])
    assert [len(batch) for batch in model.batches] == [2, 2, 2]


def test_a_conversation_that_no_longer_fits_is_cut_with_its_reason() -> None:
    model = ScriptedModel(lambda text: "x" * 40, context_length=150)
    (episode,) = engine(model).roll([Counting("a", turns=100)])
    assert episode.end is End.LENGTH
    assert len(episode.ids) <= 150
    assert episode.mask[-1] == 1  # it ends with what the agent said


def test_a_first_prompt_that_does_not_fit_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"longer context, or lower rollout\.max_tokens"):
        engine(ScriptedModel(lambda text: "x", context_length=60)).roll([Counting("a")])


def test_forced_openings_are_heard_by_the_scene_but_are_not_the_agents_own() -> None:
    scene = Counting("a")
    (episode,) = engine(ScriptedModel(lambda text: "42"), opening="Answer: ").roll([scene])
    assert scene.heard == ["Answer: 42"]
    assert "".join(chr(i) for i, m in zip(episode.ids, episode.mask, strict=True) if m and i) == "42"


def test_lockstep_seeds_depend_on_the_round_alone() -> None:
    seeds: list[int] = []

    class Noting(ScriptedModel):
        def generate(self, prompts, sampling):  # type: ignore[no-untyped-def]
            seeds.append(sampling.seed)
            return super().generate(prompts, sampling)

    for _ in range(2):
        engine(Noting(lambda text: "hm"), batch=2).roll([Counting(str(i), 3) for i in range(4)])
    assert seeds[: len(seeds) // 2] == seeds[len(seeds) // 2 :]
    assert len(set(seeds)) == len(seeds) // 2


def test_without_lockstep_a_slow_scene_does_not_hold_up_the_others() -> None:
    slow, quick = Counting("slow", delay=0.6), Counting("quick", turns=5)
    model = ScriptedModel(lambda text: "hm")
    engine(model, lockstep=False).roll([slow, quick])
    assert [len(batch) for batch in model.batches] == [2, 1, 1, 1, 1]


def test_scenes_of_a_batch_act_at_the_same_time() -> None:
    meeting = threading.Barrier(4, timeout=5)

    class Meeting(Counting):
        def step(self, text: str) -> Message | None:
            meeting.wait()
            return None

    engine(ScriptedModel(lambda text: "hm")).roll([Meeting(str(i)) for i in range(4)])


def test_progress_counts_every_episode_once() -> None:
    heard: list[int] = []
    engine(ScriptedModel(lambda text: "hm"), batch=2).roll(
        [Counting(str(i), 1 + i % 2) for i in range(5)], on_done=heard.append
    )
    assert heard == [1, 2, 3, 4, 5]


def test_what_a_scene_raises_is_a_bug_and_is_not_swallowed() -> None:
    class Broken(Counting):
        def step(self, text: str) -> Message | None:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        engine(ScriptedModel(lambda text: "hm")).roll([Broken("a")])


def test_an_episode_knows_the_weights_that_its_first_turn_was_sampled_with() -> None:
    class Counted(ScriptedModel):
        def _generation(self, text: str, sampling: Sampling) -> Generation:
            return replace(super()._generation(text, sampling), weights_version=len(self.batches) + 6)

    (episode,) = engine(Counted(lambda text: "hm")).roll([Counting("a", 3)])
    assert episode.weights_version == 7
    (episode,) = engine(ScriptedModel(lambda text: "hm")).roll([Counting("a", 3)])
    assert episode.weights_version is None


def test_an_example_stands_before_each_task_and_is_nothing_that_the_agent_said() -> None:
    model = ScriptedModel(lambda text: "hello")
    example = [Message("user", "old"), Message("assistant", "done")]
    rolling = engine(model, example=example)
    episodes = rolling.roll([Counting("x"), Counting("y", turns=2)])
    for name, episode in zip("xy", episodes, strict=True):
        told = [(message.role, message.content) for message in episode.messages[:4]]
        assert told == [("system", "s"), ("user", "old"), ("assistant", "done"), ("user", name)]
        own = "".join(chr(i) for i, m in zip(episode.ids, episode.mask, strict=True) if m and i != END)
        assert own == "hello" * (1 if name == "x" else 2)
    tight = ScriptedModel(lambda text: "x", context_length=90)
    engine(tight).check(Counting("x"))
    with pytest.raises(ModelError, match="context"):
        engine(tight, example=example).check(Counting("x"))

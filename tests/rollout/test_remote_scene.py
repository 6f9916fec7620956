"""A scene that lives with a worker elsewhere goes on as if nothing had been when the worker is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from selfchal.core.engine import Ask, ChatQuestion, Order, ProposalOrder, TaskOrder
from selfchal.core.episode import End, Episode, SceneResult
from selfchal.core.errors import EngineError, ModelError, PromptRefusedError
from selfchal.core.judge import Filter, Outcome, Stage, Verdict
from selfchal.core.model import Message, Sampling
from selfchal.core.synthesizer import Proposal, ProposalRequest
from selfchal.core.task import MIN_FAILURES, Task
from selfchal.rollout.remote_scene import MOST_LOSSES, RemoteScene, WorkerLostError, judge_remotely
from selfchal.rollout.rollout import Rollout
from selfchal.rollout.scene_host import SceneHost
from selfchal.testing.scripted import ScriptedModel

TASK = Task("t", "desk", {}, "Do it.", "", "", ())
PROPOSED = Proposal(3, 1, Verdict(Outcome.PASSED, Stage.KEPT))
TURNS = 3


@dataclass
class Asking:
    """A scene that asks its user at the start and in every turn, and tells the model what was said."""

    ask: Ask
    order: Order
    salt: int = 0  # what makes it answer differently from one worker to the next
    turns: int = TURNS
    name: str = "named by the worker"
    environment: str = "desk"
    heard: list[str] = field(default_factory=list)
    is_over: bool = False

    @property
    def proposal(self) -> Proposal:
        return PROPOSED

    def start(self) -> Sequence[Message]:
        return [Message("system", "s"), Message("user", self._ask_user("open"))]

    def step(self, text: str) -> Message | None:
        self.heard.append(text)
        said = self._ask_user(text)
        return Message("user", f"{said} {self.salt}") if len(self.heard) < self.turns else None

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        self.is_over = True
        return SceneResult(cut or End.STOP, 1.0, refusal, " ".join(self.heard), steps=len(self.heard))

    def _ask_user(self, text: str) -> str:
        return str(self.ask(ChatQuestion("user", (Message("user", text),))))


@dataclass
class DeskWorker:
    ask: Ask
    salt: int
    turns: int
    scenes: list[Asking]  # that it has made

    def make_scene(self, order: Order) -> Asking:
        if order.environment != "desk":
            raise KeyError(order.environment)
        self.scenes.append(Asking(self.ask, order, self.salt, self.turns))
        return self.scenes[-1]

    def judge(
        self, environment: str, task: Task, filters: Filter = Filter.FULL, min_failures: int = MIN_FAILURES
    ) -> Verdict:
        said = str(self.ask(ChatQuestion("judge", (Message("user", task.id),))))
        return Verdict(Outcome.PASSED, Stage.KEPT, said)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class DeskSpec:
    salt: int
    turns: int
    scenes: list[Asking]

    def open(self, ask: Ask) -> DeskWorker:
        return DeskWorker(ask, self.salt, self.turns, self.scenes)


@dataclass
class Farm:
    """Workers in this process; the calls with these numbers are lost with the worker they go to."""

    lost: frozenset[int] = frozenset()
    differ: bool = False  # each worker answers in its own way
    shorter: bool = False  # all but the first end their scenes at the first turn
    calls: int = 0
    hosts: int = 0
    left: int = 0

    scenes: list[Asking] = field(default_factory=list)

    def lend(self) -> FarmHost:
        self.hosts += 1
        salt = self.hosts if self.differ else 0
        turns = 1 if self.shorter and self.hosts > 1 else TURNS
        return FarmHost(self, SceneHost(DeskSpec(salt, turns, self.scenes)))

    def count_open(self) -> int:
        return sum(not scene.is_over for scene in self.scenes)


@dataclass
class FarmHost:
    farm: Farm
    host: SceneHost

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        self.farm.calls += 1
        if self.farm.calls in self.farm.lost:
            raise WorkerLostError(f"call {self.farm.calls} was lost")
        return getattr(self.host, method)(*arguments, **options)

    def leave(self) -> None:
        self.farm.left += 1


def play(farm: Farm, order: Order, asked: list[str], refused: int = 0) -> tuple[Episode, RemoteScene]:
    """``refused``: the number of the question that the endpoint refuses."""

    def ask(question: Any) -> str:
        asked.append(question.messages[0].content)
        if len(asked) == refused:
            raise PromptRefusedError("too rude")
        return f"answer {len(asked)} to {question.messages[0].content}"

    scene = RemoteScene(order, farm.lend, ask)
    model = ScriptedModel(lambda text: f"turn {text.count('<assistant>')}")
    (episode,) = Rollout(model, Sampling(max_tokens=200)).roll([scene], [4])  # type: ignore[arg-type]  # all that it uses
    episode.seconds = 0.0
    return episode, scene


def test_what_is_played_elsewhere_is_what_is_played_here() -> None:
    farm, asked = Farm(), []
    episode, _ = play(farm, TaskOrder("desk", TASK, 4), asked)
    assert (episode.task, episode.sample, episode.environment) == ("named by the worker", 4, "desk")
    assert (episode.end, episode.reward, episode.steps) == (End.STOP, 1.0, TURNS)
    assert [message.role for message in episode.messages] == ["system", "user"] + [
        "assistant",
        "user",
    ] * 2 + ["assistant"]
    assert asked == ["open", "turn 1", "turn 2", "turn 3"]
    assert len(episode.ids) == len(episode.mask) == len(episode.logprobs) > 0
    assert farm.left == farm.hosts == 1


def test_a_proposal_comes_with_its_scene() -> None:
    _, scene = play(Farm(), ProposalOrder("desk", ProposalRequest(3, 1, 0)), [])
    assert scene.proposal == PROPOSED


UNDISTURBED = 2 * (TURNS + 1)  # start, steps and their answers; what the last of them brings is the end


@pytest.mark.parametrize("number", range(1, UNDISTURBED + 1))
def test_a_worker_that_is_lost_at_any_call_costs_nothing(number: int) -> None:
    told: list[str] = []
    undisturbed, _ = play(Farm(), TaskOrder("desk", TASK), told)
    farm, asked = Farm(frozenset({number})), []
    episode, _ = play(farm, TaskOrder("desk", TASK), asked)
    assert farm.hosts == 2
    assert farm.left == 2
    assert asked == told, "a question that was answered is not asked again"
    assert episode == undisturbed


@pytest.mark.parametrize("refused", range(1, TURNS + 2))
def test_a_refusal_is_the_same_with_a_worker_that_is_lost(refused: int) -> None:
    undisturbed, _ = play(Farm(), TaskOrder("desk", TASK), [], refused)
    assert (undisturbed.end, undisturbed.reason) == (End.REFUSED, "too rude")
    assert undisturbed.steps == refused - 1
    for number in range(1, 2 * refused + 2):  # a call and an answer a question, and the end
        farm = Farm(frozenset({number}))
        episode, _ = play(farm, TaskOrder("desk", TASK), [], refused)
        assert farm.hosts == 2
        assert episode == undisturbed, f"call {number} was lost"


def test_three_workers_that_are_lost_leave_an_episode_unjudged() -> None:
    farm = Farm(frozenset(range(3, 1_000)))
    episode, _ = play(farm, TaskOrder("desk", TASK), [])
    assert farm.hosts == MOST_LOSSES
    assert (episode.end, episode.reward) == (End.INFRA, None)
    assert "3 workers were lost" in episode.reason


def test_a_scene_that_never_starts_is_unjudged_before_the_model_speaks() -> None:
    farm = Farm(frozenset(range(1, 1_000)))
    episode, scene = play(farm, ProposalOrder("desk", ProposalRequest(3, 1, 0)), [])
    assert (episode.task, episode.end, episode.reward) == ("proposal-1-3", End.INFRA, None)
    assert not any(episode.mask)
    assert scene.proposal is not None
    assert scene.proposal.verdict.outcome is Outcome.COULD_NOT_CHECK
    assert (scene.proposal.index, scene.proposal.round) == (3, 1)


def test_an_environment_that_answers_otherwise_the_second_time_is_not_gone_on_with() -> None:
    farm = Farm(frozenset({6}), differ=True)
    episode, _ = play(farm, TaskOrder("desk", TASK), [])
    assert (episode.end, episode.reward) == (End.INFRA, None)
    assert "did not answer as it had answered before" in episode.reason
    assert farm.count_open() == 1, "only what was lost with its worker is left of the scenes"


def test_an_environment_that_ends_sooner_the_second_time_is_not_gone_on_with() -> None:
    farm = Farm(frozenset({6}), shorter=True)
    episode, _ = play(farm, TaskOrder("desk", TASK), [])
    assert (episode.end, episode.reward) == (End.INFRA, None)
    assert "did not answer as it had answered before" in episode.reason
    assert farm.count_open() == 1


def test_what_a_scene_raises_is_raised_in_the_run() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        play(Farm(), TaskOrder("nowhere", TASK), [])


def test_no_worker_to_be_had_ends_the_run() -> None:
    def lend() -> FarmHost:
        raise EngineError("none is left")

    scene = RemoteScene(TaskOrder("desk", TASK), lend, lambda question: "")
    with pytest.raises(EngineError, match="none is left"):
        scene.start()


@pytest.mark.parametrize(
    ("error", "outcome"), [(PromptRefusedError("too rude"), End.REFUSED), (ModelError("it is gone"), None)]
)
def test_a_model_that_does_not_answer_is_told_where_it_was_asked(
    error: ModelError, outcome: End | None
) -> None:
    def ask(question: Any) -> str:
        raise error

    scene = RemoteScene(TaskOrder("desk", TASK), Farm().lend, ask)
    model: Any = ScriptedModel(lambda text: "hm")
    roll: Callable[[], list[Episode]] = lambda: Rollout(model, Sampling(max_tokens=50)).roll([scene])  # noqa: E731
    if outcome is None:
        with pytest.raises(ModelError, match="it is gone"):
            roll()
        return
    (episode,) = roll()
    assert (episode.end, episode.reason) == (outcome, "too rude")


def test_a_task_is_judged_by_whichever_worker_is_left() -> None:
    verdict = judge_remotely(Farm(frozenset({1, 3})).lend, lambda question: "fine", "desk", TASK)
    assert (verdict.outcome, verdict.reason) == (Outcome.PASSED, "fine")
    farm = Farm(frozenset(range(1, 9)))
    verdict = judge_remotely(farm.lend, lambda question: "fine", "desk", TASK)
    assert verdict.outcome is Outcome.COULD_NOT_CHECK
    assert farm.left == MOST_LOSSES

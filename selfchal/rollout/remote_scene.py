"""A scene that lives with a worker somewhere else, and tasks that are judged there.

Where a worker is lost, nothing that was sampled is: another worker makes the scene anew and is told
everything that was said so far, so that the episode goes on as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

from selfchal.core.engine import Ask, Order, ProposalOrder, Question
from selfchal.core.episode import End, SceneResult
from selfchal.core.errors import EngineError, ModelError, PromptRefusedError
from selfchal.core.evidence import Attempt
from selfchal.core.judge import Outcome, Stage, Verdict
from selfchal.core.model import Message
from selfchal.core.synthesizer import Proposal
from selfchal.rollout.scene_host import Asked, Begun, Ended

MOST_LOSSES = 3  # workers that one scene may lose, or one task of the judge


class WorkerLostError(EngineError):
    """The worker ended, or cannot be reached: what it was asked to do may be asked of another one."""


class HostCalls(Protocol):
    """Calls to the ``SceneHost`` of one worker."""

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        """What the method gives. Raises what it raises, and WorkerLostError."""

    def leave(self) -> None:
        """A scene or a task that was counted as this worker's has left it."""


@dataclass(frozen=True)
class _Refused:
    """An endpoint that the scene asked would not go on; what it said."""

    reason: str


_Answer = str | list[Attempt] | Exception
Lend = Callable[[], HostCalls]  # a worker for one more scene. Raises EngineError where none can be had


@dataclass
class RemoteScene:
    """``selfchal.core.scene.Scene`` of an order, played with a worker that ``lend`` gives.

    ``proposal`` is there once the scene has ended, where the order asks for one.
    """

    order: Order
    lend: Lend
    ask: Ask
    name: str = field(init=False)
    proposal: Proposal | None = field(init=False, default=None)
    _key: str = field(init=False, default="")
    _host: HostCalls | None = field(init=False, default=None)
    _said: list[str] = field(init=False, default_factory=list)  # by the model, turn by turn
    _heard: list[Message | _Refused] = field(init=False, default_factory=list)  # what the scene gave for it
    _ended: Ended | None = field(init=False, default=None)
    _answers: list[_Answer] = field(init=False, default_factory=list)  # to its questions, in order
    _told: int = field(init=False, default=0)  # how many of them the present worker has heard
    _losses: int = field(init=False, default=0)
    _failure: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.name = self.order.name

    @property
    def environment(self) -> str:
        return self.order.environment

    def start(self) -> Sequence[Message]:
        begun: Begun | _Refused | None = self._act(self._begin)
        if begun is None:
            raise PromptRefusedError(self._failure)  # ends the episode before the model has spoken
        if isinstance(begun, _Refused):
            raise PromptRefusedError(begun.reason)
        self.name = begun.name
        return begun.messages

    def step(self, text: str) -> Message | None:
        self._said.append(text)
        reply: Message | Ended | _Refused | None = self._act(lambda: self._go_on("step", text))
        if reply is None or isinstance(reply, Ended):
            self._ended = reply
            return None
        self._heard.append(reply)
        if isinstance(reply, _Refused):
            raise PromptRefusedError(reply.reason)
        return reply

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        ended = self._ended or self._act(lambda: self._go_on("finish", cut, refusal))
        self._leave()
        if ended is None:
            return self._give_up()
        self.proposal = ended.proposal
        return ended.result

    def _act(self, act: Callable[[], Any]) -> Any:
        """Do it with a worker, and again with another where one is lost; None after too many losses."""
        while not self._failure:
            try:
                return act()
            except WorkerLostError as error:
                self._leave()
                self._losses += 1
                if self._losses >= MOST_LOSSES:
                    self._failure = f"{self._losses} workers were lost in this episode: {error}"
        return None

    def _begin(self) -> Begun | _Refused:
        self._key, self._host, self._told = uuid4().hex, self.lend(), 0
        begun: Begun | _Refused = self._exchange("start", self.order)
        return begun

    def _go_on(self, method: str, *arguments: Any) -> Any:
        if self._host is None:
            self._play_again()
        return self._exchange(method, *arguments)

    def _play_again(self) -> None:
        """Bring a scene of another worker to where the lost one was."""
        self._begin()
        for text, heard in zip(self._said, self._heard, strict=False):  # what is being said was not heard yet
            again = self._exchange("step", text)
            if again != heard:
                if not isinstance(again, Ended):
                    self._exchange("finish", End.INFRA, "")  # frees what the scene holds there
                raise WorkerLostError(
                    "the environment did not answer as it had answered before, so the episode cannot go on"
                )

    def _exchange(self, method: str, *arguments: Any) -> Any:
        """What the scene did, ``_Refused`` among it."""
        assert self._host is not None, "a scene that acts has a worker"
        try:
            reply = self._host.call(method, self._key, *arguments)
            while isinstance(reply, Asked):
                if self._told == len(self._answers):
                    self._answers.append(_answer(self.ask, reply.question))
                self._told += 1
                reply = self._host.call("answer", self._key, self._answers[self._told - 1])
        except PromptRefusedError as refusal:
            return _Refused(str(refusal))
        return reply

    def _leave(self) -> None:
        if self._host is not None:
            self._host.leave()
        self._host = None

    def _give_up(self) -> SceneResult:
        """The episode could not be judged (CONTRIBUTING.md#invariant-2)."""
        if isinstance(self.order, ProposalOrder):
            request = self.order.request
            verdict = Verdict(Outcome.COULD_NOT_CHECK, Stage.PARSED, self._failure, self._failure)
            self.proposal = Proposal(request.index, request.round, verdict)
        return SceneResult(End.INFRA, None, self._failure)


def judge_remotely(lend: Lend, ask: Ask, *arguments: Any) -> Verdict:
    """``Worker.judge`` with these arguments, by whichever worker is lent."""
    lost = ""
    for _ in range(MOST_LOSSES):
        host, key = lend(), uuid4().hex
        try:
            reply = host.call("judge", key, *arguments)
            while isinstance(reply, Asked):
                reply = host.call("answer", key, _answer(ask, reply.question))
        except WorkerLostError as error:
            lost = str(error)
        else:
            return reply  # type: ignore[no-any-return]  # what a host gives for "judge"
        finally:
            host.leave()
    reason = f"{MOST_LOSSES} workers were lost while they judged it: {lost}"
    return Verdict(Outcome.COULD_NOT_CHECK, Stage.PARSED, reason, reason)


def _answer(ask: Ask, question: Question) -> _Answer:
    """What the run's model says, or why it would not, which is raised where the question was asked."""
    try:
        return ask(question)
    except ModelError as error:
        return error

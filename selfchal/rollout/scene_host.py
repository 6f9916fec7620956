"""The worker's end of scenes that are played from elsewhere: it holds them, and lets each act when asked.

Every call is plain data in and plain data out, so that any transport will do: pipes, sockets, actors. A call
answers with what the scene did, or with a question of it to a model of the run; ``answer`` then goes on with
what it was told. ``RemoteScene`` is the other end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, cast

from selfchal.core.engine import Order, ProposalOrder, Question, Worker, WorkerSpec
from selfchal.core.episode import End, SceneResult
from selfchal.core.errors import EngineError
from selfchal.core.evidence import Attempt
from selfchal.core.judge import Verdict
from selfchal.core.model import Message
from selfchal.core.scene import Scene
from selfchal.core.synthesizer import Proposal, ProposalScene


@dataclass(frozen=True)
class Asked:
    """A scene waits for the answer to this."""

    question: Question


@dataclass(frozen=True)
class Begun:
    """A scene has started: what it is called, and its conversation's first messages."""

    name: str
    messages: Sequence[Message]


@dataclass(frozen=True)
class Ended:
    """A scene is over: what came of it, and the proposal where the order asked for one."""

    result: SceneResult
    proposal: Proposal | None


@dataclass(frozen=True)
class _Played:
    order: Order
    scene: Scene


@dataclass
class _Line:
    """Between a thread in which something acts, and the calls that let it."""

    said: SimpleQueue[Any] = field(default_factory=SimpleQueue)
    told: SimpleQueue[Any] = field(default_factory=SimpleQueue)


class SceneHost:
    """Scenes of one worker by key, and tasks that it judges; calls for different keys may come at once."""

    def __init__(self, spec: WorkerSpec) -> None:
        """Make the worker. Raises what its plugins raise."""
        self._played: dict[str, _Played] = {}
        self._lines: dict[str, _Line] = {}
        self._worker: Worker = spec.open(_ask)

    def start(self, key: str, order: Order) -> Begun | Asked:
        """Make the scene and start it."""

        def act() -> Begun:
            scene = self._worker.make_scene(order)
            self._played[key] = _Played(order, scene)
            messages = scene.start()
            return Begun(scene.name, messages)

        return cast(Begun | Asked, self._run(key, act))

    def step(self, key: str, text: str) -> Message | Ended | Asked:
        """Let the scene act on what the model said; where that ends it, end it here, which saves a call."""

        def act() -> Message | Ended:
            return self._played[key].scene.step(text) or self._end(key, None, "")

        return cast(Message | Ended | Asked, self._run(key, act))

    def finish(self, key: str, cut: End | None, refusal: str) -> Ended | Asked:
        """End a scene that has not ended itself."""
        return cast(Ended | Asked, self._run(key, lambda: self._end(key, cut, refusal)))

    def _end(self, key: str, cut: End | None, refusal: str) -> Ended:
        played = self._played.pop(key)
        result = played.scene.finish(cut, refusal)
        proposes = isinstance(played.order, ProposalOrder)
        return Ended(result, cast(ProposalScene, played.scene).proposal if proposes else None)

    def judge(self, key: str, *arguments: Any) -> Verdict | Asked:
        """``Worker.judge`` with these arguments."""
        return cast(Verdict | Asked, self._run(key, lambda: self._worker.judge(*arguments)))

    def answer(self, key: str, answer: str | list[Attempt] | Exception) -> Any:
        """Tell what was asked for, or raise it where it was asked; what came of it, as of the first call."""
        line = self._lines[key]
        line.told.put(answer)
        return self._hear(key, line)

    def close(self) -> None:
        """Free what the worker holds."""
        self._worker.close()

    def _run(self, key: str, act: Callable[[], Any]) -> Any:
        line = self._lines[key] = _Line()

        def work() -> None:
            _LINE.set(line)
            try:
                line.said.put(act())
            except Exception as error:  # noqa: BLE001 — whoever called raises it
                line.said.put(_Raised(error))

        threading.Thread(target=work, name=f"scene {key}", daemon=True).start()
        return self._hear(key, line)

    def _hear(self, key: str, line: _Line) -> Any:
        said = line.said.get()
        if not isinstance(said, Asked):
            del self._lines[key]
        if isinstance(said, _Raised):
            raise said.error
        return said


@dataclass(frozen=True)
class _Raised:
    error: Exception


_LINE: ContextVar[_Line | None] = ContextVar("where a scene acts that is played from elsewhere", default=None)


def _ask(question: Question) -> str | list[Attempt]:
    """``selfchal.core.engine.Ask`` of a worker: the question goes out by the call that lets the scene act."""
    line = _LINE.get()
    if line is None:
        raise EngineError(
            "a model was asked outside of a scene: a thread that a plugin starts must run in the context of "
            "the one that starts it (contextvars.copy_context().run)"
        )
    line.said.put(Asked(question))
    answer = line.told.get()
    if isinstance(answer, Exception):
        raise answer
    return cast(str | list[Attempt], answer)

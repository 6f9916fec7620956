"""A model that speaks within scenes: it plays simulated users, or rates what an agent did.

Scenes act in worker threads, and to a scene such a model is a function of messages. Within ``Rollout.roll``
the question is put into the roll's ``Questions``, and its thread waits there while other scenes act. The
rollout answers all that wait in one batch, so no conversation waits for the user of another. In lockstep it
does so at points which do not depend on the threads' timing, so that equal seeds give equal episodes.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from selfchal.core.errors import PromptRefusedError
from selfchal.core.model import Generation, Message, Model, Sampling
from selfchal.core.seeds import seed_of
from selfchal.thoughts import strip_thoughts

Acting = tuple["Future[None]", int]  # a scene that acts, and its number
FEWEST_WORKERS = 8
WORKERS_A_CORE = 2  # they wait on sandboxes, so more than there are cores


def count_workers() -> int:
    """How many scenes may act at once: by the cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(FEWEST_WORKERS, WORKERS_A_CORE * cores)


@dataclass(frozen=True)
class ModelChat:
    """``selfchal.core.environment.Chat`` over a model. ``find_model`` may load it when it is first asked."""

    find_model: Callable[[], Model]
    sampling: Sampling
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    def __call__(self, messages: Sequence[Message]) -> str:
        """What it says aloud, without its thoughts. Raises PromptRefusedError, ModelError."""
        where = _WHERE.get()
        if where is None:  # outside of a roll, where several threads may ask
            with self._lock:
                (said,) = self.answer([messages], self.sampling.seed)
        else:
            questions, key = where
            said = questions.ask(key, self, messages)
        if said.refused:
            raise PromptRefusedError(said.refused)
        return strip_thoughts(said.text)

    def reset_cache(self) -> None:
        """Let what follows depend on nothing before it."""
        self.find_model().reset_cache()

    def answer(self, conversations: Sequence[Sequence[Message]], seed: int) -> list[Generation]:
        """One answer to each, in order."""
        model = self.find_model()
        prompts = [model.render_prompt(messages) for messages in conversations]
        return model.generate(prompts, replace(self.sampling, seed=seed))


@dataclass(frozen=True)
class _Question:
    chat: ModelChat
    messages: Sequence[Message]
    answer: Future[Generation] = field(default_factory=Future)


class Questions:
    """The questions of one roll's scenes to the models that speak within them.

    All randomness of the answers follows from ``seed`` and the order of the batches. In ``lockstep`` whoever
    calls ``finish`` answers, otherwise the thread that runs ``serve`` does. ``at_once`` scenes act at a time.
    """

    def __init__(self, seed: int, lockstep: bool, at_once: int) -> None:
        self._seed = seed
        self._lockstep = lockstep
        self._waiting: dict[int, _Question] = {}  # by the number of the scene that asks
        self._changed = threading.Condition()
        self._permits = threading.Semaphore(at_once)
        self._closed = False
        self._batches = 0
        self._reset: set[ModelChat] = set()  # whose caches were emptied at their first question of this roll

    def submit(self, pool: Executor, key: int, action: Callable[[], None]) -> Acting:
        """Let scene ``key`` act in a thread of the pool; no more than ``at_once`` act at a time."""
        future = pool.submit(self._act, key, action)
        future.add_done_callback(self._note_done)
        return future, key

    def _act(self, key: int, action: Callable[[], None]) -> None:
        with self._permits:
            before = _WHERE.set((self, key))
            try:
                action()
            finally:
                _WHERE.reset(before)

    def ask(self, key: int, chat: ModelChat, messages: Sequence[Message]) -> Generation:
        """Wait for the answer, and let other scenes act meanwhile."""
        question = _Question(chat, messages)
        with self._changed:
            if self._closed:
                question.answer.cancel()
            self._waiting[key] = question
            self._changed.notify_all()
        self._permits.release()
        try:
            return question.answer.result()
        finally:
            self._permits.acquire()

    def _note_done(self, _: Future[None]) -> None:
        with self._changed:
            self._changed.notify_all()

    def finish(self, acting: Sequence[Acting]) -> None:
        """Wait until all of these scenes have acted. In lockstep what they ask is answered in batches: each
        is made when none of them can ask anything more without an answer."""
        if not self._lockstep:
            wait([future for future, _ in acting])
            return
        while True:
            left = list(acting)
            with self._changed:
                self._changed.wait_for(lambda: self._have_stopped(left))  # noqa: B023 — called at once
                keys = sorted(key for _, key in acting if key in self._waiting)
                asked = [self._waiting.pop(key) for key in keys]
            if not asked:
                return
            self._answer(asked)

    def _have_stopped(self, left: list[Acting]) -> bool:
        """Has each of these acted, or does it wait for an answer? Those that do are taken off the list, so
        that no scene is looked at again whenever another one stops."""
        while left and (left[-1][0].done() or left[-1][1] in self._waiting):
            left.pop()
        return not left

    def serve(self) -> None:
        """Answer whatever waits, again and again, until ``close``: for rolls that are not in lockstep."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                asked = [self._waiting.pop(key) for key in sorted(self._waiting)]
            if not asked:
                return
            self._answer(asked)

    def _answer(self, asked: Sequence[_Question]) -> None:
        try:
            for chat in dict.fromkeys(question.chat for question in asked):
                self._answer_with(chat, [question for question in asked if question.chat == chat])
        finally:  # an interrupt leaves some without an answer, and their threads would wait for ever
            for question in asked:
                question.answer.cancel()

    def _answer_with(self, chat: ModelChat, asked: Sequence[_Question]) -> None:
        self._batches += 1
        seed = seed_of(self._seed, "chat", self._batches)
        try:
            # in lockstep nothing else runs on the model now
            if self._lockstep and chat not in self._reset:
                chat.reset_cache()
                self._reset.add(chat)
            said = chat.answer([question.messages for question in asked], seed)
        except Exception as error:  # noqa: BLE001 — the scenes that asked raise it
            for question in asked:
                question.answer.set_exception(error)
            return
        for question, generation in zip(asked, said, strict=True):
            question.answer.set_result(generation)

    def close(self) -> None:
        """Give up what waits, so that no thread waits for ever."""
        with self._changed:
            self._closed = True
            for question in self._waiting.values():
                question.answer.cancel()
            self._waiting.clear()
            self._changed.notify_all()


_WHERE: ContextVar[tuple[Questions, int] | None] = ContextVar("where a scene acts", default=None)

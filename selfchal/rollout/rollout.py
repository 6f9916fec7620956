"""A rollout: drives scenes with a model, many at a time, and keeps the exact tokens.

The model samples on while scenes whose turn has ended act in worker threads; finished scenes leave and
waiting ones join. In lockstep (the default) a scene's answer joins after the model's next ``advance``
and is waited for, so that equal seeds give equal episodes; otherwise it joins whenever it is there, so
that a slow tool or user never idles the model. What scenes ask other models is in ``chats``.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from selfchal.core.episode import End, Episode
from selfchal.core.errors import ModelError, PromptRefusedError
from selfchal.core.model import Generation, Message, Model, Sampling
from selfchal.core.scene import Scene
from selfchal.rollout.chats import Acting, Questions, count_workers


class RolloutStoppedError(Exception):
    """A rollout was given up by the one who asked for it."""


@dataclass(frozen=True)
class Rollout:
    """How to roll out: ``batch`` scenes at a time; ``opening`` is text forced at the start of each
    episode's first turn (for the elicitation baselines), never counted as the agent's own. ``example`` is
    another episode's conversation, which stands before each task. Once ``stop`` is set, ``play`` raises
    RolloutStoppedError at the next turn."""

    model: Model
    sampling: Sampling
    batch: int = 128
    lockstep: bool = True
    opening: str = ""
    example: Sequence[Message] = ()
    stop: threading.Event | None = None

    def roll(
        self,
        scenes: Sequence[Scene],
        samples: Sequence[int] | None = None,
        on_done: Callable[[int], None] | None = None,
    ) -> list[Episode]:
        """Play every scene to its end; episodes in the order of ``scenes``.

        ``samples`` numbers the episodes of one task; ``on_done`` hears how many episodes have ended.
        """
        ended: dict[int, Episode] = {}
        for index, episode in self.play(scenes, samples or [0] * len(scenes)):
            ended[index] = episode
            if on_done:
                on_done(len(ended))
        return [ended[index] for index in range(len(scenes))]

    def play(
        self, scenes: Sequence[Scene], samples: Sequence[int], at_once: int | None = None
    ) -> Iterator[tuple[int, Episode]]:
        """``selfchal.core.engine.Player.play``."""
        self.model.reset_cache()
        lives = [
            _Live(scene, Episode(scene.name, sample, environment=scene.environment))
            for scene, sample in zip(scenes, samples, strict=True)
        ]
        waiting, speaking = deque(range(len(lives))), 0
        acting: list[Acting] = []
        stream = self.model.stream(self.sampling)
        questions = Questions(self.sampling.seed, self.lockstep, at_once or count_workers())
        # more threads than scenes that act at once: those that wait for an answer hold theirs
        with ThreadPoolExecutor(self.batch + 1, "scene") as pool, closing(questions):
            if not self.lockstep:
                pool.submit(questions.serve)
            while waiting or speaking or acting:
                if self.stop is not None and self.stop.is_set():
                    raise RolloutStoppedError
                room = min(len(waiting), self.batch - speaking - len(acting))
                joining = [waiting.popleft() for _ in range(room)]
                begun = [(key, partial(lives[key].begin, self.example)) for key in joining]
                due = [questions.submit(pool, key, begin) for key, begin in begun]
                if due and (self.lockstep or not (speaking or acting)):
                    questions.finish(due)
                else:
                    acting += due
                    said = [
                        (key, partial(lives[key].act, generation)) for key, generation in stream.advance()
                    ]
                    speaking -= len(said)
                    fresh = [questions.submit(pool, key, act) for key, act in said]
                    due, acting = self._list_due(acting, fresh, questions, idle=not speaking)
                for future, key in due:
                    future.result()
                    if self._may_speak(lives[key]):
                        stream.join(key, lives[key].episode.ids)
                        speaking += 1
                    else:
                        yield key, lives[key].episode

    def _list_due(
        self, acting: list[Acting], fresh: list[Acting], questions: Questions, *, idle: bool
    ) -> tuple[list[Acting], list[Acting]]:
        """Whose answers are taken now (waited for, where they are not there yet), and who acts on."""
        if self.lockstep:
            due, rest = (acting, fresh) if acting or not idle else (fresh, [])
            questions.finish(due)
            return due, rest
        everybody = [*acting, *fresh]
        if idle and everybody:
            wait([future for future, _ in everybody], return_when=FIRST_COMPLETED)
        done = [future.done() for future, _ in everybody]  # asked once: more may be done a moment later
        return (
            [one for one, is_done in zip(everybody, done, strict=True) if is_done],
            [one for one, is_done in zip(everybody, done, strict=True) if not is_done],
        )

    def _may_speak(self, live: _Live) -> bool:
        """Append what the agent is to speak after; False where the scene is over.

        Raises ModelError where not even the first prompt fits into the context.
        """
        if live.over:
            return False
        episode = live.episode
        if live.generation is not None:
            if self._hear(live, live.generation):
                return True
            live.close(End.LENGTH)
            return False
        episode.ids = list(self.model.render_prompt(episode.messages))
        if self.opening:
            episode.ids += self.model.encode(self.opening)
            live.forced = self.opening
        self._require_context(live.scene.name, len(episode.ids))
        _pad(episode)
        return True

    def check(self, scene: Scene) -> None:
        """Raise ModelError where the scene's first prompt and one turn do not fit into the context."""
        messages = show_example(scene.start(), self.example)
        self._require_context(scene.name, len(self.model.render_prompt(messages)))

    def _require_context(self, name: str, prompt: int) -> None:
        needed = prompt + self.sampling.max_tokens
        if needed > self.model.context_length:
            raise ModelError(
                f"the first prompt of {name!r} and one turn need {needed} tokens, and the model has "
                f"{self.model.context_length}: use a longer context, or lower rollout.max_tokens (of a "
                "challenger rollout.challenge_tokens)"
            )

    def _hear(self, live: _Live, after: Generation) -> bool:
        """Append what the scene answered; False, and nothing appended, where the agent could not answer it
        any more."""
        assert live.message is not None, "a scene that goes on has answered"
        ids = self.model.render_turn(after, live.message)
        if len(live.episode.ids) + len(ids) + self.sampling.max_tokens > self.model.context_length:
            return False
        live.episode.messages.append(live.message)
        live.episode.ids += ids
        _pad(live.episode)
        return True


@dataclass
class _Live:
    """One scene under way. ``message`` is its answer to ``generation``, the agent's last turn."""

    scene: Scene
    episode: Episode
    generation: Generation | None = None
    message: Message | None = None
    over: bool = False
    forced: str = ""
    started: float = 0.0

    def begin(self, example: Sequence[Message]) -> None:
        self.started = time.perf_counter()
        try:
            self.episode.messages = show_example(self.scene.start(), example)
            self.episode.task = self.scene.name  # a scene that lives elsewhere learns its name at its start
        except PromptRefusedError as error:
            self.refuse(str(error))

    def act(self, generation: Generation) -> None:
        """Keep what was said as it came, and let the scene act on it, to its end if this ends it."""
        if generation.refused:
            self.refuse(generation.refused)
            return
        episode = self.episode
        if not generation.finished:
            episode.cut_turns.append(sum(message.role == "assistant" for message in episode.messages))
        if self.generation is None:
            episode.weights_version = generation.weights_version
        episode.ids += generation.ids
        episode.mask += [1] * len(generation.ids)
        episode.logprobs += generation.logprobs
        said, self.forced, self.generation = self.forced + generation.text, "", generation
        episode.messages.append(Message("assistant", said))
        try:
            self.message = self.scene.step(said)
        except PromptRefusedError as error:
            self.refuse(str(error))
            return
        if self.message is None:
            self.close(None)

    def refuse(self, reason: str) -> None:
        """End the scene: an endpoint, the agent's or its user's, would not go on with the conversation."""
        self.close(End.REFUSED, reason)

    def close(self, cut: End | None, refusal: str = "") -> None:
        self.over = True
        self.episode.close(self.scene.finish(cut, refusal))
        self.episode.seconds = time.perf_counter() - self.started


def show_example(messages: Sequence[Message], example: Sequence[Message]) -> list[Message]:
    """The start of a conversation with an example before what the user says."""
    told = sum(message.role == "system" for message in messages)
    return [*messages[:told], *example, *messages[told:]]


def _pad(episode: Episode) -> None:
    """Fill mask and log-probabilities up for ids that the agent did not write, which carry no gradient."""
    rest = len(episode.ids) - len(episode.mask)
    episode.mask += [0] * rest
    episode.logprobs += [0.0] * rest

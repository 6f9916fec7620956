"""The rollout engine: drives scenes with a model, many at a time, and keeps the exact tokens.

The model samples on while scenes whose turn has ended act in worker threads; finished scenes leave and
waiting ones join. In lockstep (the default) a scene's answer joins after the model's next ``advance``
and is waited for, so that equal seeds give equal episodes; otherwise it joins whenever it is there, so
that a slow tool or user never idles the model.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from selfchal.core.episode import End, Episode
from selfchal.core.errors import ModelError, PromptRefusedError
from selfchal.core.model import Generation, Message, Model, Sampling
from selfchal.core.scene import Scene

Acting = tuple["Future[Message | None]", int]  # a scene that acts, and its number
WORKERS = 8  # they wait on sandboxes and users; more than cores is meant


@dataclass(frozen=True)
class Engine:
    """How to roll out: ``batch`` scenes at a time; ``opening`` is text forced at the start of each
    episode's first turn (for the elicitation baselines), never counted as the agent's own."""

    model: Model
    sampling: Sampling
    batch: int = 128
    lockstep: bool = True
    opening: str = ""

    def roll(
        self,
        scenes: Sequence[Scene],
        samples: Sequence[int] | None = None,
        on_done: Callable[[int], None] | None = None,
    ) -> list[Episode]:
        """Play every scene to its end; episodes in the order of ``scenes``.

        ``samples`` numbers the episodes of one task; ``on_done`` hears how many episodes have ended.
        """
        self.model.reset_cache()
        numbers = samples or [0] * len(scenes)
        lives = [
            _Live(scene, Episode(scene.name, n, environment=scene.environment))
            for scene, n in zip(scenes, numbers, strict=True)
        ]
        waiting, speaking, ended = deque(range(len(lives))), 0, 0
        acting: list[Acting] = []
        stream = self.model.stream(self.sampling)
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="scene") as pool:
            while waiting or speaking or acting:
                while waiting and speaking + len(acting) < self.batch:
                    key = waiting.popleft()
                    if self._begin(lives[key]):
                        stream.join(key, lives[key].episode.ids)
                        speaking += 1
                        continue
                    ended += 1
                    if on_done:
                        on_done(ended)
                fresh = [
                    (pool.submit(lives[key].act, generation), key) for key, generation in stream.advance()
                ]
                speaking -= len(fresh)
                due, acting = self._list_due(acting, fresh, idle=not speaking)
                for future, key in due:
                    live, message = lives[key], future.result()
                    if message is not None and self._hear(live, message):
                        stream.join(key, live.episode.ids)
                        speaking += 1
                        continue
                    if message is not None:
                        live.close(End.LENGTH)
                    ended += 1
                    if on_done:
                        on_done(ended)
        return [live.episode for live in lives]

    def _list_due(
        self, acting: list[Acting], fresh: list[Acting], *, idle: bool
    ) -> tuple[list[Acting], list[Acting]]:
        """Whose answers are taken now (waited for, where they are not there yet), and who acts on."""
        if self.lockstep:
            return (acting, fresh) if acting or not idle else (fresh, [])
        everybody = [*acting, *fresh]
        if idle and everybody:
            wait([future for future, _ in everybody], return_when=FIRST_COMPLETED)
        done = [future.done() for future, _ in everybody]  # asked once: more may be done a moment later
        return (
            [one for one, is_done in zip(everybody, done, strict=True) if is_done],
            [one for one, is_done in zip(everybody, done, strict=True) if not is_done],
        )

    def _begin(self, live: _Live) -> bool:
        """Render the ids to speak after; False where the scene ended before its agent could speak.

        Raises ModelError where not even these fit into the context.
        """
        episode = live.episode
        live.started = time.perf_counter()
        try:
            episode.messages = list(live.scene.start())
        except PromptRefusedError as error:
            live.refuse(str(error))
            return False
        episode.ids = list(self.model.render_prompt(episode.messages))
        if self.opening:
            episode.ids += self.model.encode(self.opening)
            live.forced = self.opening
        needed = len(episode.ids) + self.sampling.max_tokens
        if needed > self.model.context_length:
            raise ModelError(
                f"the first prompt of {live.scene.name!r} and one turn need {needed} tokens, and the model "
                f"has {self.model.context_length}: use a longer context, or lower rollout.max_tokens"
            )
        _pad(episode)
        return True

    def _hear(self, live: _Live, message: Message) -> bool:
        """Append the message; False, and nothing appended, where the agent could not answer it any more."""
        assert live.generation is not None, "a scene answers only what was said"
        ids = self.model.render_turn(live.generation, message)
        if len(live.episode.ids) + len(ids) + self.sampling.max_tokens > self.model.context_length:
            return False
        live.episode.messages.append(message)
        live.episode.ids += ids
        _pad(live.episode)
        return True


@dataclass
class _Live:
    """One scene under way."""

    scene: Scene
    episode: Episode
    generation: Generation | None = None
    forced: str = ""
    started: float = 0.0

    def act(self, generation: Generation) -> Message | None:
        """Keep what was said as it came, and let the scene act on it, to its end if this ends it."""
        if generation.refused:
            self.refuse(generation.refused)
            return None
        episode = self.episode
        episode.ids += generation.ids
        episode.mask += [1] * len(generation.ids)
        episode.logprobs += generation.logprobs
        said, self.forced, self.generation = self.forced + generation.text, "", generation
        episode.messages.append(Message("assistant", said))
        try:
            message = self.scene.step(said)
        except PromptRefusedError as error:
            self.refuse(str(error))
            return None
        if message is None:
            self.close(None)
        return message

    def refuse(self, reason: str) -> None:
        """End the scene: an endpoint, the agent's or its user's, would not go on with the conversation."""
        self.episode.reason = reason
        self.close(End.REFUSED)

    def close(self, cut: End | None) -> None:
        self.scene.finish(self.episode, cut)
        self.episode.seconds = time.perf_counter() - self.started


def _pad(episode: Episode) -> None:
    """Fill mask and log-probabilities up for ids that the agent did not write, which carry no gradient."""
    rest = len(episode.ids) - len(episode.mask)
    episode.mask += [0] * rest
    episode.logprobs += [0.0] * rest

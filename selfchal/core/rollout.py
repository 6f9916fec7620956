"""The rollout engine: drives scenes with a model, in batches, and keeps the exact tokens.

Every round generates one turn for all scenes that are ready, then lets them act in worker threads.
Finished scenes leave and waiting ones join. In lockstep (the default) a round waits for every scene,
so that equal seeds give equal episodes; otherwise it goes on with whoever is ready, so that a slow
tool or user never idles the model.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from selfchal.core.episode import End, Episode
from selfchal.core.errors import ModelError
from selfchal.core.model import Generation, Message, Model, Sampling
from selfchal.core.scene import Scene
from selfchal.core.seeds import seed_of

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
        self.model.forget()
        numbers = samples or [0] * len(scenes)
        lives = [_Live(scene, Episode(scene.name, n)) for scene, n in zip(scenes, numbers, strict=True)]
        waiting, ready = deque(lives), list[_Live]()
        acting: dict[Future[Message | None], _Live] = {}
        ended, rounds = 0, 0
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="scene") as pool:
            while waiting or ready or acting:
                while waiting and len(ready) + len(acting) < self.batch:
                    ready.append(self._begin(waiting.popleft()))
                self._speak(ready, rounds)
                acting |= {pool.submit(live.act): live for live in ready}
                ready, rounds = [], rounds + 1
                done, _ = wait(acting, return_when=ALL_COMPLETED if self.lockstep else FIRST_COMPLETED)
                # in the order of submission, so that lockstep batches are always composed alike
                for future in [future for future in acting if future in done]:
                    live, message = acting.pop(future), future.result()
                    if message is not None and self._hear(live, message):
                        ready.append(live)
                        continue
                    ended += 1
                    self._close(live, None if message is None else End.LENGTH)
                    if on_done:
                        on_done(ended)
        return [live.episode for live in lives]

    def _begin(self, live: _Live) -> _Live:
        """Raises ModelError where not even the first messages fit into the model's context."""
        episode = live.episode
        live.started = time.perf_counter()
        episode.messages = list(live.scene.start())
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
        return live

    def _speak(self, lives: Sequence[_Live], round_: int) -> None:
        """One generation for each; the sampled ids and log-probabilities are stored as they came."""
        if not lives:
            return
        sampling = replace(self.sampling, seed=seed_of(self.sampling.seed, round_))
        for live, generation in zip(
            lives, self.model.generate([live.episode.ids for live in lives], sampling), strict=True
        ):
            episode = live.episode
            episode.ids += generation.ids
            episode.mask += [1] * len(generation.ids)
            episode.logprobs += generation.logprobs
            live.generation = generation
            live.said = live.forced + generation.text
            live.forced = ""
            episode.messages.append(Message("assistant", live.said))

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

    def _close(self, live: _Live, cut: End | None) -> None:
        live.scene.finish(live.episode, cut)
        live.episode.seconds = time.perf_counter() - live.started


@dataclass
class _Live:
    """One scene under way."""

    scene: Scene
    episode: Episode
    generation: Generation | None = None
    said: str = ""
    forced: str = ""
    started: float = 0.0

    def act(self) -> Message | None:
        return self.scene.step(self.said)


def _pad(episode: Episode) -> None:
    """Ids that the agent did not write carry no gradient."""
    rest = len(episode.ids) - len(episode.mask)
    episode.mask += [0] * rest
    episode.logprobs += [0.0] * rest

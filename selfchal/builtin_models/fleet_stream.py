"""Conversations over a fleet: each turn is a request of its own, and ends when it ends. Imports httpx.

What a turn says depends on the weights, its seed and its ids. Its seed is made of the conversation's key and
of how many turns that has had, so it is the same whichever server says it, and whenever.
"""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from selfchal.builtin_models.completions import choose_seeds
from selfchal.builtin_models.endpoint import UnansweredError
from selfchal.builtin_models.fleet import MOST_TRIES, Fleet, Member, State
from selfchal.core.errors import ModelError
from selfchal.core.model import Generation, Sampling
from selfchal.core.seeds import seed_of

_Said = tuple[Generation, Member]
WHILE = 0.02  # seconds that ``advance`` waits for a first turn: meanwhile tools may answer


@dataclass(frozen=True)
class Voice:
    """Asks a fleet, as many at a time as it has threads. ``adapted``: through the adapter that is trained."""

    fleet: Fleet
    pool: ThreadPoolExecutor
    adapted: bool

    def say(self, prompt: Sequence[int], sampling: Sampling, seed: int, member: Member) -> _Said:
        """One turn, and the server that said it: ``member``, which was taken, or another one where that gives
        no answer. Raises ModelError."""
        for left in reversed(range(MOST_TRIES)):
            server, version, answered = member.opened, member.version, False
            try:
                said = server.ask(prompt, sampling, seed, adapted=self.adapted)
                answered = True
                return replace(said, weights_version=version), member
            except UnansweredError as error:
                self.fleet.leave_out(member, error)
                fault: BaseException = error
            except (ModelError, CancelledError) as error:
                if member.server is server and member.state is State.SERVING:
                    raise
                fault = error  # it was left out, and its connections closed, while this request was under way
            finally:
                self.fleet.give_back(member, answered=answered)
            if left:
                member = self.fleet.take(None)
        raise ModelError(f"{MOST_TRIES} servers gave no answer to one request; the last: {fault}")

    def generate(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[Generation]:
        """One generation a prompt, in order."""

        def answer(prompt: Sequence[int], seed: int) -> Generation:
            return self.say(prompt, sampling, seed, self.fleet.take(None))[0]

        self.fleet.prepare()
        return list(self.pool.map(answer, prompts, choose_seeds(prompts, sampling.seed)))


@dataclass
class FleetStream:
    """A Stream whose turns end in whatever order the servers end them."""

    voice: Voice
    sampling: Sampling
    _homes: dict[int, Member] = field(default_factory=dict)  # by key: the server that holds its beginning
    _starts: dict[int, Member] = field(default_factory=dict)  # the same, by the hash of a first prompt
    _turns: Counter[int] = field(default_factory=Counter)  # by key: how many have begun
    _under_way: int = 0
    _ended: queue.SimpleQueue[tuple[int, Future[_Said]]] = field(default_factory=queue.SimpleQueue)

    def join(self, key: int, prompt: Sequence[int]) -> None:
        fleet, ids = self.voice.fleet, tuple(prompt)
        fleet.prepare()
        home = self._homes.get(key) or self._starts.get(hash(ids))  # samples of one task share a first prompt
        member = fleet.take(home)
        self._starts.setdefault(hash(ids), member)
        self._homes[key] = member
        self._turns[key] += 1
        self._under_way += 1
        seed = seed_of(self.sampling.seed, key, self._turns[key])
        future = self.voice.pool.submit(self.voice.say, ids, self.sampling, seed, member)
        future.add_done_callback(lambda done: self._ended.put((key, done)))

    def advance(self) -> list[tuple[int, Generation]]:
        """The turns that have ended, by key: after a short while none may have. Raises ModelError."""
        if not self._under_way:
            return []
        self.voice.fleet.prepare()
        ended: list[tuple[int, Future[_Said]]] = []
        try:
            ended.append(self._ended.get(timeout=WHILE))
            while True:
                ended.append(self._ended.get_nowait())
        except queue.Empty:
            self._under_way -= len(ended)
        said = []
        for key, future in sorted(ended, key=lambda one: one[0]):
            generation, self._homes[key] = future.result()
            said.append((key, generation))
        return said

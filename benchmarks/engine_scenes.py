"""Scenes of a stated cost for benchmarks/engines.py: a worker that does nothing but take time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from selfchal.core.engine import Ask, Order
from selfchal.core.episode import End, SceneResult
from selfchal.core.judge import Filter, Outcome, Stage, Verdict
from selfchal.core.model import Message
from selfchal.core.task import MIN_FAILURES, Task

DESK = "bench"


@dataclass
class CostlyScene:
    """``turns`` turns, each of which computes for ``seconds``; its observations have ``characters``."""

    name: str
    seconds: float
    turns: int
    characters: int
    environment: str = DESK
    taken: int = 0

    def start(self) -> Sequence[Message]:
        return [Message("system", "s" * self.characters), Message("user", "u")]

    def step(self, text: str) -> Message | None:
        until = time.thread_time() + self.seconds
        while self.seconds and time.thread_time() < until:
            pass
        self.taken += 1
        return Message("user", "o" * self.characters) if self.taken < self.turns else None

    def finish(self, cut: End | None, refusal: str = "") -> SceneResult:
        return SceneResult(cut or End.ANSWER, 1.0, steps=self.taken)


@dataclass(frozen=True)
class CostlyWorker:
    seconds: float
    turns: int
    characters: int

    def make_scene(self, order: Order) -> CostlyScene:
        return CostlyScene(order.name, self.seconds, self.turns, self.characters)

    def judge(
        self, environment: str, task: Task, filters: Filter = Filter.FULL, min_failures: int = MIN_FAILURES
    ) -> Verdict:
        return Verdict(Outcome.PASSED, Stage.KEPT)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class CostlySpec:
    """``seconds`` of CPU a turn."""

    seconds: float = 0.0
    turns: int = 1
    characters: int = 200

    def open(self, ask: Ask | None = None) -> CostlyWorker:
        return CostlyWorker(self.seconds, self.turns, self.characters)

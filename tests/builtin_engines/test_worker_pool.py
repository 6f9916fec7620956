"""Workers that die one after the other end a run, after a handful of them however much work there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from selfchal.builtin_engines.worker_pool import MOST_FAILED_STARTS, WorkerPool
from selfchal.core.errors import EngineError
from selfchal.rollout.remote_scene import WorkerLostError


class Doomed:
    """A worker that ends before it is ready."""

    served = refused = False
    end_reason = "no memory was left"

    def __init__(self) -> None:
        self.scenes, self._alive = 0, True

    def take(self) -> None:
        self.scenes += 1

    def leave(self) -> None:
        self.scenes -= 1

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        raise AssertionError("it is never ready")

    def is_alive(self) -> bool:
        return self._alive

    def is_late(self) -> bool:
        return False

    def wait_until_ready(self, others_serve: Callable[[], bool]) -> bool:
        self._alive = False
        raise WorkerLostError(self.end_reason)

    def close(self) -> None:
        """Nothing is open."""


def test_so_many_in_a_row_end_everything_that_comes_after() -> None:
    made: list[Doomed] = []

    def make() -> Doomed:
        made.append(Doomed())
        return made[-1]

    pool = WorkerPool(make, lambda: 4, scenes_each=1, advice="Look at the machine")
    for _ in range(MOST_FAILED_STARTS):
        with pytest.raises(WorkerLostError):
            pool.lend()
    for _ in range(20):
        with pytest.raises(
            EngineError, match=r"5 workers in a row .* no memory was left\. Look at the machine"
        ):
            pool.lend()
    assert len(made) == MOST_FAILED_STARTS

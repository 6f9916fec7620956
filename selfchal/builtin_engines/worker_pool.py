"""Workers elsewhere, lent to scenes and tasks: the one with the least to do, or a new one for a lost one."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from operator import attrgetter
from typing import Any, Protocol

from selfchal.core.engine import WorkerSpec
from selfchal.core.errors import EngineError
from selfchal.core.judge import Verdict
from selfchal.core.task import Task

MOST_FAILED_STARTS = 5  # in a row


class PooledWorker(Protocol):
    """``selfchal.rollout.remote_scene.HostCalls`` to a worker that was started for the run."""

    scenes: int  # that live there, or tasks that are judged
    served: bool  # has it ever been ready
    refused: bool  # its machine may have no worker, so that it has ended is no failed start
    end_reason: str  # why it has ended, where that is known

    def take(self) -> None:
        """Count one more scene or task as this worker's."""

    def leave(self) -> None: ...

    def call(self, method: str, *arguments: Any, **options: Any) -> Any: ...

    def is_alive(self) -> bool: ...

    def is_late(self) -> bool:
        """It waits for a machine, and may do so for long: nothing is given to it while others serve."""

    def wait_until_ready(self, others_serve: Callable[[], bool]) -> bool:
        """False where it is late and others serve.

        Raises WorkerLostError where it ends before, MachineRefusedError where its machine may have no worker,
        EngineError where it cannot be made ready.
        """

    def close(self) -> None: ...


class MachineRefusedError(EngineError):
    """No worker can live on the machine where this one was made; another one may have it."""


class WorkerPool:
    """At most ``count`` workers; a further one is made where each has ``scenes_each`` or more."""

    def __init__(
        self, make: Callable[[], PooledWorker], count: Callable[[], int], scenes_each: int, advice: str
    ) -> None:
        """``make`` starts a worker and does not wait. ``count`` is asked again each time: a cluster may grow.
        ``advice`` is told where one after the other ends."""
        self._make, self._count, self._scenes_each, self._advice = make, count, scenes_each, advice
        self._workers: list[PooledWorker] = []
        self._lock = threading.Lock()
        self._failed_starts = 0  # in a row
        self._end_reason = ""  # of the last of these

    def lend(self) -> PooledWorker:
        """A worker for one more scene or task, which leaves it in the end.

        Raises WorkerLostError where it ends before it is ready, and EngineError where several in a row do.
        """
        while True:
            with self._lock:
                chosen = self._choose()
                chosen.take()
            ready = False
            try:  # outside of the lock: several start side by side
                ready = chosen.wait_until_ready(self._serves)
            except MachineRefusedError:
                continue
            finally:
                if not ready:
                    chosen.leave()
            if ready:
                return chosen

    def _choose(self) -> PooledWorker:
        """The one with the least to do of those that serve or start, or a new one where they are busy."""
        self._remove_ended()
        prompt = [one for one in self._workers if not one.is_late()] or self._workers
        least = min(prompt, key=attrgetter("scenes"), default=None)
        busy = least is None or least.scenes >= self._scenes_each
        if least is None or (busy and len(self._workers) < self._count()):
            least = self._make()
            self._workers.append(least)
        return least

    def _serves(self) -> bool:
        with self._lock:
            return any(one.served and one.is_alive() for one in self._workers)

    def _remove_ended(self) -> None:
        for ended in [one for one in self._workers if not one.is_alive()]:
            self._workers.remove(ended)
            ended.close()
            if not ended.refused:
                self._failed_starts = 0 if ended.served else self._failed_starts + 1
                self._end_reason = ended.end_reason
        if self._failed_starts >= MOST_FAILED_STARTS:
            raise EngineError(
                f"{self._failed_starts} workers in a row ended before they were ready, the last one so: "
                f"{self._end_reason or 'it said nothing'}. {self._advice}"
            )

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            for worker in self._workers:
                worker.close()
            self._workers = []


def judge_in_threads(
    judge: Callable[[Task], Verdict], tasks: Sequence[Task], threads: int
) -> Iterator[tuple[int, Verdict]]:
    """The index and the verdict of each task, as they come; the threads wait for whoever judges."""
    with ThreadPoolExecutor(threads, thread_name_prefix="judge") as pool:
        due = {pool.submit(judge, task): index for index, task in enumerate(tasks)}
        for future in as_completed(due):
            yield due[future], future.result()


def pickle_spec(spec: WorkerSpec) -> bytes:
    """Raises EngineError where the spec cannot go to another process."""
    try:
        return pickle.dumps(spec)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise EngineError(
            f"the run's plugins cannot be made in another process ({error}): set engine.processes to 1 (of "
            "local), or give the plugins' classes and options names in a module that can be imported"
        ) from error

"""The judge in several processes: one Python runs on one core, however many threads ask it.

Each process has an environment, a sandbox and checks of its own. What is sent there and back are tasks and
verdicts. Checks that compare tasks with each other are asked by the caller, who alone sees all of them.
"""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Self

from selfchal.core.arena import Arena
from selfchal.core.environment import Environment, close_environment
from selfchal.core.errors import SelfchalError
from selfchal.core.judge import AnyCheck, Filter, Outcome, Stage, Verdict
from selfchal.core.sandbox import Limits, Sandbox
from selfchal.core.task import MIN_FAILURES, Task
from selfchal.judging.checks.standard import STANDARD
from selfchal.judging.judge import Judge
from selfchal.judging.runner import SandboxTaskRunner


@dataclass(frozen=True)
class JudgeSpec:
    """How a judge is made. Where another process makes it, the callables must pickle (``Choice.make`` does).

    ``checks`` are all that come past the paper's filter: the standard ones where nothing else is said. Wrong
    outcomes are drawn from the ``secret``, so that all processes draw alike.
    """

    environment: Callable[[], Environment]
    sandbox: Callable[[], Sandbox]
    limits: Limits = field(default_factory=Limits)
    checks: tuple[Callable[[], AnyCheck], ...] = STANDARD
    secret: str = field(default_factory=lambda: secrets.token_hex(16))

    def make_judge(self, environment: Environment, sandbox: Sandbox) -> Judge:
        """A judge in this process, over an environment and a sandbox that are open already."""
        runner = SandboxTaskRunner(Arena(environment, sandbox, self.limits))
        return Judge(runner, self.make_checks(), self.secret)

    def make_checks(self) -> list[AnyCheck]:
        """Make one check of each kind."""
        return [make() for make in self.checks]


def enough_processes() -> int:
    """One more than there are cores: while a judge waits for its sandbox, another one works."""
    return (os.cpu_count() or 1) + 1


class JudgeProcesses:
    """Called as ``Judge`` is, from as many threads as there are processes; close it at the end."""

    def __init__(self, spec: JudgeSpec, count: int) -> None:
        """Start no process yet: each starts when it is first asked."""
        self.count = count
        self._spec = spec
        self._pool = _start_pool(count)
        self._lock = threading.Lock()
        self._started = False

    def __call__(
        self, task: Task, filters: Filter = Filter.FULL, min_failures: int = MIN_FAILURES
    ) -> Verdict:
        """Raises what making the environment or the sandbox raises, and SelfchalError if no process starts.

        A task whose process dies is judged again in a process of its own. Where that dies too, it could not
        be checked; the others are judged as if nothing had been.
        """
        self._start_first()
        pool = self._pool
        try:
            return pool.submit(_judge, self._spec, task, filters, min_failures).result()
        except BrokenProcessPool:
            with self._lock:
                if self._pool is pool:  # nobody else has replaced it
                    self._pool = _start_pool(self.count)
        try:
            with _start_pool(1) as alone:
                return alone.submit(_judge, self._spec, task, filters, min_failures).result()
        except BrokenProcessPool:
            reason = "the process that judged it was killed twice, most likely because memory ran out"
            return Verdict(Outcome.COULD_NOT_CHECK, Stage.PARSED, reason, reason)

    def _start_first(self) -> None:
        """See one process start before any is given a task: if none can, that is no task's fault."""
        with self._lock:
            if self._started:
                return
            try:
                self._pool.submit(os.getpid).result()
            except BrokenProcessPool:
                raise SelfchalError(
                    "no process could be started to judge in. A script that starts some is read by each of "
                    'them, so what it does belongs below: if __name__ == "__main__":'
                ) from None
            self._started = True

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _start_pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))


_made: list[Judge] = []  # this process's own


def _judge(spec: JudgeSpec, task: Task, filters: Filter, min_failures: int) -> Verdict:
    """Judge in a process of the pool. It serves one spec all its life, and judges one task at a time."""
    if not _made:
        environment, sandbox = spec.environment(), spec.sandbox()
        atexit.register(sandbox.close)
        atexit.register(close_environment, environment)
        _made.append(spec.make_judge(environment, sandbox))
        gc.collect()
        gc.freeze()  # what an environment holds lives as long as the process: the collector need not walk it
    return _made[0](task, filters, min_failures)

"""Runs and sessions over channels, with retries: what the process and the docker sandbox share."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

from selfchal.core.sandbox import Execution, Limits, Program, Status
from selfchal.core.world import ToolHost
from selfchal.sandbox.exchange import Answers, InfrastructureError, exchange, request_of, unreadable
from selfchal.sandbox.runner.wire import NotStrictError
from selfchal.sandbox.sessions import ChannelSession, SessionChannel

ATTEMPTS = 3
PAUSE_SECONDS = 0.2  # lets a dying zygote or container die before the next attempt


class Runs:
    """``take(hash_seed)`` gives a ready channel or raises InfrastructureError."""

    def __init__(self, take: Callable[[int], SessionChannel], at_once: int) -> None:
        """At most ``at_once`` executions run at the same time; waiting for that counts for no limit."""
        self._take = take
        self._slots = threading.BoundedSemaphore(at_once)
        self.closed = False

    def run(self, program: Program, tools: ToolHost | None, limits: Limits) -> Execution:
        """Run one program in a fresh process.

        A failure of the sandbox itself is retried as long as no tool was called (the world is then as it
        was); after that, or after several, the status is infra_error.
        """
        try:
            request = request_of(program, tools, limits, session=False)
        except NotStrictError as reason:
            return unreadable(reason)
        failure = InfrastructureError("the sandbox is closed")
        for attempt in range(ATTEMPTS):
            time.sleep(attempt * PAUSE_SECONDS)
            try:
                with self._slots:
                    return self._attempt(program.hash_seed, request, Answers(tools, limits))
            except InfrastructureError as error:
                failure = error
            if self.closed or failure.calls:
                break
        return Execution(Status.INFRA_ERROR, error=str(failure), calls=failure.calls)

    def _attempt(self, hash_seed: int, request: bytes, answers: Answers) -> Execution:
        channel = self._take(hash_seed)
        try:
            return exchange(channel, request, answers)
        finally:
            channel.close()

    def session(self, tools: ToolHost | None, limits: Limits) -> ChannelSession:
        return ChannelSession(lambda: self._take(0), tools, limits, self._slots)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1

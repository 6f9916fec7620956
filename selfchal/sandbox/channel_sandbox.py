"""What the sandboxes share whose executions are processes at the end of a channel: runs and retries."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import ClassVar, Self

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.sandbox import Execution, Guarantees, Level, Limits, Program, Status
from selfchal.core.world import ToolHost
from selfchal.sandbox import canaries
from selfchal.sandbox.precompiled import precompiled
from selfchal.sandbox.protocol import Answers, InfrastructureError, converse, request_of, unreadable
from selfchal.sandbox.runner.wire import NotStrictError
from selfchal.sandbox.sessions import ChannelSession, SessionChannel

ATTEMPTS = 3
PAUSE_SECONDS = 0.2  # lets a dying zygote or container die before the next attempt


class ChannelSandbox:
    """A subclass sets ``guarantees`` when it has started, and says how to take a channel and how to end."""

    guarantees: Guarantees
    same_python: ClassVar[bool] = False  # whether children run this very interpreter, not some other one

    def __init__(self, at_once: int) -> None:
        """At most ``at_once`` executions run at the same time; waiting for that counts for no limit."""
        self._slots = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._closed = False

    def _take(self, hash_seed: int) -> SessionChannel:
        """A ready channel. Raises InfrastructureError."""
        raise NotImplementedError

    def _end(self) -> None:
        """End every process; called once."""
        raise NotImplementedError

    def _prove(self, require: Level, instead: str) -> None:
        """Let the canaries loose and hold the guarantees against ``require``, before any work.

        Raises SandboxUnavailableError; ``instead`` says what could be used.
        """
        canaries.release(self)
        missing = self.guarantees.missing(require)
        if missing:
            raise SandboxUnavailableError(
                f"sandbox {self.guarantees.sandbox}, tier {self.guarantees.tier}, gives less than "
                f"'require: {require}' for {', '.join(missing)}; lower 'require', or use {instead}"
            )

    def run(self, program: Program, tools: ToolHost | None, limits: Limits) -> Execution:
        """Run one program in a fresh process.

        A failure of the sandbox itself is retried as long as no tool was called (the world is then as it
        was); after that, or after several, the status is infra_error.
        """
        try:
            code = precompiled(program.source) if self.same_python else None
            request = request_of(program, tools, limits, session=False, code=code)
        except NotStrictError as reason:
            return unreadable(reason)
        failure = InfrastructureError("the sandbox is closed")
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(attempt * PAUSE_SECONDS)
            try:
                with self._slots:
                    return self._attempt(program.hash_seed, request, Answers(tools, limits))
            except InfrastructureError as error:
                failure = error
            if self._closed or failure.calls:
                break
        return Execution(Status.INFRA_ERROR, error=str(failure), calls=failure.calls)

    def _attempt(self, hash_seed: int, request: bytes, answers: Answers) -> Execution:
        channel = self._take(hash_seed)
        try:
            return converse(channel, request, answers)
        finally:
            channel.close()

    def session(self, tools: ToolHost | None, limits: Limits) -> ChannelSession:
        return ChannelSession(lambda: self._take(0), tools, limits, self._slots)

    def close(self) -> None:
        """End every process of this sandbox; runs in progress end with infra_error."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1

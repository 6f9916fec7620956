"""Sessions over a channel: one process that keeps its variables, replaced when a run ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol, Self

from selfchal.core.sandbox import Execution, Limits, Program, Status
from selfchal.core.world import ToolHost
from selfchal.sandbox.protocol import (
    Answers,
    Channel,
    InfrastructureError,
    converse,
    explain_end,
    request_of,
    unreadable,
)
from selfchal.sandbox.runner.wire import NotStrictError

_LIVES_ON = (Status.OK, Status.EXCEPTION)
_ATTEMPTS = 3
_PAUSE_SECONDS = 0.2


class SessionChannel(Channel, Protocol):
    def quiet(self) -> bool: ...

    def forget_stdout(self) -> None: ...

    def suspend(self) -> None:
        """Let it run no further until ``resume``."""
        ...

    def resume(self) -> None: ...


class ChannelSession:
    """A session in a process of its own. For one thread at a time."""

    def __init__(
        self,
        open_channel: Callable[[], SessionChannel],
        tools: ToolHost | None,
        limits: Limits,
        slots: threading.BoundedSemaphore,
    ) -> None:
        """Nothing starts before the first run; ``slots`` bounds how many run at the same time."""
        self._open_channel = open_channel
        self._tools = tools
        self._limits = limits
        self._slots = slots
        self._channel: SessionChannel | None = None

    def run(self, source: str) -> Execution:
        """Run code with the variables of the runs before; limits count for each run anew.

        A sandbox failure before the first variable exists is retried; later it is infra_error, and the
        next run starts afresh. The value is that of ``result``, None where JSON cannot carry it.
        """
        try:
            request = request_of(Program(source), self._tools, self._limits, session=True)
        except NotStrictError as reason:
            return unreadable(reason)
        failure = InfrastructureError("")
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(attempt * _PAUSE_SECONDS)
            fresh = self._channel is None
            try:
                with self._slots:
                    return self._run(request)
            except InfrastructureError as error:
                failure = error
                self.close()
                if not fresh or error.calls:
                    break
        return Execution(Status.INFRA_ERROR, error=str(failure), calls=failure.calls)

    def _run(self, request: bytes) -> Execution:
        answers = Answers(self._tools, self._limits)
        channel = self._channel = self._channel or self._open_channel()
        if not channel.quiet():
            status, _ = explain_end(channel.ending(), self._limits)
            self.close()
            return Execution(status, error="the process ended or wrote to its channel between two runs")
        channel.forget_stdout()
        channel.resume()
        execution = converse(channel, request, answers)
        if execution.status in _LIVES_ON or self._can_answer(execution):
            channel.suspend()  # code that says that it is done and is not gets no time for that
        else:
            self.close()
        return execution

    def _can_answer(self, execution: Execution) -> bool:
        """An output status that the process itself reported leaves it usable."""
        return execution.status is Status.OUTPUT and self._channel is not None and self._channel.quiet()

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

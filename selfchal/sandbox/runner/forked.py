"""The trusted side of one child process: it exchanges frames, watches its memory, and says how it ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from . import wire
from .ending import Ending, OutOfMemoryKills, was_killed
from .frames import ChannelClosedError, Frames
from .page_tables import (
    LOOK_CPU_SECONDS,
    LOOK_SECONDS,
    most_page_tables,
    pid_of,
    read_cpu_seconds,
    read_page_tables,
)
from .printed import forget_printed, read_printed

# A process that dies closes its channel a moment before it counts as ended; one that lives longer than this
# with a closed channel has closed it itself.
DYING_SECONDS = 0.1
_REPORT_SECONDS = 5.0
_REASON_CAP = 500
_kills = OutOfMemoryKills()


class Child:
    """One child process as this side sees it. One thread at a time may use it."""

    def __init__(self, channel: socket.socket, status: int, stdout: int, explain: Callable[[], str]) -> None:
        """``explain`` says how the zygote ended or was ended; nothing while it lives."""
        self._channel = channel
        self._frames = Frames(channel)
        self._status = status
        self._stdout = stdout
        self._explain = explain
        self._pidfd: int | None = None
        self._pid = 0
        self._locked_down = self._killed = False
        self._started = self._next_look = self._looked_at = 0.0
        self._most_page_tables = self._page_tables = 0

    def wait_ready(self, deadline: float) -> None:
        """Wait for the child's lock-down. Raises ChannelClosedError, ChannelTimeoutError, or OSError where
        this process cannot take the descriptor of the child."""
        while not self._locked_down or self._pidfd is None:
            self._frames.wait_readable(deadline)
            data, descriptors, flags, _ = socket.recv_fds(self._channel, 2, 1)
            if descriptors:
                self._pidfd = descriptors[0]
            elif flags & socket.MSG_CTRUNC:
                os.close(os.dup(0))  # raises what the kernel kept to itself: no descriptor is left
            if not data or wire.FAILED in data:
                raise ChannelClosedError(self.read_some(_REASON_CAP).decode("utf-8", "replace"))
            self._locked_down = self._locked_down or wire.READY in data

    def watch(self, memory: int) -> None:
        """Begin to watch a run that may use ``memory`` bytes."""
        self._started = time.monotonic()
        self._next_look = self._started + LOOK_SECONDS
        self._most_page_tables = most_page_tables(memory)
        self._frames.look = self.look

    def look(self) -> float:
        """Kill the child where it uses more memory than it may; when to look again, in monotonic time."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            size = self._measure_page_tables() or 0 if self._has_worked() else 0
            if size > self._most_page_tables:
                self._page_tables, self._next_look = size, float("inf")
                self.kill()
        return self._next_look

    def can_be_watched(self) -> bool:
        """Whether this process may read the child's page tables."""
        return self._measure_page_tables() is not None

    def _measure_page_tables(self) -> int | None:
        return read_page_tables(self._find_pid())

    def _has_worked(self) -> bool:
        """Whether the child used enough CPU time, since the last time that this was true, to look again."""
        used = read_cpu_seconds(self._find_pid())
        if used - self._looked_at < LOOK_CPU_SECONDS:
            return False
        self._looked_at = used
        return True

    def _find_pid(self) -> int:
        if not self._pid and self._pidfd is not None:
            self._pid = pid_of(self._pidfd)
        return self._pid

    def fileno(self) -> int:
        return self._channel.fileno()

    def read_some(self, cap: int) -> bytes:
        """Read the bytes that are there; none when the child hung up. For a relay, which knows no frames."""
        try:
            return self._channel.recv(cap)
        except OSError:
            return b""

    def write_some(self, data: bytes | bytearray) -> int | None:
        """Write what can be written now: how many bytes, or None when the child hung up. For a relay."""
        try:
            return self._channel.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return None

    def send(self, payload: bytes, deadline: float) -> None:
        """Send one frame. Raises ChannelClosedError or ChannelTimeoutError."""
        self._frames.send(payload, deadline)

    def receive(self, deadline: float, cap: int) -> bytes:
        """Receive one frame. Raises ChannelClosedError, ChannelTimeoutError or FrameTooLargeError."""
        return self._frames.receive(deadline, cap)

    def quiet(self) -> bool:
        return self._frames.quiet()

    def stdout(self, cap: int) -> bytes:
        """The first ``cap`` bytes of what it printed since the last ``forget_stdout``."""
        return read_printed(self._stdout, cap)

    def forget_stdout(self) -> None:
        forget_printed(self._stdout)

    def ended(self, seconds: float = 0.0) -> bool:
        """Whether the process ends within this time."""
        return self._pidfd is None or _is_readable(self._pidfd, seconds)

    def ending(self, patience: float = DYING_SECONDS) -> Ending:
        """How the child ended after it hung up; one that still runs after ``patience`` seconds is killed."""
        hung_up = not self.ended(patience)
        if hung_up:
            self.kill()
        report = os.read(self._status, wire.EXIT.size) if _is_readable(self._status, _REPORT_SECONDS) else b""
        if len(report) < wire.EXIT.size:
            failure = self._explain() or "the zygote lives and did not say how a process of it ended"
            return Ending(hung_up=hung_up, page_tables=self._page_tables, failure=failure)
        wait_status, peak, used_up = wire.EXIT.unpack(report)
        ending = Ending(wait_status, peak * 1024, hung_up, self._page_tables)
        explained = self._killed or used_up
        return self._add_evidence(ending) if was_killed(wait_status) and not explained else ending

    def _add_evidence(self, ending: Ending) -> Ending:
        """Say what is known of a SIGKILL that this side did not send.

        Behind the system-call filter no code can send one, and none can lower the limit of CPU time that ends
        in one.
        """
        out_of_memory = _kills.rose_since(self._started)
        failure = "it was killed by a signal 9 from outside, which nothing in it can send"
        if out_of_memory:
            failure = f"the kernel ran out of memory and killed it, when it had {ending.peak / 2**20:.0f} MB"
        return replace(ending, out_of_memory=out_of_memory, failure=failure)

    def kill(self) -> None:
        self._killed = True
        self._signal(signal.SIGKILL)

    def suspend(self) -> None:
        """Stop the child between two runs of a session, when it has nothing to do."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself
                signal.pidfd_send_signal(self._pidfd, number)

    def close(self) -> None:
        """Kill the process and let go of everything; the zygote reaps it."""
        self.kill()
        self._channel.close()
        for fd in (self._status, self._stdout, self._pidfd):
            if fd is not None:
                os.close(fd)
        self._pidfd = None


def _is_readable(fd: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))

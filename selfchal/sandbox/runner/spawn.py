"""The host's end of a zygote: start it, have it fork, talk to the children. Standard library only.

The docker sandbox runs this same file inside its container, in front of a zygote there.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import wire
from .frames import ChannelClosedError, Frames

START_SECONDS = 60.0  # for a machine under heavy load
_HANG_UP_SECONDS = 5.0
_CHUNK = 2**16
# Libraries bind at once: what each child would look up anew is found before the fork.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "LD_BIND_NOW": "1"}
_EXIT_SIZE = 4


class ZygoteError(Exception):
    """A zygote could not be started, or is gone."""


@dataclass(frozen=True)
class ZygoteSettings:
    """``tier`` A, B or C; ``clock`` (epoch seconds) and ``seed`` None for the real ones."""

    tier: str
    hash_seed: int = 0
    clock: float | None = None
    seed: int | None = None


class Zygote:
    """A running zygote. ``fork`` may be called from several threads."""

    def __init__(self, settings: ZygoteSettings) -> None:
        """Start and wait until it is locked down. Raises ZygoteError with the step that failed."""
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = here
        folder = str(Path(__file__).parent.parent)
        options = {
            "control": there.fileno(),
            "tier": settings.tier,
            "clock": settings.clock,
            "seed": settings.seed,
        }
        program = f"import sys; sys.path.insert(0, {folder!r}); from runner.zygote import main; main()"
        self._process = subprocess.Popen(
            [_find_interpreter(), "-P", "-s", "-S", "-B", "-X", "utf8", "-c", program, json.dumps(options)],
            env={"PYTHONHASHSEED": str(settings.hash_seed), **_ENVIRONMENT},
            pass_fds=(there.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
        there.close()
        self.report = self._read_first_report()

    def _read_first_report(self) -> dict[str, object]:
        self._control.settimeout(START_SECONDS)
        try:
            data = self._control.recv(_CHUNK)
        except OSError as error:
            data = json.dumps({"error": f"no answer: {error}"}).encode()
        report: dict[str, object] = json.loads(data) if data else {"error": self._read_last_words()}
        if "error" in report:
            self.close()
            raise ZygoteError(str(report["error"]))
        self._control.settimeout(_HANG_UP_SECONDS)
        return report

    def _read_last_words(self) -> str:
        assert self._process.stderr is not None
        return self._process.stderr.read()[-2000:].decode(errors="replace") or "it ended without a word"

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self) -> Child:
        """Ask for a child; it gets ready in the background.

        Raises ZygoteError when the zygote is gone or this process has no descriptors left.
        """
        try:
            with contextlib.ExitStack() as undo, contextlib.ExitStack() as given:
                channel, far_channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
                undo.callback(channel.close)
                given.callback(far_channel.close)
                status, far_status = os.pipe()
                undo.callback(os.close, status)
                given.callback(os.close, far_status)
                stdout = os.memfd_create("stdout")
                undo.callback(os.close, stdout)
                socket.send_fds(self._control, [b"F"], [far_channel.fileno(), far_status, stdout])
                undo.pop_all()
        except OSError as error:
            raise ZygoteError(f"no child can be asked for: {error}") from error
        return Child(channel, status, stdout)

    def close(self) -> None:
        """Hang up: the zygote and all its children end; waits for that."""
        self._control.close()
        try:
            self._process.wait(_HANG_UP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


def _find_interpreter() -> str:
    """The interpreter itself, not a virtual environment's link to it: nothing but the standard library."""
    return getattr(sys, "_base_executable", "") or sys.executable


class Child:
    """The host's end of one child: frames, what it printed, how it ended. For one thread at a time."""

    def __init__(self, channel: socket.socket, status: int, stdout: int) -> None:
        self._channel = channel
        self._frames = Frames(channel)
        self._status = status
        self._stdout = stdout
        self._pidfd: int | None = None
        self._locked_down = False

    def wait_ready(self, deadline: float) -> None:
        """Wait for the child's lock-down. Raises ChannelClosedError or ChannelTimeoutError."""
        while not self._locked_down or self._pidfd is None:
            self._frames.wait_readable(deadline)
            data, descriptors, _, _ = socket.recv_fds(self._channel, 2, 1)
            if descriptors:
                self._pidfd = descriptors[0]
            if not data:
                raise ChannelClosedError
            self._locked_down = self._locked_down or wire.READY in data

    def fileno(self) -> int:
        return self._channel.fileno()

    def read_some(self, cap: int) -> bytes:
        """Whatever bytes are there; none when the child hung up. For a relay, which knows no frames."""
        try:
            return self._channel.recv(cap)
        except OSError:
            return b""

    def write_some(self, data: bytes | bytearray) -> int | None:
        """How many bytes went out now; None when the child hung up. For a relay."""
        try:
            return self._channel.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return None

    def send(self, payload: bytes, deadline: float) -> None:
        """One frame. Raises ChannelClosedError or ChannelTimeoutError."""
        self._frames.send(payload, deadline)

    def receive(self, deadline: float, cap: int) -> bytes:
        """One frame. Raises ChannelClosedError, ChannelTimeoutError or FrameTooLargeError."""
        return self._frames.receive(deadline, cap)

    def quiet(self) -> bool:
        return self._frames.quiet()

    def stdout(self, cap: int) -> bytes:
        """The first ``cap`` bytes of what it printed since the last ``forget_stdout``."""
        return os.pread(self._stdout, cap, 0)

    def forget_stdout(self) -> None:
        os.ftruncate(self._stdout, 0)
        os.lseek(self._stdout, 0, os.SEEK_SET)

    def exit_status(self, seconds: float) -> int | None:
        """The wait status, as ``os.waitpid`` gives it; None when the zygote could not tell."""
        poll = select.poll()
        poll.register(self._status, select.POLLIN)
        poll.poll(seconds * 1000)
        os.set_blocking(self._status, False)
        try:
            data = os.read(self._status, _EXIT_SIZE)
        except BlockingIOError:
            return None
        return int.from_bytes(data, "big", signed=True) if len(data) == _EXIT_SIZE else None

    def kill(self) -> None:
        if self._pidfd is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def close(self) -> None:
        """Kill the process and let go of everything; the zygote reaps it."""
        self.kill()
        self._channel.close()
        for fd in (self._status, self._stdout, self._pidfd):
            if fd is not None:
                os.close(fd)
        self._pidfd = None

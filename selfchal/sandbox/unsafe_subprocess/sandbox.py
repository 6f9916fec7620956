"""``sandbox: {name: unsafe-subprocess, allow: true}``: runs code as you, with your files and your network.

It exists for machines without a real sandbox and for code that somebody has read. It needs the option
and SELFCHAL_ALLOW_UNSAFE=1 both, so that no manifest alone can switch it on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from selfchal.core.errors import SandboxUnavailableError
from selfchal.core.sandbox import GUARANTEES, Guarantees, Level
from selfchal.sandbox.channel_sandbox import ChannelSandbox, cores
from selfchal.sandbox.protocol import InfrastructureError
from selfchal.sandbox.runner import wire
from selfchal.sandbox.runner.ending import Ending, OutOfMemoryKills, was_killed
from selfchal.sandbox.runner.forked import DYING_SECONDS
from selfchal.sandbox.runner.frames import ChannelClosedError, ChannelTimeoutError, Frames
from selfchal.sandbox.runner.printed import forget_printed, read_printed

_kills = OutOfMemoryKills()
VARIABLE = "SELFCHAL_ALLOW_UNSAFE"
_PROGRAM = "import sys; sys.path.insert(0, {!r}); from runner.bare import main; main()"
_READY_SECONDS = 60.0  # a machine that does other things too starts an interpreter late
_HELD = {"wall_time": Level.FULL, "memory": Level.PARTIAL, "cpu": Level.PARTIAL, "determinism": Level.PARTIAL}
WARNING = "UNSAFE: code ran as a plain subprocess, with the files, the network and the rights of the user"


class UnsafeSubprocessConfig(BaseModel):
    """Options of unsafe-subprocess."""

    model_config = ConfigDict(extra="forbid")

    allow: bool = Field(False, description=f"must be true, and {VARIABLE}=1 set, or nothing runs")
    parallel: int = Field(
        0, ge=0, le=10_000, description="executions that run at the same time; 0: one for each core"
    )


class UnsafeSubprocessSandbox(ChannelSandbox):
    """An interpreter for each execution, behind rlimits only: for code that you trust."""

    name: ClassVar[str] = "unsafe-subprocess"
    Config: ClassVar[type[BaseModel]] = UnsafeSubprocessConfig

    def __init__(self, config: UnsafeSubprocessConfig) -> None:
        """Raises SandboxUnavailableError unless both switches are on."""
        if not config.allow or os.environ.get(VARIABLE) != "1":
            raise SandboxUnavailableError(
                "unsafe-subprocess runs untrusted code with all your rights; if you want that, set "
                f"'allow: true' in the sandbox section and {VARIABLE}=1 in the environment, or use sandbox "
                "'process' or 'docker'"
            )
        warnings.warn(WARNING, stacklevel=2)
        super().__init__(config.parallel or cores())
        levels = {name: _HELD.get(name, Level.NONE) for name in GUARANTEES}
        self.guarantees = Guarantees("unsafe-subprocess", "none", levels, WARNING)

    def _take(self, hash_seed: int) -> PlainChild:
        child = PlainChild(hash_seed)
        try:
            child.wait_ready(time.monotonic() + _READY_SECONDS)
        except (ChannelClosedError, ChannelTimeoutError) as error:
            child.close()
            raise InfrastructureError("the interpreter did not start") from error
        return child

    def _end(self) -> None:
        """Nothing: each process ends with its run or session."""


class PlainChild:
    """The host's end of one plain subprocess, as ``converse`` wants it."""

    def __init__(self, hash_seed: int) -> None:
        here, there = socket.socketpair()
        self._frames = Frames(here)
        self._started = 0.0
        self._stdout = tempfile.TemporaryFile()  # noqa: SIM115 — closed in close()
        folder = str(Path(__file__).parent.parent)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-S", "-B", "-c", _PROGRAM.format(folder), str(there.fileno())],
            env={"PYTHONHASHSEED": str(hash_seed), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            pass_fds=(there.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=self._stdout,
            stderr=self._stdout,
            start_new_session=True,
            cwd=tempfile.gettempdir(),
        )
        there.close()

    def wait_ready(self, deadline: float) -> None:
        """Wait for the interpreter, whose start is not the code's time. Raises ChannelClosedError,
        ChannelTimeoutError."""
        self._frames.wait_readable(deadline)
        if self._frames.socket.recv(1) != wire.READY:
            raise ChannelClosedError

    def send(self, payload: bytes, deadline: float) -> None:
        self._frames.send(payload, deadline)

    def receive(self, deadline: float, cap: int) -> bytes:
        return self._frames.receive(deadline, cap)

    def quiet(self) -> bool:
        return self._frames.quiet()

    def stdout(self, cap: int) -> bytes:
        return read_printed(self._stdout.fileno(), cap)

    def forget_stdout(self) -> None:
        forget_printed(self._stdout.fileno())

    def watch(self, memory: int) -> None:
        """Nothing is watched: the memory limit of this sandbox is a partial one."""
        self._started = time.monotonic()

    def ending(self) -> Ending:
        """A process without walls can kill itself: only the kernel's own count speaks for somebody else."""
        hung_up = False
        try:
            code = self._process.wait(DYING_SECONDS)
        except subprocess.TimeoutExpired:
            hung_up = True
            self.kill()
            code = self._process.wait()
        wait_status = -code if code < 0 else code << 8
        ending = Ending(wait_status, hung_up=hung_up)
        if hung_up or not was_killed(wait_status) or not _kills.rose_since(self._started):
            return ending
        return replace(ending, out_of_memory=True, failure="the kernel ran out of memory and killed it")

    def suspend(self) -> None:
        self._signal_group(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_group(signal.SIGCONT)

    def kill(self) -> None:
        """The whole group, since this sandbox cannot keep code from making processes."""
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # none left, or a zombie (macOS)
            os.killpg(self._process.pid, number)

    def close(self) -> None:
        self.kill()
        self._process.wait()
        self._frames.socket.close()
        self._stdout.close()

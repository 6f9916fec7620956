"""The host's end of a zygote: start it, have it fork, end it. Standard library only.

The docker sandbox runs this same file inside its container, in front of a zygote there.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from dataclasses import asdict, dataclass

from . import boot
from .ending import describe_code, describe_os_error
from .forked import Child

START_SECONDS = 60.0  # for a machine under heavy load
_HANG_UP_SECONDS = 5.0
_DYING_SECONDS = 1.0
_CHUNK = 2**16
# Libraries bind at once: what each child would look up anew is found before the fork.
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "LD_BIND_NOW": "1"}


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
        self._hung_up = False
        try:
            with contextlib.ExitStack() as undo:
                here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                undo.callback(here.close)
                with there:
                    self._process = _start_process(settings, there.fileno())
                undo.pop_all()
        except OSError as error:
            raise ZygoteError(f"no interpreter can be started: {describe_os_error(error)}") from error
        self._control = here
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

    def explain_end(self) -> str:
        """How it ended or was ended; nothing when it lives on."""
        if self._hung_up:
            return "the sandbox was closed"
        try:
            code = self._process.wait(_DYING_SECONDS)
        except subprocess.TimeoutExpired:
            return ""
        return f"the zygote (process {self.pid}) ended with {describe_code(code)}"

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
            raise ZygoteError(f"no child can be asked for: {describe_os_error(error)}") from error
        return Child(channel, status, stdout, self.explain_end)

    def close(self) -> None:
        """Hang up: the zygote and all its children end; waits for that."""
        self._hung_up = True
        self._control.close()
        try:
            self._process.wait(_HANG_UP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


def _start_process(settings: ZygoteSettings, control: int) -> subprocess.Popen[bytes]:
    """Raises OSError."""
    program = boot.write_program({**asdict(settings), "control": control})
    options = ("-P", "-s", "-S", "-B", "-X", "utf8", "-c", boot.PROGRAM)
    try:
        return subprocess.Popen(
            [boot.find_interpreter(), *options, str(program)],
            env={"PYTHONHASHSEED": str(settings.hash_seed), **_ENVIRONMENT},
            pass_fds=(control, program),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )
    finally:
        os.close(program)

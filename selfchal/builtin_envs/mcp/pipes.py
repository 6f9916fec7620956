"""A server that is a program on this machine (stdio): started, its tools called, ended.

The SDK shakes hands with it and lists its tools. After that a call is a line of JSON that the calling thread
writes, and a line that it reads: through the SDK's event loop it costs 2.5 ms more of this process's time.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfchal.builtin_envs.mcp.background import LAUNCHER, background
from selfchal.builtin_envs.mcp.configuration import ServerEntry
from selfchal.builtin_envs.mcp.connection import (
    MOST_CHARACTERS,
    START_SECONDS,
    Answer,
    ListedTool,
    find_cause,
    parse_message,
    read_answer,
)
from selfchal.builtin_envs.mcp.handshake import shake_hands
from selfchal.builtin_envs.mcp.lines import Lines
from selfchal.core.errors import EnvironmentDataError
from selfchal.core.world import Json

_END_SECONDS = 2.0  # a server gets that long to end by itself once nobody writes to it any more
_MARGIN_SECONDS = 2.0  # that the handshake is waited for longer than it may take
_FIRST_NUMBER = 10_000  # of a request; the SDK's own have smaller ones
_NO_SUCH_METHOD = -32601


class PipeConnection:
    """See ``Connection``."""

    def __init__(self, entry: ServerEntry, folder: Path, timeout: float) -> None:
        """Raises EnvironmentDataError where the server does not come up.

        ``entry`` has its variables filled in; ``folder`` is the server's own and is removed at the end.
        """
        self._entry, self.folder, self._timeout = entry, folder, timeout
        self._start_timeout = max(timeout, START_SECONDS)
        self._background = background()
        self._numbers = itertools.count(_FIRST_NUMBER)
        try:
            self._process = self._start()
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise EnvironmentDataError(self._explain(error)) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._lines = Lines(self._process.stdin.fileno(), self._process.stdout.fileno())
        self._closer = self._background.add_closer(self.close)
        try:
            self._meta, self.tools = self._shake_hands()
        except Exception as error:
            said = self._read_errors()
            self.close()
            raise EnvironmentDataError(self._explain(error, said)) from error

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def call(self, tool: str, arguments: Mapping[str, Json]) -> Answer:
        """Raises ServerDiedError, ServerTimeoutError."""
        until = time.monotonic() + self._timeout
        number = next(self._numbers)
        params = {"name": tool, "arguments": dict(arguments), **self._meta}
        self._send({"id": number, "method": "tools/call", "params": params}, until)
        while True:
            said = self._receive(until)
            if "method" in said:
                self._refuse(said, until)
            elif said.get("id") == number:
                break
        if isinstance(said.get("result"), dict):
            return read_answer(said["result"])
        error = said.get("error")
        return Answer(str(error.get("message") if isinstance(error, dict) else error), ok=False)

    def kill(self) -> None:
        _kill_group(self._process.pid)

    def close(self) -> None:
        self._background.remove_closer(self._closer)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        _kill_group(self._process.pid)  # also what the server itself started
        self._process.wait()
        self._process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> subprocess.Popen[bytes]:
        from mcp.client.stdio import get_default_environment

        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(self.folder / "pid")]
        with (self.folder / "stderr").open("wb") as errors:
            return subprocess.Popen(
                [*launcher, self._entry.command, *self._entry.args],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                env={**get_default_environment(), **self._entry.env},
                cwd=self._entry.cwd,
                start_new_session=True,
            )

    def _shake_hands(self) -> tuple[dict[str, Json], list[ListedTool]]:
        """What stands in every later request, and the tools."""
        done = self._background.submit(shake_hands(self._lines, self._start_timeout))
        try:
            return done.result(self._start_timeout + _MARGIN_SECONDS)
        except BaseExceptionGroup as group:
            raise find_cause(group) from group

    def _send(self, message: Mapping[str, Json], until: float) -> None:
        self._lines.send(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n", until)

    def _receive(self, until: float) -> dict[str, Any]:
        """The next message; a line that is none is what a server prints for people."""
        while True:
            try:
                said = parse_message(self._lines.next(until))
            except (ValueError, RecursionError):
                continue
            if isinstance(said, dict):
                return said

    def _refuse(self, said: Mapping[str, Any], until: float) -> None:
        """Answer what the server asks of its client: a ping, or else what nobody is here to give."""
        if "id" not in said:
            return  # a notification
        if said["method"] == "ping":
            answer: dict[str, Json] = {"result": {}}
        else:
            answer = {"error": {"code": _NO_SUCH_METHOD, "message": f"this client has no {said['method']}"}}
        self._send({"id": said["id"], **answer}, until)

    def _read_errors(self) -> str:
        """The last that the server wrote for people to read."""
        return (self.folder / "stderr").read_text("utf-8", "replace").strip()[-MOST_CHARACTERS:]

    def _explain(self, error: Exception, said: str = "") -> str:
        entry, start = self._entry, f"server {self._entry.name!r} does not start"
        if entry.cwd is not None and not Path(entry.cwd).is_dir():
            return f"{start}: its cwd {entry.cwd} is no directory"
        if not _is_program(entry):
            return (
                f"{start}: there is no program {entry.command!r}; install it, or write its whole path as "
                "command"
            )
        late = f"it did not answer within {self._start_timeout:g} s"
        why = late if isinstance(error, TimeoutError) else str(error)
        return (
            f"{start} ({entry.command}): {why or type(error).__name__}"
            f"{f'; it wrote: {said}' if said else ''}. Start it by hand to see more"
        )


def _is_program(entry: ServerEntry) -> bool:
    """Whether there is a program of that name: on the path, or where the server is started."""
    where = Path(entry.cwd or ".") / entry.command
    return where.is_file() or shutil.which(entry.command, path=entry.env.get("PATH")) is not None


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # it is gone

"""A stranger's program: a process of its own that answers lines of JSON, without a network unless given one.

The guardian of ``builtin_envs.mcp`` ends it when this process is gone. Of this process's environment
variables it gets those that a program needs to start, and no key.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from selfchal.builtin_envs.mcp.background import LAUNCHER
from selfchal.builtin_envs.mcp.connection import MOST_CHARACTERS, ServerDiedError
from selfchal.builtin_envs.mcp.lines import Lines
from selfchal.core.world import Json

PROGRAMS = Path(__file__).parent / "programs"
_WITHOUT_NETWORK = PROGRAMS / "without_network.py"
_NOT_ALLOWED = 77  # of without_network.py
_NEEDED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


class LineProgram:
    """Not thread-safe but for ``kill``."""

    def __init__(self, command: Sequence[str], folder: Path, network: bool) -> None:
        """Start it. ``folder`` is its own, and is removed at its end."""
        self._errors = folder / "stderr"
        cut = [] if network else [sys.executable, "-I", "-S", str(_WITHOUT_NETWORK)]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCHER), str(folder / "pid"), *cut, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                env={name: os.environ[name] for name in _NEEDED if name in os.environ},
                cwd=folder,
                start_new_session=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._lines = Lines(self._process.stdin.fileno(), self._process.stdout.fileno())

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: Mapping[str, Json], seconds: float) -> Mapping[str, Json]:
        """Its answer. Raises ServerDiedError, ServerTimeoutError."""
        until = time.monotonic() + seconds
        try:
            self._lines.send(json.dumps(request).encode() + b"\n", until)
            answer = json.loads(self._lines.next(until), parse_constant=str)
        except ServerDiedError as error:
            raise ServerDiedError(self._explain_end("it ended, or answered without end")) from error
        except (ValueError, RecursionError) as error:
            raise ServerDiedError(self._explain_end(str(error))) from error
        if not isinstance(answer, dict):
            raise ServerDiedError("it answers with what is no object")
        return answer

    def _explain_end(self, otherwise: str) -> str:
        with suppress(subprocess.TimeoutExpired):
            if self._process.wait(1) == _NOT_ALLOWED:
                return "this machine cannot cut a program off the network; network: true runs it with one"
        with self._errors.open("rb") as file:
            file.seek(max(0, self._errors.stat().st_size - 4 * MOST_CHARACTERS))
            said = file.read(4 * MOST_CHARACTERS).decode(errors="replace").strip()
        return said[-MOST_CHARACTERS:] or otherwise

    def kill(self) -> None:
        """End it, and all that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()

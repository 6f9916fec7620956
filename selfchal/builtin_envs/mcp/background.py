"""The event loop of the SDK, in a thread of its own: worlds are synchronous, the SDK is not.

It also owns the folder in which private copies lie, and a guardian: a small program that ends the servers
and removes the folder when this process is gone, however it ended.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import itertools
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from selfchal.core.errors import EnvironmentDataError

T = TypeVar("T")
_PROGRAMS = Path(__file__).parent / "programs"
LAUNCHER = _PROGRAMS / "launcher.py"
_GUARDIAN = _PROGRAMS / "guardian.py"
_CLOSE_SECONDS = 10.0


class Background:
    """One a process, started with the first connection."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="selfchal-mcp-"))
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARDIAN), str(self.folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._numbers = itertools.count()
        self._closed = False
        self._closers: dict[int, Callable[[], None]] = {}
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="mcp", daemon=True).start()

    def make_folder(self) -> Path:
        """A new folder for one server process. Raises EnvironmentDataError once this program ends: a thread
        that sees its server ended must not start another."""
        if self._closed:
            raise EnvironmentDataError("no server is started any more, since this program ends")
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        return folder

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Begin this on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def add_closer(self, close: Callable[[], None]) -> int:
        """Call ``close`` at the end, unless the number that is returned is taken back."""
        number = next(self._numbers)
        self._closers[number] = close
        return number

    def remove_closer(self, number: int) -> None:
        self._closers.pop(number, None)

    def close(self) -> None:
        """End every connection, then the guardian, which ends what is left and removes the folder."""
        self._closed = True
        for close in list(self._closers.values()):
            close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        assert self._guardian.stdin is not None
        self._guardian.stdin.close()
        self._guardian.wait(_CLOSE_SECONDS)


_lock = threading.Lock()
_started: list[Background] = []


def background() -> Background:
    """This process's own."""
    with _lock:
        if not _started:
            _started.append(Background())
            atexit.register(close_background)
        return _started[0]


def close_background() -> None:
    """End all servers of this process and remove what they left. A later use starts anew."""
    with _lock:
        while _started:
            _started.pop().close()

"""Lines to and from a process, over its pipes, each with a time until which it is waited for."""

from __future__ import annotations

import math
import os
import select
import time
from collections import deque

from selfchal.builtin_envs.mcp.connection import ServerDiedError, ServerTimeoutError

_CHUNK = 2**20
_MOST_BYTES = 64 * 2**20  # that may wait to be read, a line that does not end among them


class Lines:
    """Not thread-safe. ``until`` is a time of ``time.monotonic()``.

    A server that writes 64 MiB which nobody asked for, or a line of so many, counts as gone.
    """

    def __init__(self, writes: int, reads: int) -> None:
        """``writes`` and ``reads`` are the descriptors of this side's ends of the pipes."""
        self.reads, self._writes = reads, writes
        os.set_blocking(writes, False)
        os.set_blocking(reads, False)
        self._lines: deque[bytes] = deque()
        self._begun: list[bytes] = []  # of a line whose end has not come yet
        self._size = 0  # bytes of both
        self._incoming = select.poll()
        self._incoming.register(reads, select.POLLIN)
        self._both = select.poll()
        self._both.register(reads, select.POLLIN)
        self._both.register(writes, select.POLLOUT)

    def send(self, line: bytes, until: float) -> None:
        """Raises ServerDiedError, ServerTimeoutError."""
        left = memoryview(line)
        while left:
            try:
                left = left[os.write(self._writes, left) :]
            except BlockingIOError:
                _wait(self._both, until)
                self._read()  # a server that waits until it is read from does not read either
            except OSError as error:
                raise ServerDiedError from error

    def next(self, until: float) -> bytes:
        """Raises ServerDiedError, ServerTimeoutError."""
        while not self._lines:
            _wait(self._incoming, until)
            self._read()
        line = self._lines.popleft()
        self._size -= len(line) + 1
        return line

    def take(self) -> list[bytes]:
        """The lines that are there, without waiting. Raises ServerDiedError."""
        self._read()
        taken = list(self._lines)
        self._lines.clear()
        self._size = sum(map(len, self._begun))
        return taken

    def _read(self) -> None:
        try:
            chunk = os.read(self.reads, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            raise ServerDiedError from error
        self._size += len(chunk)
        if not chunk or self._size > _MOST_BYTES:
            raise ServerDiedError
        first, *others = chunk.split(b"\n")
        self._begun.append(first)
        for other in others:
            self._lines.append(b"".join(self._begun))
            self._begun = [other]


def _wait(poll: select.poll, until: float) -> None:
    seconds = until - time.monotonic()
    if seconds <= 0 or not poll.poll(math.ceil(1000 * seconds)):
        raise ServerTimeoutError

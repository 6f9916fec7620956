"""A file of calls, to which several programs append while they act in one world.

An MCP server and a shell command of the same container are two processes. The file is what they share: each
first makes the calls that others have appended, then its own, and appends it, under a lock. Whoever has the
file can make all of the calls again.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selfchal.core.errors import StoreError
from selfchal.core.world import Json
from selfchal.serving.session import Observation, ToolCall, WorldSession
from selfchal.serving.strict_json import read_json
from selfchal.text_files import read_text_bytes

MOST_BYTES = 64 * 2**20  # of a file of calls
MOST_CALLS = 100_000


class UnreadableCallsError(StoreError):
    """A file of calls holds something else."""


def parse_call(row: Json) -> ToolCall:
    """The call in a row {"name": …, "kwargs": {…}}. Raises ValueError, which says what is wrong."""
    if not (isinstance(row, dict) and isinstance(row.get("name"), str)):
        raise ValueError('write {"name": "<tool>", "kwargs": {…}}')
    arguments = row.get("kwargs", {})
    if not isinstance(arguments, dict) or row.keys() - {"name", "kwargs"}:
        raise ValueError("a call has a name and kwargs, which is an object, and nothing else")
    return ToolCall(row["name"], arguments)


def parse_calls(data: bytes, where: str, first: int = 1) -> Iterator[ToolCall]:
    """The calls of lines of JSON, of which the first has this number. Raises UnreadableCallsError."""
    for number, line in enumerate(data.split(b"\n"), start=first):
        if not line.strip():
            continue
        try:
            yield parse_call(read_json(line))
        except ValueError as error:
            raise UnreadableCallsError(f"{where}, line {number}: {error}") from error


def read_calls(path: Path) -> list[ToolCall]:
    """All calls of a file; none where there is no file. Raises UnreadableCallsError."""
    try:
        data = read_text_bytes(path, MOST_BYTES)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnreadableCallsError(f"cannot read the calls in {path}: {error}") from error
    calls = list(parse_calls(data, str(path)))
    if len(calls) > MOST_CALLS:
        raise UnreadableCallsError(f"{path} holds {len(calls):,} calls; {MOST_CALLS:,} are the most")
    return calls


class SharedSession:
    """A session whose calls are those of a file. Not thread-safe; other processes may use the file."""

    def __init__(self, path: Path, open_session: Callable[[], WorldSession]) -> None:
        self._path = path
        self._open_session = open_session
        self._session = open_session()
        self._read = 0  # bytes of the file that this session has made

    def call(self, call: ToolCall) -> Observation:
        """Make a call on the world that all calls of the file have left, and append it.

        What could not be read from the file again is refused, and leaves no trace.
        Raises StoreError where the file cannot be read or written.
        """
        if fault := call.find_fault():
            return Observation(fault, ok=False)
        try:
            with self._locked() as file:
                self._catch_up(file)
                self._append(file, json.dumps(call.to_json()).encode() + b"\n")
                return self._session.call(call)
        except OSError as error:
            raise StoreError(f"cannot record a call in {self._path}: {error}") from error

    def _append(self, file: int, line: bytes) -> None:
        """Write the line, or nothing of it where the disk is full."""
        if os.write(file, line) != len(line):
            os.ftruncate(file, self._read)
            raise OSError(errno.ENOSPC, "the disk is full")
        self._read += len(line)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        import fcntl  # Windows has none, where other commands import this module

        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def _catch_up(self, file: int) -> None:
        """Make what others have appended; from the beginning where the file was cut."""
        size = os.fstat(file).st_size
        if size > MOST_BYTES:
            raise UnreadableCallsError(f"{self._path} has more than {MOST_BYTES:,} bytes")
        if size < self._read:
            self._session, self._read = self._open_session(), 0
        appended = os.pread(file, size - self._read, self._read)
        for call in parse_calls(appended, f"{self._path}, from byte {self._read}"):
            self._session.call(call)
        self._read = size

"""A few workers that compile, started when they are needed, and what they have compiled before."""

from __future__ import annotations

import atexit
import contextlib
import marshal
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Self

from selfchal.core.errors import SandboxError
from selfchal.core.sandbox import MAX_SOURCE
from selfchal.sandbox.compiling.outcome import Compiled, Refused
from selfchal.sandbox.compiling.worker.messages import CPU_SECONDS, HEADER
from selfchal.sandbox.runner.ending import describe_code, describe_os_error

_FOLDER = str(Path(__file__).parent)
_PROGRAM = f"import sys; sys.path.insert(0, {_FOLDER!r}); from worker.program import main; main()"
# A machine that is busy with other things answers late; what the worker itself takes ends by its own timer.
_PATIENCE_SECONDS = 30.0
_ATTEMPTS = 3
MOST_REMEMBERED = 16 * 2**20  # bytes of sources and of what became of them
_ENTRY_BYTES = 200  # an entry costs that much beside its texts (tracemalloc, CPython 3.11: 180)
_WORKERS = 2
_REASON_CAP = 500


class CompileService:
    """At most ``workers`` processes; for any number of threads."""

    def __init__(self, workers: int = _WORKERS) -> None:
        """Nothing starts before the first source."""
        self._slots = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._remembered = _Remembered()
        self._closed = False

    def compile_source(self, source: str) -> Compiled | Refused:
        """Compiled, or why not. Raises SandboxError where no worker can be had."""
        if len(source) > MAX_SOURCE:
            return Refused(f"is {len(source):,} characters long; at most {MAX_SOURCE:,} are read")
        if outcome := self._remembered.get(source):
            return outcome
        try:
            data = source.encode("utf-8")
        except UnicodeEncodeError as error:
            return Refused(f"does not compile: {type(error).__name__}: {str(error)[:200]}")
        with self._slots:
            outcome = self._ask(data)
        self._remembered.put(source, outcome)
        return outcome

    def _ask(self, data: bytes) -> Compiled | Refused:
        failure = "the service is closed"
        for _ in range(_ATTEMPTS):
            worker = self._take()
            try:
                outcome = worker.ask(data)
            except _WorkerError as error:
                failure = str(error)
                worker.close()
                continue
            except BaseException:
                worker.close()
                raise
            self._give_back(worker)
            return outcome
        raise SandboxError(f"source cannot be compiled on this machine: {failure}")

    def _take(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise SandboxError("source cannot be compiled: the service is closed")
            if self._idle:
                return self._idle.pop()
        try:
            return _Worker()
        except OSError as error:
            reason = f"no process can be started to compile source: {describe_os_error(error)}"
            raise SandboxError(reason) from error

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            if worker.usable and not self._closed:
                self._idle.append(worker)
                return
        worker.close()

    def close(self) -> None:
        """End every worker that is idle; one that is not ends when it has answered."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _WorkerError(Exception):
    """A worker died or fell silent, and not of its source."""


class _Worker:
    """One process. For one thread at a time."""

    def __init__(self) -> None:
        """Raises OSError."""
        self.usable = True
        # As ``-I``, which would ignore the hash seed: equal sources become equal bytes.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-S", "-c", _PROGRAM],
            env={"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
        )

    def ask(self, source: bytes) -> Compiled | Refused:
        """Raises _WorkerError."""
        assert self._process.stdin is not None
        deadline = time.monotonic() + _PATIENCE_SECONDS
        with contextlib.suppress(BrokenPipeError):  # it has died: nothing will be answered
            self._process.stdin.write(HEADER.pack(len(source)) + source)
        header = self._read(HEADER.size, deadline)
        answer = self._read(HEADER.unpack(header)[0], deadline) if header else b""
        if not answer:
            self.usable = False
            return self._explain_end()
        kind, value = marshal.loads(answer)
        self.usable = kind != "memory"
        return Compiled(value) if kind == "code" else Refused(value, too_complex=kind != "refused")

    def _read(self, size: int, deadline: float) -> bytes:
        """So many bytes; none when it has ended. Raises _WorkerError when it stays silent."""
        assert self._process.stdout is not None
        fd, data = self._process.stdout.fileno(), bytearray()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        while len(data) < size:
            if not poll.poll(max(deadline - time.monotonic(), 0.0) * 1000):
                raise _WorkerError(f"the compiling process gave no answer for {_PATIENCE_SECONDS:.0f} s")
            piece = os.read(fd, size - len(data))
            if not piece:
                return b""
            data += piece
        return bytes(data)

    def _explain_end(self) -> Refused:
        """Of its own timer or of its stack: the source's doing. Of anything else: raises _WorkerError."""
        code = self._process.wait()
        if code == -signal.SIGPROF:
            return Refused(f"it takes longer than {CPU_SECONDS:g} s to compile", too_complex=True)
        if code in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS):
            return Refused(f"the compiler does not survive it (signal {-code})", too_complex=True)
        assert self._process.stderr is not None
        said = self._process.stderr.read()[-_REASON_CAP:].decode("utf-8", "replace").strip()
        raise _WorkerError(f"the compiling process ended with {describe_code(code)}: {said or 'no reason'}")

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()


class _Remembered:
    """The last outcomes, up to a number of bytes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: OrderedDict[str, Compiled | Refused] = OrderedDict()
        self._size = 0

    def get(self, source: str) -> Compiled | Refused | None:
        with self._lock:
            outcome = self._outcomes.get(source)
            if outcome is not None:
                self._outcomes.move_to_end(source)
            return outcome

    def put(self, source: str, outcome: Compiled | Refused) -> None:
        with self._lock:
            if source in self._outcomes:
                return
            self._outcomes[source] = outcome
            self._size += _measure(source, outcome)
            while self._size > MOST_REMEMBERED:
                self._size -= _measure(*self._outcomes.popitem(last=False))


def _measure(source: str, outcome: Compiled | Refused) -> int:
    outcome_bytes = len(outcome.code) if isinstance(outcome, Compiled) else 500
    return sys.getsizeof(source) + outcome_bytes + _ENTRY_BYTES


_shared: list[CompileService] = []
_shared_lock = threading.Lock()


def compile_source(source: str) -> Compiled | Refused:
    """By the service that all of this process shares. Raises SandboxError where no worker can be had."""
    with _shared_lock:
        if not _shared:
            _shared.append(CompileService())
        service = _shared[0]
    return service.compile_source(source)


def close_shared_service() -> None:
    """End the workers of this process and forget what they compiled; the next source starts others."""
    while _shared:
        _shared.pop().close()


atexit.register(close_shared_service)
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_shared.clear)  # the workers' pipes are the parent's

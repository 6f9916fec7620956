"""A worker in a process of its own, seen from the run: started, called over sockets, ended.

The process ends when its stdin does, and so with the run, however that ends. Each call has a connection to
itself while it lasts, so any number may be under way.
"""

from __future__ import annotations

import pickle
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from selfchal.builtin_engines.serve_worker import Failed, Ready, Start
from selfchal.builtin_engines.worker_pool import pickle_spec
from selfchal.core.engine import WorkerSpec
from selfchal.core.errors import EngineError
from selfchal.rollout.remote_scene import WorkerLostError

PROGRAM = "from selfchal.builtin_engines.serve_worker import main; main()"
PATIENCE = 10.0  # seconds that a process has to end by itself


class WorkerProcess:
    """``selfchal.rollout.remote_scene.HostCalls`` to the worker of a process."""

    def __init__(self, spec: WorkerSpec) -> None:
        """Start it, and do not wait. Raises EngineError where the spec cannot go to another process."""
        self.scenes = 0  # that live there, or tasks that are judged
        self.served = False  # has it ever been ready
        self.refused = False
        self.end_reason = ""
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._directory = tempfile.TemporaryDirectory(prefix="selfchal-worker-")
        self._address = str(Path(self._directory.name) / "socket")
        self._key = secrets.token_bytes(32)
        start = Start(tuple(sys.path), self._address, self._key, pickle_spec(spec))
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the run's to answer
        )
        try:
            assert self._process.stdin is not None
            pickle.dump(start, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended already, which whoever waits for it will see

    def is_late(self) -> bool:
        """A process of this machine waits for nothing."""
        return False

    def wait_until_ready(self, others_serve: Callable[[], bool]) -> bool:
        """Raises EngineError where its plugins cannot be made there, WorkerLostError where it has ended."""
        with self._lock:
            if self.served:
                return True
            assert self._process.stdout is not None
            try:
                said = pickle.load(self._process.stdout)
            except (EOFError, pickle.UnpicklingError, OSError, ValueError):  # the last: another has closed it
                raise self._lost() from None
            if isinstance(said, Failed):
                raise EngineError(f"a worker process cannot be made ready: {said.reason}")
            assert isinstance(said, Ready)
            self.served = True
            return True

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def take(self) -> None:
        """Count one more scene or task as this worker's."""
        with self._lock:
            self.scenes += 1

    def leave(self) -> None:
        with self._lock:
            self.scenes -= 1

    def call(self, method: str, *arguments: Any, **options: Any) -> Any:
        try:
            connection = self._take_connection()
            connection.send((method, arguments, options))
            kind, value = connection.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        with self._lock:
            self._idle.append(connection)
        if kind == "raised":
            raise value
        return value

    def _take_connection(self) -> Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return Client(self._address, authkey=self._key)

    def _lost(self) -> WorkerLostError:
        self._process.kill()
        code = self._process.wait()
        self.end_reason = f"worker process {self._process.pid} ended with code {code}"
        return WorkerLostError(self.end_reason)

    def close(self) -> None:
        """Let the worker close what it holds, and end it."""
        for connection in self._idle:
            connection.close()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._directory.cleanup()

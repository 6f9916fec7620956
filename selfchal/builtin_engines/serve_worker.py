"""The program of a worker process: it makes a worker, and serves calls to it until its stdin ends."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Listener
from typing import Any, BinaryIO

from selfchal.core.errors import EngineError, SelfchalError
from selfchal.rollout.scene_host import SceneHost


@dataclass(frozen=True)
class Start:
    """What the process is told first. ``spec`` is a pickled ``WorkerSpec``, to be read with this ``path``."""

    path: tuple[str, ...]
    address: str
    key: bytes = field(repr=False)
    spec: bytes = field(repr=False)


@dataclass(frozen=True)
class Ready:
    """The worker takes calls."""


@dataclass(frozen=True)
class Failed:
    """The worker could not be made, and why."""

    reason: str


def main() -> None:
    """Serve one worker for as long as whoever started it lives."""
    life, said = sys.stdin.buffer, _keep_stdout()
    start: Start = pickle.load(life)
    sys.path[:] = start.path
    try:
        host = SceneHost(pickle.loads(start.spec))
    except Exception as error:  # noqa: BLE001 — told to whoever started this process
        _say(said, Failed(_describe(error)))
        return
    try:
        with Listener(start.address, backlog=128, authkey=start.key) as listener:
            threading.Thread(target=_accept, args=(listener, host), daemon=True).start()
            _say(said, Ready())
            life.read()  # until it ends
    finally:
        host.close()
    os._exit(0)  # scenes that wait for an answer wait in threads, which nobody will tell anything


def _keep_stdout() -> BinaryIO:
    """The pipe to whoever started this process; what plugins print goes to stderr instead."""
    kept = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return kept


def _say(said: BinaryIO, what: Ready | Failed) -> None:
    pickle.dump(what, said)
    said.flush()


def _accept(listener: Listener, host: SceneHost) -> None:
    while True:
        try:
            connection = listener.accept()
        except OSError:
            return  # it was closed
        threading.Thread(target=_serve, args=(connection, host), daemon=True).start()


def _serve(connection: Connection, host: SceneHost) -> None:
    """One call after the other, until the connection is closed."""
    calls: dict[str, Callable[..., Any]] = {
        "start": host.start,
        "step": host.step,
        "finish": host.finish,
        "judge": host.judge,
        "answer": host.answer,
    }
    while True:
        try:
            method, arguments, options = connection.recv()
        except (EOFError, OSError):
            return
        try:
            reply = pickle.dumps(("given", calls[method](*arguments, **options)))
        except Exception as error:  # noqa: BLE001 — raised where the call was made
            reply = pickle.dumps(("raised", make_portable(error)))
        connection.send_bytes(reply)


def make_portable(error: Exception) -> Exception:
    """The error as it can be raised in another process, with the lines that show where it came from."""
    if not isinstance(error, SelfchalError):  # those are sentences for the person
        error.add_note(f"In the worker:\n{''.join(traceback.format_exception(error))}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 — whatever a plugin's error does when it is pickled
        return EngineError(_describe(error))
    return error


def _describe(error: Exception) -> str:
    if isinstance(error, SelfchalError):
        return str(error)
    return "".join(traceback.format_exception(error)).rstrip()

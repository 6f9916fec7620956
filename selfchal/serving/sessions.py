"""The sessions of a server's clients, by id: each is one client's, and has a world of its own.

One that is not used makes room for another one, the least recently used first. A client that keeps a
connection open is attached to its session, and then that session stays.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MOST_SESSIONS = 1_000
Session = TypeVar("Session")
Result = TypeVar("Result")


class SessionError(Exception):
    """A session cannot be had; the text says why."""


@dataclass
class _Opened(Generic[Session]):
    session: Session
    lock: threading.Lock = field(default_factory=threading.Lock)
    attached: bool = False


class Sessions(Generic[Session]):
    """All sessions of a server. Thread-safe."""

    def __init__(self, open_session: Callable[[], Session], most: int = MOST_SESSIONS) -> None:
        self._open_session = open_session
        self._most = most
        self._lock = threading.Lock()
        self._opened: OrderedDict[str, _Opened[Session]] = OrderedDict()

    def open(self, attached: bool = False) -> str:
        """A new session's id. Raises SessionError where each of too many is attached, and SelfchalError where
        its world cannot be opened."""
        opened = _Opened(self._open_session(), attached=attached)
        name = secrets.token_urlsafe(24)
        with self._lock:
            if len(self._opened) >= self._most:
                idle = next((key for key, one in self._opened.items() if not one.attached), None)
                if idle is None:
                    raise SessionError(f"all {self._most:,} sessions are in use")
                del self._opened[idle]
            self._opened[name] = opened
        return name

    def attach(self, name: str) -> None:
        """Let a connection have the session. Raises KeyError for an unknown one, SessionError if taken."""
        with self._lock:
            if self._opened[name].attached:
                raise SessionError("this session has a WebSocket already")
            self._opened[name].attached = True

    def use(self, name: str, work: Callable[[Session], Result]) -> Result:
        """What the work gives, by one thread at a time. Raises KeyError where there is no such session."""
        with self._lock:
            opened = self._opened[name]
            self._opened.move_to_end(name)
        with opened.lock:
            return work(opened.session)

    def release(self, name: str) -> None:
        """The session goes on without its connection, for the client that created it."""
        with self._lock, suppress(KeyError):
            self._opened[name].attached = False

    def close(self, name: str) -> None:
        """Raises KeyError where there is no such session."""
        with self._lock:
            del self._opened[name]

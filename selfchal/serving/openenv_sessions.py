"""The sessions of an OpenEnv server, by id: each is one client's, and at most one WebSocket has it."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from selfchal.serving.openenv_session import OpenEnvSession
from selfchal.serving.openenv_tasks import ActionError

MOST_SESSIONS = 1_000


@dataclass
class _Opened:
    session: OpenEnvSession
    lock: threading.Lock = field(default_factory=threading.Lock)
    attached: bool = False  # to a WebSocket


class OpenSessions:
    """The sessions of all clients, by id. Thread-safe."""

    def __init__(self, open_session: Callable[[], OpenEnvSession], most: int = MOST_SESSIONS) -> None:
        self._open_session = open_session
        self._most = most
        self._lock = threading.Lock()
        self._opened: OrderedDict[str, _Opened] = OrderedDict()

    def open(self, attached: bool = False) -> str:
        """A new session's id. Raises ActionError where too many WebSockets are open, and SelfchalError where
        its world cannot be opened. One that no WebSocket uses makes room, the least recently used first."""
        opened = _Opened(self._open_session(), attached=attached)
        name = secrets.token_urlsafe(24)
        with self._lock:
            if len(self._opened) >= self._most:
                idle = next((key for key, one in self._opened.items() if not one.attached), None)
                if idle is None:
                    raise ActionError(f"all {self._most:,} sessions are in use")
                del self._opened[idle]
            self._opened[name] = opened
        return name

    def attach(self, name: str) -> None:
        """Let a WebSocket have the session. Raises KeyError for an unknown one, ActionError if taken."""
        with self._lock:
            if self._opened[name].attached:
                raise ActionError("this session has a WebSocket already")
            self._opened[name].attached = True

    def use(self, name: str, work: Callable[[OpenEnvSession], Any]) -> Any:
        """What the work gives, by one thread at a time. Raises KeyError where there is no such session."""
        with self._lock:
            opened = self._opened[name]
            self._opened.move_to_end(name)
        with opened.lock:
            return work(opened.session)

    def release(self, name: str) -> None:
        """The session goes on without its WebSocket, for the client that created it."""
        with self._lock, suppress(KeyError):
            self._opened[name].attached = False

    def close(self, name: str) -> None:
        """Raises KeyError where there is no such session."""
        with self._lock:
            del self._opened[name]
